/**
 * The structures that can be looked at: for each the contenders, and how a subject of each is made.
 */
import { COMMAND_PLANS } from './command-plans.ts';
import type { Contender, SubjectMaker } from './subject.ts';
import { checksumSubject, respSubject } from './subjects/codec.ts';
import { arraySubject, mapSubject, objectSubject, setSubject } from './subjects/javascript.ts';
import { btreeSubject, skiplistSubject } from './subjects/order.ts';
import { linearSubject, robinHoodSubject } from './subjects/probes.ts';
import { rtcpCommands } from './subjects/rtcp-commands.ts';
import { heapSubject, wheelSubject } from './subjects/wheel.ts';

export interface Structure {
  /** What it is, in a few words. */
  readonly idea: string;
  readonly makers: Readonly<Partial<Record<Contender, SubjectMaker>>>;
  /** Bytes are told for each of these. */
  readonly element: string;
}

/** rtcp's handlers for a plan; `redis` is measured by the plan, too (against-redis.ts). */
const commands =
  (name: string, settings: Record<string, string> = {}): SubjectMaker =>
  (workload) =>
    rtcpCommands(COMMAND_PLANS[name](workload), settings);

const TABLE_NAMES = ['SET insert', 'GET hit', 'GET miss', 'SET again', 'DEL'];
const HASH_NAMES = ['HSET insert', 'HGET hit', 'HGET miss', 'HSET again', 'HDEL'];
const SET_NAMES = ['SADD', 'SISMEMBER hit', 'SISMEMBER miss', 'SREM'];

export const STRUCTURES: Readonly<Record<string, Structure>> = {
  table: {
    idea: 'keys in a Robin Hood hash table in hash order, records in an arena',
    element: 'key',
    makers: {
      rtcp: commands('table'),
      map: (workload) => mapSubject(workload, TABLE_NAMES),
      object: (workload) => objectSubject(workload, TABLE_NAMES),
    },
  },
  probes: {
    idea: 'distance from home: Robin Hood hashing against plain linear probing',
    element: 'entry',
    makers: { rtcp: robinHoodSubject, linear: linearSubject },
  },
  list: {
    idea: 'one quicklist: a chain of listpack blocks with room at both ends',
    element: 'element',
    makers: { rtcp: commands('list'), map: arraySubject },
  },
  hash: {
    idea: 'one hash: a table of records',
    element: 'field',
    makers: {
      rtcp: commands('hash'),
      map: (workload) => mapSubject(workload, HASH_NAMES),
      object: (workload) => objectSubject(workload, HASH_NAMES),
    },
  },
  set: {
    idea: 'one set: a table of records without values',
    element: 'member',
    makers: { rtcp: commands('set'), map: (workload) => setSubject(workload, SET_NAMES) },
  },
  zset: {
    idea: 'one sorted set: members in a table, their order in a counted B+tree (or a skiplist)',
    element: 'member',
    makers: { rtcp: commands('zset'), skiplist: commands('zset', { 'zset-index': 'skiplist' }) },
  },
  order: {
    idea: 'the two orders alone: counted B+tree against skiplist with spans',
    element: 'member',
    makers: { rtcp: btreeSubject, skiplist: skiplistSubject },
  },
  stream: {
    idea: 'one stream: listpack nodes in a B+tree by ID',
    element: 'entry',
    makers: { rtcp: commands('stream') },
  },
  hll: {
    idea: "one HyperLogLog, in Redis's bytes",
    element: 'element',
    makers: { rtcp: commands('hll') },
  },
  wheel: {
    idea: 'deadlines: a hierarchical timing wheel through the records against a binary heap',
    element: 'deadline',
    makers: { rtcp: wheelSubject, heap: heapSubject },
  },
  resp: {
    idea: 'requests parsed where they lie, replies encoded where they are sent from',
    element: 'argument',
    makers: { rtcp: respSubject },
  },
  checksum: {
    idea: 'checksums of the wire, of keys and of files',
    element: '',
    makers: { rtcp: checksumSubject },
  },
};
