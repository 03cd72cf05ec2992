/**
 * The handlers of the list commands, by name; the code is in list/, a file for each kind of access. What the names mean to
 * clients (arity, flags, keys, documentation) is in table/list.ts.
 */
import type { HandlerFamily } from './dispatch-table.ts';
import { linsert, lrem, lset, ltrim } from './list/edit.ts';
import { blmove, brpoplpush, lmove, rpoplpush } from './list/move.ts';
import { blmpop, blpop, brpop, lmpop, lpop, rpop } from './list/pop.ts';
import { lpush, lpushx, rpush, rpushx } from './list/push.ts';
import { lindex, llen, lpos, lrange } from './list/read.ts';

export const listHandlers: HandlerFamily = {
  blmove,
  blmpop,
  blpop,
  brpop,
  brpoplpush,
  lindex,
  linsert,
  llen,
  lmove,
  lmpop,
  lpop,
  lpos,
  lpush,
  lpushx,
  lrange,
  lrem,
  lset,
  ltrim,
  rpop,
  rpoplpush,
  rpush,
  rpushx,
};
