/** The digests of a value and of all databases, as DEBUG DIGEST-VALUE and DEBUG DIGEST tell them (digest.ts). */
import { byteOf, chunkOf } from '../../store/arena.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import type { Engine } from '../engine.ts';
import { codecOf } from './codecs.ts';
import { Digest } from './digest.ts';

const EXPIRES = Buffer.from('!!expire!!');
const BATCH = 256;

/** Adds a record's value, and whether it expires, to a digest. */
function addValue(engine: Engine, db: Keyspace, ref: number, into: Digest): void {
  into.mix(bigEndian(db.type(ref)));
  codecOf(db, ref).digest(engine, db, ref, into);
  if (db.expiry(ref) >= 0) into.xor(EXPIRES);
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** In hexadecimal. `ref` 0, for a key that isn't there, gives zeros. */
export function valueDigest(engine: Engine, db: Keyspace, ref: number): string {
  const digest = new Digest();
  if (ref !== 0) addValue(engine, db, ref, digest);
  return digest.hex;
}

/** Of all keys of all databases, in hexadecimal; zeros when there are none. */
export function datasetDigest(engine: Engine): string {
  const all = new Digest();
  const one = new Digest();
  for (const db of engine.databases) {
    if (db.size === 0) continue;
    all.mix(bigEndian(db.index));
    let cursor = 0;
    do {
      cursor = db.scan(cursor, BATCH, (ref) => {
        const key = byteOf(ref) + db.keyByte(ref);
        one.clear();
        one.mix(engine.arena.bytes8[chunkOf(ref)].subarray(key, key + db.keyLength(ref)));
        addValue(engine, db, ref, one);
        all.xor(one.bytes);
      });
    } while (cursor !== 0);
  }
  return all.hex;
}
