/**
 * The handlers of the string commands, by name; the code is in string/, a file for each kind of access. What the names mean
 * to clients (arity, flags, keys, documentation) is in table/string.ts.
 */
import type { HandlerFamily } from './dispatch-table.ts';
import { decr, decrby, incr, incrby, incrbyfloat } from './string/counters.ts';
import { get, getdel, getrange, getset, mget, strlen } from './string/get.ts';
import { lcs } from './string/lcs.ts';
import { append, setrange } from './string/range.ts';
import { getex, mset, msetnx, psetex, set, setex, setnx } from './string/set.ts';

export const stringHandlers: HandlerFamily = {
  append,
  decr,
  decrby,
  get,
  getdel,
  getex,
  getrange,
  getset,
  incr,
  incrby,
  incrbyfloat,
  lcs,
  mget,
  mset,
  msetnx,
  psetex,
  set,
  setex,
  setnx,
  setrange,
  strlen,
  substr: getrange,
};
