/**
 * HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]: a few fields at a time. A packed hash is answered at once; in a
 * table the cursor is the next hash in its order, so what stays from the first call to the last is met once.
 */
import type { Engine } from '../engine.ts';
import {
  CURSOR_LIMIT,
  cursorArgument,
  matchesPattern,
  replyCursor,
  replyNothingScanned,
  scanOptions,
} from '../scan.ts';
import { openToRead, replyField, replyFieldValue } from './value.ts';

export function hscan(engine: Engine, arg: number, argc: number): void {
  const cursor = cursorArgument(engine, arg + 2);
  if (cursor < 0) return;
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  if (ref === 0) {
    replyNothingScanned(engine);
    return;
  }
  const options = scanOptions(engine, arg + 3, arg + argc, 'novalues');
  if (options === null) return;
  const { hashes } = engine.values;
  const { refs } = engine;
  refs.length = 0;
  const next = cursor < CURSOR_LIMIT ? hashes.collect(cursor, options.count, refs) : 0;
  let kept = 0;
  for (let k = 0; k < refs.length; k++) {
    hashes.loadField(refs.refs[k]);
    if (!matchesPattern(engine, options.pattern, hashes.bytes, hashes.start, hashes.length)) continue;
    refs.refs[kept++] = refs.refs[k];
  }
  replyCursor(engine, next);
  engine.reply.array(options.noValues ? kept : kept * 2);
  for (let k = 0; k < kept; k++) {
    replyField(engine, refs.refs[k]);
    if (!options.noValues) replyFieldValue(engine, refs.refs[k]);
  }
}
