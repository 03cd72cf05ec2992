/**
 * One request passes through some thirty small functions, and V8's inliner stops at budgets made for pages, not for a loop
 * that runs for days. With room to inline, the whole way of a request becomes a handful of compiled functions. Measured by
 * bench/hot.ts, bundled (scripts/bundle.mjs), ns for PING, GET, SET:
 *
 *   V8's defaults 920, 460, 4600      168   255   267
 *   4000, 800, 4600                   142   217   230
 *   16000, 800, 20000                 130   203   213
 *
 * Called before the hot code is compiled; the flags are the process's, so main thread and workers share them.
 */
import { setFlagsFromString } from 'node:v8';

export function widenInlining(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=16000');
  setFlagsFromString('--max-inlined-bytecode-size=800');
  setFlagsFromString('--max-inlined-bytecode-size-absolute=20000');
}
