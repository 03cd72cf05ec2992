/**
 * The patterns of SORT: BY and GET name keys after an element that takes the place of the first `*`, and a hash's field after
 * `->`.
 *
 *   weight_*         the string under weight_ELEMENT
 *   user_*->age      field `age` of the hash under user_ELEMENT
 *   #                the element itself (GET)
 *
 * A pattern ends for its `*` and `->` at a NUL, where redis-server's search for them ends.
 */
import { copyAcross } from '../../memory/copy.ts';
import { chunkOf } from '../../store/ref.ts';
import { valueStart } from '../../store/value-kind.ts';
import type { Engine } from '../engine.ts';
import { lookupBytes, TYPE_HASH, TYPE_STRING } from '../keys.ts';
import type { Bytes } from './sort-elements.ts';

/** Up to so many bytes more may be read past a key. */
const SLACK_BYTES = 8;
const STAR = 0x2a;

export class SortPattern {
  /** `#` */
  readonly isElement: boolean;
  /** There is a place for the element: without one there is no key, and as BY it says that nothing is sorted. */
  readonly hasPlace: boolean;
  private readonly prefix: Buffer;
  private readonly postfix: Buffer;
  private readonly field: Buffer | null;
  private key = new DataView(new SharedArrayBuffer(64));

  constructor(text: Buffer) {
    const nul = text.indexOf(0);
    const searched = nul < 0 ? text : text.subarray(0, nul);
    const star = searched.indexOf(STAR);
    const arrow = star < 0 ? -1 : searched.indexOf('->', star + 1);
    const hasField = arrow >= 0 && arrow + 2 < searched.length;
    this.isElement = searched.toString('latin1') === '#';
    this.hasPlace = star >= 0;
    this.prefix = text.subarray(0, Math.max(star, 0));
    this.postfix = text.subarray(star + 1, hasField ? arrow : text.length);
    this.field = hasField ? shared(text.subarray(arrow + 2)) : null;
  }

  /** Points `found` at what the pattern names for an element. False when there is no such key, field, or string. */
  find(engine: Engine, element: Bytes, found: Bytes): boolean {
    if (this.isElement) {
      found.set(element.view, element.start, element.length);
      return true;
    }
    if (!this.hasPlace) return false;
    const keyBytes = this.writeKey(element); // which may replace `key`
    const ref = lookupBytes(engine, this.key, 0, keyBytes);
    if (ref === 0) return false;
    const { db } = engine;
    if (this.field === null) {
      if (db.type(ref) !== TYPE_STRING) return false;
      found.set(engine.arena.views[chunkOf(ref)], valueStart(db, ref), db.valueLength(ref));
      return true;
    }
    if (db.type(ref) !== TYPE_HASH) return false;
    const { hashes } = engine.values;
    hashes.open(db, ref, engine.nowMs);
    const { buffer, byteOffset, length } = this.field;
    const place = hashes.find(new DataView(buffer, byteOffset), 0, length);
    if (place === 0) return false;
    hashes.loadValue(place);
    found.set(hashes.view, hashes.start, hashes.length);
    return true;
  }

  /** Writes the key's name for an element; returns its length. */
  private writeKey(element: Bytes): number {
    const { prefix, postfix } = this;
    const length = prefix.length + element.length + postfix.length;
    if (this.key.byteLength < length + SLACK_BYTES)
      this.key = new DataView(new SharedArrayBuffer(length * 2 + SLACK_BYTES));
    const key = Buffer.from(this.key.buffer);
    prefix.copy(key, 0);
    copyAcross(this.key, prefix.length, element.view, element.start, element.length);
    postfix.copy(key, prefix.length + element.length);
    return length;
  }
}

/** A copy behind which a few bytes more can be read. */
function shared(bytes: Buffer): Buffer {
  const copy = Buffer.from(new SharedArrayBuffer(bytes.length + SLACK_BYTES));
  bytes.copy(copy);
  return copy.subarray(0, bytes.length);
}
