/**
 * The handlers of the HyperLogLog commands, by name; the code is in hyperloglog/, the format in store/hyperloglog.ts. What the
 * names mean to clients (arity, flags, keys, documentation) is in table/hyperloglog.ts.
 */
import type { HandlerFamily } from './dispatch-table.ts';
import { pfadd, pfcount, pfmerge } from './hyperloglog/commands.ts';
import { pfdebug, pfselftest } from './hyperloglog/debug.ts';

export const hyperloglogHandlers: HandlerFamily = { pfadd, pfcount, pfdebug, pfmerge, pfselftest };
