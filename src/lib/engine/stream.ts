/**
 * The handlers of the stream commands, by name; the code is in stream/, a file for each kind of access, and the structure is
 * store/stream/. What the names mean to clients (arity, flags, keys, documentation) is in table/stream.ts and
 * table/stream-group.ts.
 */
import type { HandlerFamily } from './dispatch-table.ts';
import { xadd, xtrim } from './stream/add.ts';
import { xautoclaim, xclaim } from './stream/claim.ts';
import { xgroup } from './stream/group.ts';
import { xinfo } from './stream/info.ts';
import { xack, xpending } from './stream/pending.ts';
import { xdel, xlen, xrange, xrevrange, xsetid } from './stream/range.ts';
import { xread, xreadgroup } from './stream/read.ts';

export const streamHandlers: HandlerFamily = {
  xack,
  xadd,
  xautoclaim,
  xclaim,
  xdel,
  xgroup,
  xinfo,
  xlen,
  xpending,
  xrange,
  xread,
  xreadgroup,
  xrevrange,
  xsetid,
  xtrim,
};
