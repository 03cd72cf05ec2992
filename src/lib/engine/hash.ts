/**
 * The handlers of the hash commands, by name; the code is in hash/, a file for each kind of access, and the structure is
 * store/hashes.ts. What the names mean to clients (arity, flags, keys, documentation) is in table/hash.ts.
 */
import type { HandlerFamily } from './dispatch-table.ts';
import { hincrby, hincrbyfloat } from './hash/counters.ts';
import { hdel } from './hash/delete.ts';
import { hexists, hget, hgetall, hkeys, hlen, hmget, hstrlen, hvals } from './hash/get.ts';
import { hrandfield } from './hash/random.ts';
import { hscan } from './hash/scan.ts';
import { hmset, hset, hsetnx } from './hash/set.ts';

export const hashHandlers: HandlerFamily = {
  hdel,
  hexists,
  hget,
  hgetall,
  hincrby,
  hincrbyfloat,
  hkeys,
  hlen,
  hmget,
  hmset,
  hrandfield,
  hscan,
  hset,
  hsetnx,
  hstrlen,
  hvals,
};
