/**
 * What this process may do with the network, found out by doing it: every link is opened for a moment, on `lo` or as a
 * device of its own, and closed again.
 */
import { existsSync } from 'node:fs';
import { toCommandError } from '../cli/command-error.ts';
import { PacketLink } from '../link/packet.ts';
import { TapLink } from '../link/tap.ts';
import { XdpLink } from '../link/xdp.ts';
import { PacketMemory } from '../memory/packet-memory.ts';
import { capabilities, capabilityMend, setcapCommand } from '../native/capabilities.ts';
import { holdPort } from '../native/interface.ts';
import { closeFd } from '../native/wait.ts';
import type { Finding } from './check.ts';
import { fail, ok, warn } from './check.ts';

const MEMORY_BYTES = 32 << 20;
const SMALL_POOLS = { dataBuffers: 16, controlBuffers: 16 };
const LOOPBACK_ADDRESS = 0x7f00_0001;
/** tcpmux (RFC 1078): nobody serves it, so taking it over for a moment disturbs nobody. */
const UNUSED_PORT = 1;

export function checkCapabilities(): Finding {
  let mine: ReturnType<typeof capabilities>;
  try {
    mine = capabilities();
  } catch (error) {
    return unloadable('capabilities', error);
  }
  const { netAdmin, netRaw, bpf } = mine;
  const missing = [netAdmin ? '' : 'CAP_NET_ADMIN', netRaw ? '' : 'CAP_NET_RAW', bpf ? '' : 'CAP_BPF'].filter(Boolean);
  if (missing.length === 0)
    return ok('capabilities', process.getuid?.() === 0 ? 'root' : 'CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF');
  return fail('capabilities', `missing ${missing.join(', ')}`, setcapCommand());
}

/** Does RLIMIT_MEMLOCK not count for this process? */
export function locksFreely(): boolean {
  try {
    return capabilities().ipcLock;
  } catch {
    return false; // checkCapabilities says why nothing is known
  }
}

export function checkPacket(): Finding {
  return tryLink('AF_PACKET', () => {
    const memory = new PacketMemory(MEMORY_BYTES);
    PacketLink.open({ memory, interfaceName: 'lo', match: { kind: 'arp' }, rxSlots: 15, ...SMALL_POOLS }).close();
    return 'opens, with vnet headers';
  });
}

export function checkXdp(): Finding {
  return tryLink('AF_XDP', () => {
    const memory = new PacketMemory(MEMORY_BYTES);
    const match = { kind: 'port', address: LOOPBACK_ADDRESS, port: UNUSED_PORT } as const;
    const link = XdpLink.open({ memory, interfaceName: 'lo', match, rxBuffers: 64, txBuffers: 64 });
    const { mode, multiBuffer, capabilities: offers } = link;
    link.close();
    const frames = multiBuffer ? 'large frames' : 'no frames over 2 KB';
    return `opens on lo (${mode}), ${frames}, checksum offload ${offers.checksumOffload ? 'by metadata' : 'missing'}`;
  });
}

export function checkTap(): Finding {
  if (!existsSync('/dev/net/tun'))
    return warn('TAP', 'the kernel has no TUN/TAP driver: --io tap does not work', 'modprobe tun');
  return tryLink('TAP', () => {
    const link = TapLink.open({
      memory: new PacketMemory(MEMORY_BYTES),
      interfaceName: `rtcp-${process.pid}`,
      ...SMALL_POOLS,
    });
    link.close();
    return 'a device can be made, with vnet headers';
  });
}

export function checkPort(port: number): Finding {
  const name = `port ${port}`;
  try {
    closeFd(holdPort(LOOPBACK_ADDRESS, port));
    return ok(name, 'free on 127.0.0.1');
  } catch (error) {
    const failure = toCommandError(error);
    return warn(name, failure.message, failure.mend);
  }
}

/** A link that does not open is a warning: which of them `serve` needs is decided by the whole. */
function tryLink(name: string, attempt: () => string): Finding {
  try {
    return ok(name, attempt());
  } catch (error) {
    const { message, mend } = toCommandError(error);
    return warn(name, message, mend === capabilityMend() ? setcapCommand() : mend);
  }
}

function unloadable(name: string, error: unknown): Finding {
  const failure = toCommandError(error);
  return fail(name, failure.message, failure.mend);
}
