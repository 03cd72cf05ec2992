/**
 * Glob patterns as KEYS, SCAN MATCH, CONFIG GET and pub/sub know them: `*`, `?`, `[a-z]`, `[^a-z]`, `\x`. The answers are
 * redis-server's (its stringmatchlen), oddities included: no pattern but the empty one matches an empty string, an unclosed
 * class ends with the pattern, ranges compare bytes as signed, in a class an escaped byte never ignores case.
 *
 *   pattern  a * b [c-e] ?          after `*` both positions are remembered; a mismatch goes back there and lets the star
 *   string   a x x b d y            swallow one byte more. Only the last star has to be remembered: what an earlier one could
 *                                   still do, the last can do, too. So the work is bounded by pattern × string.
 */
const STAR = 42;
const MINUS = 45;
const QUESTION = 63;
const OPEN = 91;
const BACKSLASH = 92;
const CLOSE = 93;
const CARET = 94;

const lower = (c: number): number => (c >= 65 && c <= 90 ? c | 0x20 : c);
const signed = (c: number): number => (c << 24) >> 24;

/** Where the class that `classMatches` looked at ends: index of the first pattern byte after it. */
let classEnd = 0;

/** True when the pattern at [p, pEnd) of `pattern` matches all of [s, sEnd) of `string`. */
export function globMatches(
  pattern: Uint8Array,
  pStart: number,
  pEnd: number,
  string: Uint8Array,
  sStart: number,
  sEnd: number,
  ignoreCase = false,
): boolean {
  if (sStart === sEnd) return pStart === pEnd;
  let p = pStart;
  let s = sStart;
  let starP = -1;
  let starS = 0;
  while (s < sEnd) {
    if (p < pEnd && pattern[p] === STAR) {
      while (p < pEnd && pattern[p] === STAR) p++;
      if (p === pEnd) return true;
      starP = p;
      starS = s;
      continue;
    }
    if (p < pEnd && elementMatches(pattern, p, pEnd, string[s], ignoreCase)) {
      p = classEnd;
      s++;
      continue;
    }
    if (starP < 0) return false;
    p = starP;
    s = ++starS;
  }
  while (p < pEnd && pattern[p] === STAR) p++;
  return p === pEnd;
}

/** Does the one element at `p` (a byte, `?`, an escape, a class) match byte `c`? `classEnd` is set to the element's end. */
function elementMatches(pattern: Uint8Array, p: number, end: number, c: number, ignoreCase: boolean): boolean {
  const mark = pattern[p];
  if (mark === OPEN) return classMatches(pattern, p + 1, end, c, ignoreCase);
  let at = p;
  if (mark === BACKSLASH && p + 1 < end) at++;
  classEnd = at + 1;
  if (mark === QUESTION) return true;
  return ignoreCase ? lower(pattern[at]) === lower(c) : pattern[at] === c;
}

function classMatches(pattern: Uint8Array, start: number, end: number, c: number, ignoreCase: boolean): boolean {
  let p = start;
  const not = p < end && pattern[p] === CARET;
  if (not) p++;
  let match = false;
  for (; p < end && pattern[p] !== CLOSE; p++) {
    if (pattern[p] === BACKSLASH && p + 1 < end) {
      p++;
      if (pattern[p] === c) match = true;
    } else if (p + 2 < end && pattern[p + 1] === MINUS) {
      if (inRange(pattern[p], pattern[p + 2], c, ignoreCase)) match = true;
      p += 2;
    } else if (ignoreCase ? lower(pattern[p]) === lower(c) : pattern[p] === c) match = true;
  }
  classEnd = p < end ? p + 1 : end;
  return match !== not;
}

function inRange(a: number, b: number, c: number, ignoreCase: boolean): boolean {
  let from = signed(a);
  let to = signed(b);
  let byte = signed(c);
  if (from > to) {
    from = signed(b);
    to = signed(a);
  }
  if (ignoreCase) {
    from = lower(from);
    to = lower(to);
    byte = lower(byte);
  }
  return byte >= from && byte <= to;
}
