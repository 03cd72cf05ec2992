/**
 * The handlers of the generic commands, by name; the code is in generic/, a file for each thing that is done with keys. What
 * the names mean to clients (arity, flags, keys, documentation) is in table/generic.ts.
 */
import type { HandlerFamily } from './dispatch-table.ts';
import { dump, restore } from './generic/dump.ts';
import { del, exists, randomkey, touch, type } from './generic/existence.ts';
import { expire, expireat, expiretime, persist, pexpire, pexpireat, pexpiretime, pttl, ttl } from './generic/expiry.ts';
import { keys, scan } from './generic/iteration.ts';
import { object } from './generic/object.ts';
import { copy, move, rename, renamenx } from './generic/rename.ts';
import { sort, sortRo } from './generic/sort.ts';

export const genericHandlers: HandlerFamily = {
  copy,
  del,
  dump,
  exists,
  expire,
  expireat,
  expiretime,
  keys,
  move,
  object,
  persist,
  pexpire,
  pexpireat,
  pexpiretime,
  pttl,
  randomkey,
  rename,
  renamenx,
  restore,
  scan,
  sort,
  sort_ro: sortRo,
  touch,
  ttl,
  type,
  unlink: del,
};
