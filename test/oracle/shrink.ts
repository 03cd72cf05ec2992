/**
 * A failing stream made small: units are left out, half of them at a time and then fewer, as long as what is left still fails
 * in the same way; then commands within units.
 */
import type { Failure, Oracle } from './oracle.ts';
import type { Stream, Unit } from './units.ts';

const BUDGET_MS = 40_000;
/** Another attempt may fail because a server was slow: what is left is small, but then not minimal. */
const PATIENCE_MS = 300;

export interface Shrunk {
  readonly stream: Stream;
  readonly failure: Failure;
}

/** The smallest stream found that fails as this one does; null when it doesn't fail again. */
export async function shrink(oracle: Oracle, stream: Stream, failure: Failure): Promise<Shrunk | null> {
  const untilMs = Date.now() + BUDGET_MS;
  oracle.patienceMs = PATIENCE_MS;
  try {
    return await smaller(oracle, stream, failure, untilMs);
  } finally {
    oracle.patienceMs = 0;
  }
}

async function smaller(oracle: Oracle, stream: Stream, failure: Failure, untilMs: number): Promise<Shrunk | null> {
  const name = failure.command[0]?.toLowerCase();
  const fails = async (units: readonly Unit[], settings = stream.settings): Promise<Shrunk | null> => {
    const candidate = { ...stream, settings, units };
    const found = await oracle.run(candidate);
    if (found === null || found.what !== failure.what || found.command[0]?.toLowerCase() !== name) return null;
    return { stream: { ...candidate, units: units.slice(0, found.unit + 1) }, failure: found };
  };
  let best = await fails(stream.units.slice(0, failure.unit + 1));
  if (best === null) return null;
  for (let size = best.stream.units.length >> 1; size >= 1; size = size === 1 ? 0 : (size + 1) >> 1) {
    let at = best.stream.units.length - size;
    while (Date.now() < untilMs && best.stream.units.length > 1) {
      const { units }: Stream = best.stream;
      const from = Math.max(0, at);
      const found: Shrunk | null = await fails([...units.slice(0, from), ...units.slice(from + size)]);
      if (found !== null) best = found;
      if (from === 0) break;
      at = Math.min(from - size, best.stream.units.length - size);
    }
  }
  best = (await fails(best.stream.units, [])) ?? best;
  for (let i = 0; i < best.stream.units.length; i++) {
    const unit: Unit = best.stream.units[i];
    if (unit.kind !== 'commands') continue;
    let { commands } = unit;
    for (let k = commands.length - 1; k >= 0 && commands.length > 1 && Date.now() < untilMs; k--) {
      const fewer = commands.filter((_, n) => n !== k);
      const units: Unit[] = [...best.stream.units];
      units[i] = { ...unit, commands: fewer };
      const found: Shrunk | null = await fails(units);
      if (found === null) continue;
      best = found;
      commands = fewer;
    }
  }
  return best;
}
