/**
 * LOLWUT: a small picture and the version, the way redis-server signs its own. Ours is a wire with frames on it: every run
 * draws other ones, the same for one seed of the engine's random numbers.
 *
 *   ──▢▢──▣─▢──▣▣▣──▶
 */
import { integerArgument } from '../../engine/arguments.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Random } from '../../random.ts';
import { REDIS_VERSION } from '../version.ts';

const DEFAULT_COLUMNS = 66;
const MAX_COLUMNS = 1000;
const DEFAULT_ROWS = 8;
const MAX_ROWS = 200;
const FRAMES = ['▢', '▣', '▤', '▥'];
/** Share of the wire that frames take. */
const LOAD = 0.4;

/** LOLWUT [VERSION version [columns [rows]]] */
export function lolwut(engine: Engine, arg: number, argc: number): void {
  let first = arg + 1;
  if (argc >= 3 && engine.text(first).toLowerCase() === 'version') {
    if (Number.isNaN(integerArgument(engine, first + 1))) return;
    first += 2;
  }
  const sizes = [DEFAULT_COLUMNS, DEFAULT_ROWS];
  for (let i = first; i < arg + argc && i < first + 2; i++) {
    const size = engine.text(i);
    if (/^\d{1,9}$/.test(size)) sizes[i - first] = Number(size);
  }
  const columns = Math.min(MAX_COLUMNS, Math.max(1, sizes[0]));
  const rows = Math.min(MAX_ROWS, Math.max(1, sizes[1]));
  const wires = Array.from({ length: rows }, (_, row) => drawWire(engine.random, columns, row % 2 === 0));
  engine.reply.verbatim('txt', `${wires.join('\n')}\n\nRedis ver. ${REDIS_VERSION}\n`);
}

/** One direction of a link; bursts of frames, as they come. */
function drawWire(random: Random, columns: number, toTheRight: boolean): string {
  let wire = '';
  for (let left = columns; left > 0; ) {
    const burst = Math.min(left, 1 + random.below(5));
    const busy = random.float() < LOAD;
    for (let i = 0; i < burst; i++) wire += busy ? FRAMES[random.below(FRAMES.length)] : '─';
    left -= burst;
  }
  return toTheRight ? `${wire}▶` : `◀${wire}`;
}
