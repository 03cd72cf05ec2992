/** The members of a sorted set: a table of records, member ──▶ score (the record's 8-byte value). */
import * as record from '../record.ts';
import { RecordTable, segmentsFor } from '../record-table.ts';
import { chunkOf, wordOf } from '../ref.ts';

const SCORE_BYTES = 8;
const TYPE_NONE = 0;

export class MemberTable extends RecordTable {
  /** Adds a member that is not there. Returns its record; 0 without memory. */
  insertMember(view: DataView, start: number, length: number, hash: number, score: number): number {
    const ref = this.insertBytes(view, start, length, hash, TYPE_NONE, SCORE_BYTES);
    if (ref !== 0) this.setScore(ref, score);
    return ref;
  }

  scoreOf(ref: number): number {
    const chunk = chunkOf(ref);
    return this.arena.views[chunk].getFloat64(record.valueWordAt(this.chunks[chunk], wordOf(ref)) << 2, true);
  }

  setScore(ref: number, score: number): void {
    const chunk = chunkOf(ref);
    this.arena.views[chunk].setFloat64(record.valueWordAt(this.chunks[chunk], wordOf(ref)) << 2, score, true);
  }

  /** Moves a record that stands in a sparse slab. Returns where it is now, or 0 when it stayed. */
  evacuate(ref: number): number {
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    if (!this.arena.isSparse(ref, this.bytesOf(words, at))) return 0;
    return this.moveTo(ref, words[at], SCORE_BYTES, false);
  }

  /** Frees a record of a table of which only dropTableStep() will be called any more. */
  free(ref: number): void {
    this.release(ref);
  }

  /** Frees the table without its records, in steps that cost as much as freeing `budget` of them; true when there is more. */
  dropTableStep(budget: number): boolean {
    return this.table.destroyStep(segmentsFor(budget));
  }
}
