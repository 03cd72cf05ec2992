/**
 * How far a group is, counted in entries: `entries-read`, of all entries that were ever added, and its lag, what it has yet to
 * read. Both are exact as long as no entry was deleted from the middle of what they count over; otherwise, as in Redis, they
 * are unknown until the group comes to an entry whose number can be told: the first one or the last one.
 *
 * Counts are 64-bit integers, two words each: XSETID and ENTRIESREAD set them to anything.
 */
import type { Groups } from './groups.ts';
import { StreamId } from './id.ts';
import type { StreamLog } from './log.ts';

export class Progress {
  /** What number() and lag() found. */
  low = 0;
  high = 0;
  private readonly log: StreamLog;
  private readonly groups: Groups;
  private readonly edge = new StreamId();
  private readonly deleted = new StreamId();
  private readonly last = new StreamId();

  constructor(log: StreamLog, groups: Groups) {
    this.log = log;
    this.groups = groups;
  }

  /** The group reads the entry `id` of the open log: moves its last ID and its count if it is ahead of both. */
  advance(group: number, id: StreamId): void {
    const { groups } = this;
    if (id.compare(groups.lastId(group, this.last)) <= 0) return;
    const low = groups.readLow(group);
    const high = groups.readHigh(group);
    if ((low & high) !== -1 && !this.deletedFrom(id)) {
      const next = (low + 1) | 0;
      groups.setRead(group, next, next === 0 ? (high + 1) | 0 : high);
    } else if ((this.log.addedLow | this.log.addedHigh) !== 0) {
      if (this.number(id)) groups.setRead(group, this.low, this.high);
      else groups.setRead(group, -1, -1);
    }
    groups.setLastId(group, id);
  }

  /** Sets `low` and `high` to what the group has yet to read of the open log; false when that is unknown. */
  lag(group: number): boolean {
    const { groups, log } = this;
    this.low = 0;
    this.high = 0;
    if ((log.addedLow | log.addedHigh) === 0) return true;
    groups.lastId(group, this.last);
    this.low = groups.readLow(group);
    this.high = groups.readHigh(group);
    const known = (this.low & this.high) !== -1 && !this.deletedFrom(this.last);
    if (!known && !this.number(this.last)) return false;
    const low = (log.addedLow - this.low) | 0;
    this.high = (log.addedHigh - this.high - (log.addedLow >>> 0 < this.low >>> 0 ? 1 : 0)) | 0;
    this.low = low;
    return true;
  }

  /** An entry at or after `id` was deleted from amid the others, as far as that is remembered. */
  private deletedFrom(id: StreamId): boolean {
    const { log } = this;
    const deleted = log.maxDeletedId(this.deleted);
    if (log.length === 0 || deleted.isZero || log.firstId(this.edge).compare(deleted) > 0) return false;
    return id.compare(deleted) <= 0;
  }

  /** Sets `low` and `high` to the number of the entry `id` among all that were added; false when that is unknown. */
  number(id: StreamId): boolean {
    const { log, edge } = this;
    this.low = log.addedLow;
    this.high = log.addedHigh;
    if ((this.low | this.high) === 0) return true;
    const toLast = id.compare(log.lastId(edge));
    if (log.length === 0 && toLast <= 0) return true;
    if (toLast >= 0) return toLast === 0;
    log.firstId(edge);
    const deleted = log.maxDeletedId(this.deleted);
    const toFirst = id.compare(edge);
    if (toFirst > 0 || (!deleted.isZero && deleted.compare(edge) >= 0)) return false;
    // All before the first entry are gone: it is number added − length + 1.
    const gone = log.length - (toFirst === 0 ? 1 : 0);
    const low = (this.low - gone) | 0;
    this.high = (this.high - (this.low >>> 0 < gone ? 1 : 0)) | 0;
    this.low = low;
    return true;
  }
}
