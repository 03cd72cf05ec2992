/**
 * What one acknowledgment says has arrived, gathered from the ledger's entries while it is taken in: how much, by which copy,
 * and which of it was sent last (RFC 8985 §6.2, steps 1 to 3). Used anew for each acknowledgment.
 */
import { type Ledger, REPEATED } from './ledger.ts';

/** A millisecond timestamp may be so much younger than what carried it. */
const TIMESTAMP_STEP_US = 1000;

export class Delivered {
  /** Sequence numbers that are neither in flight nor SACKed any more, or newly SACKed. */
  bytes = 0;
  /** Newly SACKed ones of them. */
  sackedBytes = 0;
  /** Something that was sent only once, before the last reduction: RFC 5682's sign that a timeout was spurious. */
  original = false;
  /** Something that was sent more than once. */
  repeated = false;
  /** How far behind the highest arrival that is which was sent once and has arrived late; 0: nothing has. */
  reorderedBytes = 0;
  /** The round trip of what was sent last and only once, in µs; 0: nothing was. */
  rttUs = 0;
  /** Something tells when it was sent: what was sent last of that. */
  timed = false;
  sentUs = 0;
  end = 0;
  /** Highest sequence number that has arrived so far. */
  fack = 0;
  /** The same before this acknowledgment: the order of its blocks says nothing about the order of arrival. */
  private fackBefore = 0;
  private clockUs = 0;
  private minRttUs = 0;
  private recover = 0;
  /** Age of the timestamp that is echoed, in µs, or −1. */
  private echoAgeUs = -1;

  begin(clockUs: number, minRttUs: number, recover: number, fack: number, echoAgeUs: number): void {
    this.bytes = 0;
    this.sackedBytes = 0;
    this.original = false;
    this.repeated = false;
    this.reorderedBytes = 0;
    this.rttUs = 0;
    this.timed = false;
    this.sentUs = 0;
    this.end = 0;
    this.fack = fack;
    this.fackBefore = fack;
    this.clockUs = clockUs;
    this.minRttUs = minRttUs;
    this.recover = recover;
    this.echoAgeUs = echoAgeUs;
  }

  /** Entry i of the ledger has arrived. */
  note(ledger: Ledger, i: number): void {
    const end = ledger.endOf(i);
    const sentUs = ledger.sentUsOf(i);
    const ageUs = (this.clockUs - sentUs) | 0;
    this.bytes += ledger.lengthOf(i);
    let telling = true;
    if ((ledger.marksOf(i) & REPEATED) === 0) {
      if (((end - this.recover) | 0) <= 0) this.original = true;
      const behind = (this.fackBefore - ledger.startOf(i)) | 0;
      if (((end - this.fackBefore) | 0) < 0 && behind > this.reorderedBytes) this.reorderedBytes = behind; // RFC 8985 §6.2 step 3
      if (this.rttUs === 0 || ageUs < this.rttUs) this.rttUs = ageUs < 1 ? 1 : ageUs;
    } else {
      this.repeated = true;
      // Step 2: it may be an earlier copy that arrived, and then the time of the last says nothing.
      telling = ageUs >= this.minRttUs && this.echoAgeUs <= ageUs + TIMESTAMP_STEP_US;
    }
    if (((end - this.fack) | 0) > 0) this.fack = end;
    if (!telling || (this.timed && !sentAfter(sentUs, end, this.sentUs, this.end))) return;
    this.timed = true;
    this.sentUs = sentUs;
    this.end = end;
  }
}

/** RACK_sent_after (RFC 8985 §6.2): sent later, or in the same instant and behind. */
export function sentAfter(sentUs: number, end: number, otherSentUs: number, otherEnd: number): boolean {
  const later = (sentUs - otherSentUs) | 0;
  return later > 0 || (later === 0 && ((end - otherEnd) | 0) > 0);
}
