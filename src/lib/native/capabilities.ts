/**
 * What this process may do. The kernel's permission for each driver is a capability (capabilities(7)); without it the mend
 * is one `setcap` line on the Node.js binary that runs us, or root.
 */
import { realpathSync } from 'node:fs';
import { native, onFirstUse } from './library.ts';

const CAP_NET_ADMIN = 12;
const CAP_NET_RAW = 13;
const CAP_IPC_LOCK = 14;
const CAP_SYS_ADMIN = 21;
const CAP_PERFMON = 38;
const CAP_BPF = 39;

export interface Capabilities {
  /** Set interfaces up, make TAP devices, attach XDP programs. */
  readonly netAdmin: boolean;
  /** Packet sockets, AF_XDP sockets. */
  readonly netRaw: boolean;
  /** Load BPF programs. */
  readonly bpf: boolean;
  /** Pin memory beyond RLIMIT_MEMLOCK. */
  readonly ipcLock: boolean;
}

const table = onFirstUse(() => ({
  effective: native<(effective: Int32Array) => number>('int rtcp_capabilities(int32_t *effective)'),
}));

/** The effective capabilities of this thread. CAP_SYS_ADMIN includes CAP_BPF. */
export function capabilities(): Capabilities {
  const words = new Int32Array(2);
  table().effective(words);
  const has = (bit: number): boolean => ((words[bit >> 5] >>> (bit & 31)) & 1) === 1;
  return {
    netAdmin: has(CAP_NET_ADMIN),
    netRaw: has(CAP_NET_RAW),
    bpf: has(CAP_BPF) || has(CAP_SYS_ADMIN),
    ipcLock: has(CAP_IPC_LOCK),
  };
}

/** Loading a program whose packet pointers the verifier follows needs CAP_BPF and CAP_NET_ADMIN, for some kernels CAP_PERFMON. */
export const NEEDED_CAPABILITIES = 'cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon,cap_ipc_lock';

/** The numbers of NEEDED_CAPABILITIES, for a bounding-set check. */
export const NEEDED_CAPABILITY_BITS: readonly number[] = [
  CAP_NET_RAW,
  CAP_NET_ADMIN,
  CAP_BPF,
  CAP_PERFMON,
  CAP_IPC_LOCK,
];

/** The command that gives the Node.js binary that runs us what the drivers need. */
export function setcapCommand(): string {
  return `sudo setcap ${NEEDED_CAPABILITIES}=ep ${realpathSync(process.execPath)}`;
}

/** What to tell an operator who lacks a privilege. */
export function capabilityMend(): string {
  return `run as root, or once: ${setcapCommand()}`;
}
