/** The encoding of any key's value, by the name that OBJECT ENCODING and DEBUG OBJECT have for it. */
import type { Engine } from './engine.ts';
import { stringEncoding } from './string/value.ts';

/** `ref` is a record of the client's database. */
export function encodingOf(engine: Engine, ref: number): string {
  const kind = engine.values.kinds[engine.db.type(ref)];
  return kind === null ? stringEncoding(engine, ref) : kind.encoding(engine.db, ref);
}
