/**
 * From flags and what the machine allows to one decision: which transport, on which interface, under which address, and why.
 * Pure: `Surroundings` says what is there, so that every branch is testable, and the reason is printed when the server starts.
 *
 *   --io socket ───────────────────────────────────────────────▶ kernel sockets on --bind
 *   --io tap ──▶ a device of our own, the kernel is our peer
 *   --iface IF --ip A/len ─────────▶ xdp, else packet            an address of our own on IF
 *   --iface IF --takeover ─────────▶ xdp                         one TCP port of the host's address on IF
 *   nothing, privileged ───────────▶ xdp on lo                   one TCP port of 127.0.0.1
 *   nothing, not privileged ───────▶ kernel sockets
 */
import { formatIpv4, parseIpv4 } from '../wire/address.ts';

export type IoKind = 'xdp' | 'packet' | 'tap' | 'socket';

export interface AddressFlags {
  io: IoKind | 'auto';
  iface?: string;
  /** `A.B.C.D` or `A.B.C.D/len`. */
  ip?: string;
  port: number;
  gateway?: string;
  mac?: string;
  takeover: boolean;
  /** Kernel sockets: the address to listen on. */
  bind: string;
}

/** What the plan needs to know of the machine. */
export interface Surroundings {
  /** May this process open AF_XDP and packet sockets and make interfaces? */
  privileged: boolean;
  /** The command that would give it the privilege. */
  privilegeMend: string;
  /** First IPv4 address and prefix of an interface; null when it has none; undefined when there is no such interface. */
  interfaceAddress(name: string): { address: number; prefix: number } | null | undefined;
  interfaces(): string[];
}

export interface Plan {
  /** In order of preference: the first that opens is taken. */
  io: IoKind[];
  interfaceName: string;
  /** Our address (int32, host order) and prefix length. */
  address: number;
  prefix: number;
  /** 0 when there is none. */
  gateway: number;
  mac: string | null;
  port: number;
  /** We take one port of an address that the kernel owns; ARP and ICMP stay with it. */
  takeover: boolean;
  /** Why, in words that follow the name of the transport. */
  reason: string;
  /** The command that connects. */
  connect: string;
}

/** What the operator asked for can't be; `mend` says what to type instead. */
export class PlanError extends Error {
  readonly mend: string;
  readonly exitCode: number;

  constructor(message: string, mend: string, exitCode = 2) {
    super(message);
    this.name = 'PlanError';
    this.mend = mend;
    this.exitCode = exitCode;
  }
}

export const EXIT_PRIVILEGE = 4;
const TAP_DEFAULT_NAME = 'rtcp0';
const LOOPBACK = 'lo';
const LOOPBACK_ADDRESS = 0x7f00_0001;

export function planTransport(flags: AddressFlags, around: Surroundings): Plan {
  if (flags.io === 'socket') {
    refuseStackFlags(flags);
    return socketPlan(flags, 'as asked');
  }
  if (flags.io === 'tap') return tapPlan(flags, around);
  if (flags.iface === undefined && flags.ip === undefined) {
    if (flags.io === 'packet') {
      throw new PlanError(
        'AF_PACKET needs an interface and an address of its own: the kernel would reset connections to an address that it owns',
        'name both, e.g. rtcp serve --io packet --iface eth0 --ip 192.0.2.10/24',
      );
    }
    if (around.privileged) return loopbackPlan(flags);
    if (flags.io === 'auto') return socketPlan(flags, `no privilege for the userspace stack (${around.privilegeMend})`);
    throw unprivileged(flags.io, around);
  }
  if (!around.privileged) throw unprivileged(flags.io, around);
  return interfacePlan(flags, around);
}

function unprivileged(io: string, around: Surroundings): PlanError {
  const what = io === 'auto' ? 'our own stack on an interface' : `--io ${io}`;
  return new PlanError(`${what} needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF`, around.privilegeMend, EXIT_PRIVILEGE);
}

/** Kernel sockets have no use for what describes a stack of our own: said, because the operator meant something by it. */
function refuseStackFlags(flags: AddressFlags): void {
  for (const name of ['iface', 'ip', 'mac', 'gateway', 'takeover'] as const) {
    if (flags[name] === undefined || flags[name] === false) continue;
    throw new PlanError(
      `--${name} is for our own stack, and --io socket is the kernel's`,
      `leave --${name} out (--bind names the address to listen on), or choose another --io`,
    );
  }
}

function socketPlan(flags: AddressFlags, reason: string): Plan {
  const address = address4(flags.bind, '--bind');
  return {
    io: ['socket'],
    interfaceName: '',
    address,
    prefix: 32,
    gateway: 0,
    mac: null,
    port: flags.port,
    takeover: false,
    reason,
    connect: connectLine(address === 0 ? LOOPBACK_ADDRESS : address, flags.port),
  };
}

function loopbackPlan(flags: AddressFlags): Plan {
  const address = LOOPBACK_ADDRESS;
  return {
    io: ['xdp'],
    interfaceName: LOOPBACK,
    address,
    prefix: 8,
    gateway: 0,
    mac: null,
    port: flags.port,
    takeover: true,
    reason:
      'no interface was named: we take this one port of the loopback address, everything else stays with the kernel',
    connect: connectLine(address, flags.port),
  };
}

function tapPlan(flags: AddressFlags, around: Surroundings): Plan {
  if (flags.ip === undefined) {
    throw new PlanError('--io tap needs an address for us', 'give one, e.g. rtcp serve --io tap --ip 192.0.2.2/24');
  }
  if (flags.takeover) throw new PlanError('--takeover and --io tap exclude each other', 'leave one of them out');
  if (!around.privileged) throw unprivileged('tap', around);
  const { address, prefix } = cidr(flags.ip);
  const gateway = flags.gateway === undefined ? firstFree(address, prefix) : address4(flags.gateway, '--gateway');
  return {
    io: ['tap'],
    interfaceName: flags.iface ?? TAP_DEFAULT_NAME,
    address,
    prefix,
    gateway,
    mac: flags.mac ?? null,
    port: flags.port,
    takeover: false,
    reason: `a device of our own; the kernel is ${formatIpv4(gateway)} on its other side`,
    connect: connectLine(address, flags.port),
  };
}

function interfacePlan(flags: AddressFlags, around: Surroundings): Plan {
  const name = flags.iface ?? LOOPBACK;
  const own = around.interfaceAddress(name);
  if (own === undefined) {
    throw new PlanError(`there is no interface ${name}`, `choose one of: ${around.interfaces().join(', ')}`);
  }
  const wanted = flags.ip === undefined ? null : cidr(flags.ip);
  const ofHost = own !== null && (wanted === null || wanted.address === own.address);
  if (flags.iface === undefined && !ofHost && !flags.takeover) {
    throw new PlanError(`on which interface is ${flags.ip} to be?`, `name it, e.g. --iface eth0 --ip ${flags.ip}`);
  }
  if (flags.takeover || (ofHost && name === LOOPBACK)) return takeoverPlan(flags, name, own, wanted);
  if (wanted === null) {
    throw new PlanError(
      `which address on ${name}?`,
      `an address of our own: --ip A.B.C.D/len; or our port of the host's address: --takeover`,
    );
  }
  if (ofHost) {
    throw new PlanError(
      `${formatIpv4(wanted.address)} is the kernel's own address on ${name}`,
      'take just our port of it with --takeover, or give another --ip',
    );
  }
  const gateway = flags.gateway === undefined ? 0 : address4(flags.gateway, '--gateway');
  return {
    io: flags.io === 'packet' ? ['packet'] : flags.io === 'xdp' ? ['xdp'] : ['xdp', 'packet'],
    interfaceName: name,
    address: wanted.address,
    prefix: wanted.prefix,
    gateway,
    mac: flags.mac ?? null,
    port: flags.port,
    takeover: false,
    reason: `an address of our own on ${name}: we answer ARP, ping and TCP for it`,
    connect: connectLine(wanted.address, flags.port),
  };
}

function takeoverPlan(
  flags: AddressFlags,
  name: string,
  own: { address: number; prefix: number } | null,
  wanted: { address: number; prefix: number } | null,
): Plan {
  if (flags.io === 'packet') {
    throw new PlanError(
      'AF_PACKET cannot take over a port: the kernel sees the frames too and resets the connections',
      'use --io xdp, or an address of our own with --ip',
    );
  }
  const address = wanted?.address ?? own?.address;
  if (address === undefined) {
    throw new PlanError(`${name} has no address to take a port of`, 'name the address with --ip A.B.C.D');
  }
  return {
    io: ['xdp'],
    interfaceName: name,
    address,
    prefix: own?.prefix ?? 32,
    gateway: 0,
    mac: null,
    port: flags.port,
    takeover: true,
    reason: `one TCP port of ${formatIpv4(address)} on ${name}, everything else stays with the kernel`,
    connect: connectLine(address, flags.port),
  };
}

function connectLine(address: number, port: number): string {
  const host = formatIpv4(address);
  const options = [host === '127.0.0.1' ? '' : ` -h ${host}`, port === 6379 ? '' : ` -p ${port}`];
  return `redis-cli${options.join('')}`;
}

function address4(text: string, flag: string): number {
  const address = parseIpv4(text);
  if (address === null) throw new PlanError(`${flag} ${text} is no IPv4 address`, 'write it as A.B.C.D');
  return address;
}

function cidr(text: string): { address: number; prefix: number } {
  const [host, length] = text.split('/');
  const prefix = length === undefined ? 24 : /^\d{1,2}$/.test(length) ? Number(length) : -1;
  if (prefix < 1 || prefix > 32)
    throw new PlanError(`--ip ${text} has no prefix length 1 to 32`, 'write it as A.B.C.D/24');
  const address = address4(host, '--ip');
  if (!isHostAddress(address, prefix)) {
    throw new PlanError(
      `--ip ${text} is not the address of one host`,
      'no broadcast, multicast or network address: write it as 192.0.2.10/24',
    );
  }
  return { address, prefix };
}

/** Not 0/8, multicast or reserved (RFC 1122 §3.2.1.3), and in subnets of more than two neither the first nor the last. */
function isHostAddress(address: number, prefix: number): boolean {
  const top = address >>> 24;
  if (top === 0 || top >= 224) return false;
  if (prefix >= 31) return true; // RFC 3021
  const host = address & ~(-1 << (32 - prefix));
  return host !== 0 && host !== ~(-1 << (32 - prefix));
}

/** The first host address of the subnet that is not ours. */
function firstFree(address: number, prefix: number): number {
  const network = prefix === 32 ? address : address & (-1 << (32 - prefix));
  const first = (network + 1) | 0;
  return first === address ? (first + 1) | 0 : first;
}
