/**
 * What a conversation has to put up with, as its plan says: only then may it end by a timeout, or by a reset that neither side
 * sent. On a good network between stacks with usual settings, nothing ever fails.
 */
import type { Conditions } from '../../src/lib/link/memory.ts';
import { PATIENT_FIN_WAIT_2_MS } from './draw-hosts.ts';
import type { ConversationPlan, FaultPlan, HostPlan, WorldPlan } from './plan.ts';

export interface Hardship {
  /** It may not get as far as to be open. */
  readonly noOpening: boolean;
  /** It may end, though open, because nobody answers. */
  readonly timeouts: boolean;
  readonly resets: boolean;
}

/** What is less likely than this does not happen in a million worlds. */
const NEVER = 1e-9;
const USUAL_RETRANSMISSIONS = 15;
/** How often what must arrive is sent: a question for a hardware address, a SYN,ACK, data (half of it: the answer counts, too). */
const ARP_TRIES = 3;
const SYN_ACK_TRIES = 6;
const DATA_TRIES = 8;

/** TIME-WAIT lasts twice as long: longer than some timeouts in a row. */
const LONG_MSL_MS = 15_000;

export function hardshipOf(plan: WorldPlan, conversation: ConversationPlan): Hardship {
  const ends = [plan.hosts[conversation.client], plan.hosts[conversation.server]];
  const path = [...new Set(ends.map((host) => host.segment))].map((segment) => plan.segments[segment].conditions);
  const broken = plan.faults.some((fault) => concerns(fault, conversation, ends));
  const narrow = path.length > 1 && plan.transit.mtus.some(({ mtu }) => mtu < 9000);
  const blackHole = narrow && plan.transit.reports === 'nothing';
  const timeouts =
    conversation.kind !== 'usual' || broken || blackHole || ends.some(isImpatient) || losesAll(path, DATA_TRIES);
  // A SYN cookie is only understood in the segment that follows the SYN: if that gets lost, or is overtaken, the next is reset.
  const forgetful = ends[1].tcp.synCookies === 'always' && (narrow || losesAll(path, 1));
  // So is a FIN that comes again, because its acknowledgment got lost, when TIME-WAIT is over too soon.
  const hasty =
    losesAll(path, 1) && ends.some(({ tcp }) => (tcp.mslMs ?? 0) < LONG_MSL_MS || (tcp.maxTimeWait ?? 0) < 64);
  const confused = forgetful || hasty || losesAll(path, SYN_ACK_TRIES) || isReused(plan, conversation);
  const noOpening = timeouts || losesAll(path, ARP_TRIES);
  return { noOpening, timeouts, resets: timeouts || confused || ends.some(isShort) };
}

function concerns(fault: FaultPlan, conversation: ConversationPlan, ends: readonly HostPlan[]): boolean {
  if (fault.kind === 'deaf') return fault.host === conversation.server;
  if (fault.kind !== 'flap' || fault.host >= 0) {
    return fault.host === conversation.client || fault.host === conversation.server;
  }
  return ends.some((host) => host.segment === fault.segment);
}

/** May so many frames in a row get lost: by chance, in a burst or in queues that are full? One may be overtaken as well. */
function losesAll(path: readonly Conditions[], tries: number): boolean {
  const passes = path.reduce((share, { loss = 0, corrupt = 0 }) => share * (1 - loss) * (1 - corrupt), 1);
  const bursts = path.some(({ burstEnter = 0 }) => burstEnter > 0);
  const queues = path.some(({ bitsPerSecond = 0 }) => bitsPerSecond > 0);
  const overtaken = path.some(({ reorder = 0, duplicate = 0 }) => reorder + duplicate > 0);
  return (1 - passes) ** tries > NEVER || bursts || (queues && tries < DATA_TRIES) || (overtaken && tries === 1);
}

function isImpatient(host: HostPlan): boolean {
  const { tcp } = host;
  return (
    (tcp.userTimeoutMs ?? 0) > 0 ||
    (tcp.keepAliveMs ?? 0) > 0 ||
    (tcp.maxRetransmissions ?? USUAL_RETRANSMISSIONS) < USUAL_RETRANSMISSIONS ||
    tcp.finWait2Ms !== PATIENT_FIN_WAIT_2_MS ||
    isShort(host)
  );
}

/** Too few places for everybody. */
function isShort({ tcp, backlog, acceptBacklog }: HostPlan): boolean {
  return (tcp.maxConnections ?? 64) < 64 || tcp.maxOrphans !== undefined || backlog < 64 || acceptBacklog > 0;
}

/** Another conversation has the same addresses and ports: the one before may not be over at both ends. */
function isReused(plan: WorldPlan, { id, client, server, clientPort }: ConversationPlan): boolean {
  return plan.conversations.some(
    (other) =>
      other.id !== id &&
      clientPort !== 0 &&
      other.clientPort === clientPort &&
      other.client === client &&
      other.server === server,
  );
}

/**
 * Nothing can get lost, overtaken, marked or late in this world, and everybody is as usual: then nothing may be sent twice.
 */
export function isIdeal(plan: WorldPlan): boolean {
  const ideal = ({ bitsPerSecond = 0, jitterUs = 0 }: Conditions): boolean => bitsPerSecond === 0 && jitterUs === 0;
  return (
    plan.faults.length === 0 &&
    plan.segments.every(({ conditions }) => ideal(conditions) && !losesAll([conditions], 1)) &&
    plan.transit.mtus.every(({ mtu }) => plan.segments.every((segment) => segment.mtu <= mtu)) &&
    plan.hosts.every((host) => !isImpatient(host) && isUsual(host)) &&
    plan.conversations.every((conversation) => {
      const { kind, clientSide, serverSide } = conversation;
      const reads = [clientSide, serverSide].every(({ pauseEveryBytes }) => pauseEveryBytes === 0);
      return kind === 'usual' && reads && !isReused(plan, conversation);
    })
  );
}

/** Its timers wait as long as others' delayed acknowledgments last, and it has buffers enough. */
function isUsual({ tcp, link }: HostPlan): boolean {
  const { delayedAckMs, minRtoMs, initialRtoMs, maxRanges } = tcp;
  const timers = [delayedAckMs, minRtoMs, initialRtoMs].every((setting) => setting === undefined);
  return timers && maxRanges === undefined && (link.dataBuffers ?? 0) >= 128;
}
