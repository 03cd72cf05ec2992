/**
 * Values over time as text, for LATENCY GRAPH: a column for each value, filled up to its level, with its age written downwards
 * below it.
 *
 *      #        a row has three levels: _ o #
 *    o |        | fills the rows below
 *   _|_|
 *
 *   5421
 *   ssss
 */
const ROWS = 4;
const LEVELS = '_o#';
const STEPS = ROWS * LEVELS.length;

export interface Bar {
  readonly value: number;
  readonly label: string;
}

/** The lines of the bars, `columns` of them side by side at most: further ones follow below, behind an empty line. */
export function sparkline(bars: readonly Bar[], columns: number): string {
  const values = bars.map((bar) => bar.value);
  const least = Math.min(...values);
  const range = Math.max(...values) - least || 1;
  const parts: string[] = [];
  for (let from = 0; from < bars.length; from += columns) {
    parts.push(block(bars.slice(from, from + columns), least, range));
  }
  return parts.join('\n');
}

function block(bars: readonly Bar[], least: number, range: number): string {
  const steps = bars.map(({ value }) => Math.min(STEPS - 1, Math.floor(((value - least) * STEPS) / range)));
  const lines: string[] = [];
  for (let row = ROWS - 1; row >= 0; row--) lines.push(steps.map((step) => mark(step - row * LEVELS.length)).join(''));
  lines.push(' '.repeat(bars.length));
  const longest = Math.max(...bars.map(({ label }) => label.length));
  for (let i = 0; i < longest; i++) lines.push(bars.map(({ label }) => label[i] ?? ' ').join(''));
  return `${lines.join('\n')}\n`;
}

/** What a bar shows in a row in which it reaches this level: below 0, it ends further down. */
function mark(level: number): string {
  if (level < 0) return ' ';
  return level < LEVELS.length ? LEVELS[level] : '|';
}
