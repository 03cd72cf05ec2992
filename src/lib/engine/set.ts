/**
 * The handlers of the set commands, by name; the code is in set/, a file for each kind of access, and the structure is
 * store/sets.ts. What the names mean to clients (arity, flags, keys, documentation) is in table/set.ts.
 */
import type { HandlerFamily } from './dispatch-table.ts';
import { sdiff, sdiffstore, sinter, sintercard, sinterstore, sunion, sunionstore } from './set/algebra.ts';
import { sadd, smove, srem } from './set/members.ts';
import { spop, srandmember } from './set/random.ts';
import { scard, sismember, smembers, smismember, sscan } from './set/read.ts';

export const setHandlers: HandlerFamily = {
  sadd,
  scard,
  sdiff,
  sdiffstore,
  sinter,
  sintercard,
  sinterstore,
  sismember,
  smembers,
  smismember,
  smove,
  spop,
  srandmember,
  srem,
  sscan,
  sunion,
  sunionstore,
};
