/**
 * The families of handlers that need nothing but the engine. The server's own (connection, server, transactions …) are bound
 * to its context: server/commands/bind.ts.
 */
import { bitmapHandlers } from './bitmap.ts';
import { commandHandlers } from './command-command.ts';
import type { HandlerFamily } from './dispatch-table.ts';
import { genericHandlers } from './generic.ts';
import { geoHandlers } from './geo.ts';
import { hashHandlers } from './hash.ts';
import { hyperloglogHandlers } from './hyperloglog.ts';
import { listHandlers } from './list.ts';
import { setHandlers } from './set.ts';
import { sortedSetHandlers } from './sorted-set.ts';
import { streamHandlers } from './stream.ts';
import { stringHandlers } from './string.ts';

export const engineFamilies: readonly HandlerFamily[] = [
  stringHandlers,
  genericHandlers,
  bitmapHandlers,
  hyperloglogHandlers,
  hashHandlers,
  listHandlers,
  setHandlers,
  sortedSetHandlers,
  geoHandlers,
  streamHandlers,
  commandHandlers,
];
