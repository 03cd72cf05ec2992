/**
 * Aiming a world's clock: initial sequence numbers and timestamps are a clock plus a keyed hash (RFC 6528, RFC 7323 §5.4), so a
 * world that begins at the right time has its first conversation wrap, or change sign, within its first bytes or seconds.
 */
import { initialSequence, timestampOffset } from '../../src/lib/tcp/opening/isn.ts';
import { secretOf } from './host.ts';
import { addressOf, LISTENING_PORT, type WorldPlan } from './plan.ts';

const WRAP = 2 ** 32;
/** Where a world begins whose clocks are not aimed; after an hour, so that nothing is at its initial value. */
const SOMEWHEN_US = 3_600_000_000;
/** How long before the wrap: a few segments, a few seconds. */
const SEQUENCE_LEAD = 3_000;
const TIMESTAMP_LEAD_MS = 2_000;

export function startOf(plan: WorldPlan): number {
  const [first] = plan.conversations;
  if (first === undefined || plan.clocks === 'anywhere') return SOMEWHEN_US + (plan.seed >>> 0);
  const host = plan.hosts[first.client];
  const secret = secretOf(host, 0);
  const local = addressOf(host.segment, first.client + 1);
  const remote = addressOf(plan.hosts[first.server].segment, first.server + 1);
  if (plan.clocks === 'sequence-wrap') {
    const hash = initialSequence(secret, 0, local, remote, (first.clientPort << 16) | LISTENING_PORT);
    return 4 * until(-SEQUENCE_LEAD, hash);
  }
  const target = plan.clocks === 'timestamp-wrap' ? -TIMESTAMP_LEAD_MS : 2 ** 31 - TIMESTAMP_LEAD_MS;
  return 1000 * until(target, timestampOffset(secret, local, remote));
}

/** How far a 32-bit clock that is `offset` ahead has to go to show `target`; once round more, so that it is never about 0. */
function until(target: number, offset: number): number {
  return ((((target - offset) % WRAP) + WRAP) % WRAP) + WRAP;
}
