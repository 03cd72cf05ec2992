/**
 * What is done to each data type, as commands: the same ones for rtcp's own handlers, called without a network, and for a
 * redis-server, whose COMMANDSTATS say how long they took it. One key holds all elements, but for `table`, whose elements are
 * keys.
 */
import { askOrder, insertOrder, nameOf, scoreOf, type Workload } from './workload.ts';

/** A command for one element, as words. */
export type Words = readonly string[];

export interface CommandStep {
  /** As it is shown: the command, and what of it. */
  readonly name: string;
  /** The command as COMMANDSTATS names it. */
  readonly command: string;
  readonly count: number;
  words(i: number): Words;
}

export interface CommandPlan {
  /** Where all elements are when the step of this name is done. */
  readonly full: string;
  /** The key of all elements; null when the elements are keys. */
  readonly key: string | null;
  readonly steps: readonly CommandStep[];
}

const KEY = 'ds';
const RANGE = 100;
/** Ranges are asked for so often: each is worth a hundred elements. */
const rangesOf = (workload: Workload): number => Math.max(1, Math.min(100_000, workload.size >> 2));

function step(name: string, count: number, words: (i: number) => Words): CommandStep {
  return { name, command: name.split(' ')[0].toLowerCase(), count, words };
}

type PlanMaker = (workload: Workload) => CommandPlan;

export const COMMAND_PLANS: Readonly<Record<string, PlanMaker>> = {
  table: (workload) => {
    const { size, keyBytes, valueBytes } = workload;
    const value = 'v'.repeat(valueBytes);
    const [insert, ask] = [insertOrder(workload), askOrder(workload, size)];
    return {
      full: 'SET insert',
      key: null,
      steps: [
        step('SET insert', size, (i) => ['SET', nameOf(insert[i], keyBytes), value]),
        step('GET hit', size, (i) => ['GET', nameOf(ask[i], keyBytes)]),
        step('GET miss', size, (i) => ['GET', nameOf(ask[i] + size, keyBytes)]),
        step('SET again', size, (i) => ['SET', nameOf(ask[i], keyBytes), value]),
        step('DEL', size, (i) => ['DEL', nameOf(insert[i], keyBytes)]),
      ],
    };
  },
  list: (workload) => {
    const { size, keyBytes } = workload;
    const ask = askOrder(workload, size);
    const ranges = rangesOf(workload);
    return {
      full: 'LPUSH',
      key: KEY,
      steps: [
        step('LPUSH', size, (i) => ['LPUSH', KEY, nameOf(i, keyBytes)]),
        step('LINDEX near the head', size, (i) => ['LINDEX', KEY, String(ask[i] % RANGE)]),
        step(`LRANGE of ${RANGE}`, ranges, () => ['LRANGE', KEY, '0', String(RANGE - 1)]),
        step('RPOP', size, () => ['RPOP', KEY]),
        step('RPUSH', size, (i) => ['RPUSH', KEY, nameOf(i, keyBytes)]),
        step('LPOP', size, () => ['LPOP', KEY]),
      ],
    };
  },
  hash: (workload) => {
    const { size, keyBytes, valueBytes } = workload;
    const value = 'v'.repeat(valueBytes);
    const [insert, ask] = [insertOrder(workload), askOrder(workload, size)];
    return {
      full: 'HSET insert',
      key: KEY,
      steps: [
        step('HSET insert', size, (i) => ['HSET', KEY, nameOf(insert[i], keyBytes), value]),
        step('HGET hit', size, (i) => ['HGET', KEY, nameOf(ask[i], keyBytes)]),
        step('HGET miss', size, (i) => ['HGET', KEY, nameOf(ask[i] + size, keyBytes)]),
        step('HSET again', size, (i) => ['HSET', KEY, nameOf(ask[i], keyBytes), value]),
        step('HDEL', size, (i) => ['HDEL', KEY, nameOf(insert[i], keyBytes)]),
      ],
    };
  },
  set: (workload) => {
    const { size, keyBytes } = workload;
    const [insert, ask] = [insertOrder(workload), askOrder(workload, size)];
    return {
      full: 'SADD',
      key: KEY,
      steps: [
        step('SADD', size, (i) => ['SADD', KEY, nameOf(insert[i], keyBytes)]),
        step('SISMEMBER hit', size, (i) => ['SISMEMBER', KEY, nameOf(ask[i], keyBytes)]),
        step('SISMEMBER miss', size, (i) => ['SISMEMBER', KEY, nameOf(ask[i] + size, keyBytes)]),
        step('SREM', size, (i) => ['SREM', KEY, nameOf(insert[i], keyBytes)]),
      ],
    };
  },
  zset: (workload) => {
    const { size, keyBytes } = workload;
    const [insert, ask] = [insertOrder(workload), askOrder(workload, size)];
    const ranges = rangesOf(workload);
    const last = Math.max(1, size - RANGE);
    return {
      full: 'ZADD insert',
      key: KEY,
      steps: [
        step('ZADD insert', size, (i) => ['ZADD', KEY, String(scoreOf(insert[i])), nameOf(insert[i], keyBytes)]),
        step('ZSCORE', size, (i) => ['ZSCORE', KEY, nameOf(ask[i], keyBytes)]),
        step('ZRANK', size, (i) => ['ZRANK', KEY, nameOf(ask[i], keyBytes)]),
        step(`ZRANGE of ${RANGE}`, ranges, (i) => {
          const from = ask[i] % last;
          return ['ZRANGE', KEY, String(from), String(from + RANGE - 1)];
        }),
        step('ZADD moved', size, (i) => ['ZADD', KEY, String(scoreOf(ask[i]) / 2), nameOf(ask[i], keyBytes)]),
        step('ZPOPMIN', size >> 1, () => ['ZPOPMIN', KEY]),
        step('ZREM', size, (i) => ['ZREM', KEY, nameOf(insert[i], keyBytes)]),
      ],
    };
  },
  stream: (workload) => {
    const { size, keyBytes, valueBytes } = workload;
    const value = 'v'.repeat(valueBytes);
    const ask = askOrder(workload, size);
    const ranges = rangesOf(workload);
    return {
      full: 'XADD',
      key: KEY,
      steps: [
        step('XADD', size, (i) => ['XADD', KEY, `${i + 1}-0`, nameOf(i, keyBytes), value]),
        step('XRANGE of one', size, (i) => ['XRANGE', KEY, `${ask[i] + 1}-0`, `${ask[i] + 1}-0`]),
        step(`XRANGE of ${RANGE}`, ranges, (i) => ['XRANGE', KEY, `${ask[i] + 1}-0`, '+', 'COUNT', String(RANGE)]),
        step('XDEL', size, (i) => ['XDEL', KEY, `${ask[i] + 1}-0`]),
      ],
    };
  },
  hll: (workload) => {
    const { size, keyBytes } = workload;
    const insert = insertOrder(workload);
    return {
      full: 'PFADD new',
      key: KEY,
      steps: [
        step('PFADD new', size, (i) => ['PFADD', KEY, nameOf(insert[i], keyBytes)]),
        step('PFADD known', size, (i) => ['PFADD', KEY, nameOf(insert[i], keyBytes)]),
        step('PFCOUNT', Math.min(size, 10_000), () => ['PFCOUNT', KEY]),
      ],
    };
  },
};
