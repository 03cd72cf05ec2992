/** HSET, HMSET, HSETNX: giving fields values. The hash comes into being with its first field. */
import { SET_NO_MEMORY } from '../../store/hashes.ts';
import { wrongArity } from '../dispatch-table.ts';
import type { Engine } from '../engine.ts';
import { findField, hashChanged, noMemory, openToAdd, openToChange, setField } from './value.ts';

export function hset(engine: Engine, arg: number, argc: number): void {
  const added = setPairs(engine, arg, argc, 'hset');
  if (added >= 0) engine.reply.integer(added);
}

export function hmset(engine: Engine, arg: number, argc: number): void {
  if (setPairs(engine, arg, argc, 'hmset') >= 0) engine.reply.ok();
}

/** Sets the pairs from argument 2 on. Returns how many fields are new; -1 after an error. */
function setPairs(engine: Engine, arg: number, argc: number, name: string): number {
  if ((argc & 1) !== 0) {
    wrongArity(engine, name);
    return -1;
  }
  const end = arg + argc;
  if (!openToAdd(engine, arg, arg + 2, end)) return -1;
  let added = 0;
  for (let i = arg + 2; i < end; i += 2) {
    const done = setField(engine, i, i + 1);
    if (done === SET_NO_MEMORY) {
      noMemory(engine);
      return -1;
    }
    added += done;
  }
  engine.stats.dirty += (argc >> 1) - 2; // each pair is a change; one of them is counted with the event
  hashChanged(engine, 'hset');
  return added;
}

export function hsetnx(engine: Engine, arg: number, _argc: number): void {
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  if (ref !== 0 && findField(engine, arg + 2) !== 0) {
    engine.reply.integer(0);
    return;
  }
  if (!openToAdd(engine, arg, arg + 2, arg + 4)) return;
  if (setField(engine, arg + 2, arg + 3) === SET_NO_MEMORY) {
    noMemory(engine);
    return;
  }
  hashChanged(engine, 'hset');
  engine.reply.integer(1);
}
