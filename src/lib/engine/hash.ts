/**
 * The handlers of the hash commands, by name; the code is in hash/, a file for each kind of access, and the structure is
 * store/hashes.ts. What the names mean to clients (arity, flags, keys, documentation) is in table/hash.ts
 * and table/hash-expiry.ts.
 */
import type { HandlerFamily } from './dispatch-table.ts';
import { hincrby, hincrbyfloat } from './hash/counters.ts';
import {
  hexpire,
  hexpireat,
  hexpiretime,
  hpersist,
  hpexpire,
  hpexpireat,
  hpexpiretime,
  hpttl,
  httl,
} from './hash/deadlines.ts';
import { hdel } from './hash/delete.ts';
import { hexists, hget, hgetall, hkeys, hlen, hmget, hstrlen, hvals } from './hash/get.ts';
import { hgetdel, hgetex, hsetex } from './hash/get-ex.ts';
import { hrandfield } from './hash/random.ts';
import { hscan } from './hash/scan.ts';
import { hmset, hset, hsetnx } from './hash/set.ts';

export const hashHandlers: HandlerFamily = {
  hdel,
  hexists,
  hexpire,
  hexpireat,
  hexpiretime,
  hget,
  hgetall,
  hgetdel,
  hgetex,
  hincrby,
  hincrbyfloat,
  hkeys,
  hlen,
  hmget,
  hmset,
  hpersist,
  hpexpire,
  hpexpireat,
  hpexpiretime,
  hpttl,
  hrandfield,
  hscan,
  hset,
  hsetex,
  hsetnx,
  hstrlen,
  httl,
  hvals,
};
