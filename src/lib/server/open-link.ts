/**
 * From a plan to an open link: the first of its transports that the machine takes. What was tried before and why it failed
 * is kept, so that the log can say it.
 */
import type { Link } from '../link/link.ts';
import { PacketLink } from '../link/packet.ts';
import { TapLink } from '../link/tap.ts';
import { XdpLink } from '../link/xdp.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import type { Match } from '../native/match.ts';
import { parseMac } from '../wire/address.ts';
import { type IoKind, type Plan, PlanError } from './plan.ts';

export interface OpenedLink {
  link: Link;
  io: IoKind;
  /** Transports that were tried before this one, each with the kernel's words. */
  refused: string[];
}

/** Opens the link; throws the last refusal when none could be opened. */
export function openLink(plan: Plan, queue: number, memory: PacketMemory): OpenedLink {
  const refused: string[] = [];
  let last: unknown = new PlanError('no transport was planned', 'this is a defect');
  for (const io of plan.io) {
    try {
      return { link: open(io, plan, queue, memory), io, refused };
    } catch (error) {
      last = error;
      refused.push(`${io}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw last;
}

function open(io: IoKind, plan: Plan, queue: number, memory: PacketMemory): Link {
  const { interfaceName, address, port } = plan;
  const mac = hardwareAddress(plan);
  const match: Extract<Match, { kind: 'address' | 'port' }> = plan.takeover
    ? { kind: 'port', address, port }
    : { kind: 'address', address };
  if (io === 'xdp') return XdpLink.open({ memory, interfaceName, match, queue, mac });
  if (io === 'packet') return PacketLink.open({ memory, interfaceName, match, mac });
  return TapLink.open({
    memory,
    interfaceName,
    mac,
    kernelAddress: plan.gateway,
    kernelPrefix: plan.prefix,
  });
}

function hardwareAddress(plan: Plan): Uint8Array | undefined {
  if (plan.mac === null) return undefined;
  const mac = parseMac(plan.mac);
  if (mac === null) throw new PlanError(`--mac ${plan.mac} is no hardware address`, 'write it as 02:00:00:00:00:01');
  return mac;
}
