/**
 * When an acknowledgment that could wait does not (RFC 9293 §3.8.6.3 lets it wait, RFC 5681 §4.2 says when it must not). With
 * `config.quickAcks`, as Linux does it: a new connection's sender is in slow start, which every acknowledgment speeds up, so
 * the first ones go at once; also after a pause. But when the owner answers what it gets, they ride on the answers.
 */
import type { Connection } from './connection.ts';
import { distance } from './sequence.ts';

/** Called where an acknowledgment would be delayed; true: send it now. */
export function takeQuickAck(c: Connection): boolean {
  const { clockUs, config, delayedAckUs } = c.stack;
  if (config.quickAcks === 0) return false;
  const answeredAfterUs = distance(c.lastSentUs, c.arrivedUs);
  const answered = c.sndNxt !== c.arrivedNxt && answeredAfterUs >= 0 && answeredAfterUs < delayedAckUs;
  if (c.quickAcks < 0 || distance(clockUs, c.arrivedUs) > c.rtt.rtoUs) c.quickAcks = config.quickAcks;
  else if (answered) c.interactive = true;
  c.arrivedUs = clockUs;
  c.arrivedNxt = c.sndNxt;
  if (c.interactive || c.quickAcks === 0) return false;
  c.quickAcks--;
  return true;
}
