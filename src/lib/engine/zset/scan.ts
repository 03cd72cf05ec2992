/**
 * ZSCAN key cursor [MATCH pattern] [COUNT count]: a few members at a time. A packed set is answered at once; in a table the
 * cursor is the next hash in its order. Scores are as redis-server prints them here: with up to 17 digits, unless packed.
 */
import { formatDouble } from '../../resp/number.ts';
import { formatSeventeenDigits } from '../double.ts';
import type { Engine } from '../engine.ts';
import {
  CURSOR_LIMIT,
  cursorArgument,
  matchesPattern,
  replyCursor,
  replyNothingScanned,
  scanOptions,
} from '../scan.ts';
import { openToRead, replyMember } from './value.ts';

export function zscan(engine: Engine, arg: number, argc: number): void {
  const cursor = cursorArgument(engine, arg + 2);
  if (cursor < 0) return;
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  if (ref === 0) {
    replyNothingScanned(engine);
    return;
  }
  const options = scanOptions(engine, arg + 3, arg + argc, '');
  if (options === null) return;
  const set = engine.values.sortedSets;
  const { refs } = engine;
  refs.length = 0;
  const next = cursor < CURSOR_LIMIT ? set.collect(cursor, options.count, refs) : 0;
  let kept = 0;
  for (let k = 0; k < refs.length; k++) {
    set.loadAt(refs.refs[k]);
    const bytes = new Uint8Array(set.view.buffer, set.view.byteOffset);
    if (matchesPattern(engine, options.pattern, bytes, set.start, set.length)) refs.refs[kept++] = refs.refs[k];
  }
  replyCursor(engine, next);
  engine.reply.array(kept * 2);
  for (let k = 0; k < kept; k++) {
    set.loadAt(refs.refs[k]);
    replyMember(engine, set);
    engine.reply.bulkText(set.keepsText ? formatDouble(set.score) : formatSeventeenDigits(set.score));
  }
}
