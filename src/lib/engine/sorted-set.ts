/**
 * The handlers of the sorted-set commands, by name; the code is in zset/, a file for each kind of access. What the names mean
 * to clients is in table/sorted-set.ts and beside it.
 */
import type { HandlerFamily } from './dispatch-table.ts';
import { zadd, zincrby } from './zset/add.ts';
import { zdiff, zdiffstore, zinter, zintercard, zinterstore, zunion, zunionstore } from './zset/combine.ts';
import { bzmpop, bzpopmax, bzpopmin, zmpop, zpopmax, zpopmin } from './zset/pop.ts';
import { zrandmember } from './zset/random.ts';
import {
  zrange,
  zrangebylex,
  zrangebyscore,
  zrangestore,
  zrevrange,
  zrevrangebylex,
  zrevrangebyscore,
} from './zset/range.ts';
import { zcard, zcount, zlexcount, zmscore, zrank, zrevrank, zscore } from './zset/read.ts';
import { zrem, zremrangebylex, zremrangebyrank, zremrangebyscore } from './zset/remove.ts';
import { zscan } from './zset/scan.ts';

export const sortedSetHandlers: HandlerFamily = {
  bzmpop,
  bzpopmax,
  bzpopmin,
  zadd,
  zcard,
  zcount,
  zdiff,
  zdiffstore,
  zincrby,
  zinter,
  zintercard,
  zinterstore,
  zlexcount,
  zmpop,
  zmscore,
  zpopmax,
  zpopmin,
  zrandmember,
  zrange,
  zrangebylex,
  zrangebyscore,
  zrangestore,
  zrank,
  zrem,
  zremrangebylex,
  zremrangebyrank,
  zremrangebyscore,
  zrevrange,
  zrevrangebylex,
  zrevrangebyscore,
  zrevrank,
  zscan,
  zscore,
  zunion,
  zunionstore,
};
