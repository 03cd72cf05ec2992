/** XACK and XPENDING: what was delivered to a group's consumers and not acknowledged yet. */
import type { Reply } from '../../resp/reply.ts';
import { chunkOf } from '../../store/ref.ts';
import { StreamId } from '../../store/stream/id.ts';
import type { IdTree } from '../../store/stream/id-tree.ts';
import { integerArgument, isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import {
  consumerArgument,
  endArgument,
  groupArgument,
  idArgument,
  noSuchGroup,
  nowOf,
  openToRead,
  replyId,
  startArgument,
} from './value.ts';

const WORD_IDLE = optionWord('IDLE');

const start = new StreamId();
const end = new StreamId();
const id = new StreamId();

/** XACK key group ID [ID …] */
export function xack(engine: Engine, arg: number, argc: number): void {
  const ref = openToRead(engine, arg + 1, engine.keyHash);
  if (ref === -1) return;
  const group = ref === 0 ? 0 : groupArgument(engine, arg + 2);
  if (group === 0) {
    engine.reply.integer(0);
    return;
  }
  // All IDs are looked at before the first one is acknowledged; a single one need not be read twice.
  if (argc > 4) for (let i = arg + 3; i < arg + argc; i++) if (!idArgument(engine, i, id)) return;
  const { groups } = engine.values.streams;
  let acknowledged = 0;
  for (let i = arg + 3; i < arg + argc; i++) {
    if (!idArgument(engine, i, id)) return;
    if (groups.acknowledge(group, id)) acknowledged++;
  }
  engine.stats.dirty += acknowledged;
  engine.reply.integer(acknowledged);
}

/** XPENDING key group [[IDLE min-idle-time] start end count [consumer]] */
export function xpending(engine: Engine, arg: number, argc: number): void {
  if (argc !== 3 && (argc < 6 || argc > 9)) {
    syntaxError(engine);
    return;
  }
  let at = arg + 3;
  let minIdleMs = 0;
  let count = 0;
  if (argc > 3) {
    if (isWord(engine, at, WORD_IDLE)) {
      minIdleMs = integerArgument(engine, at + 1);
      if (Number.isNaN(minIdleMs)) return;
      if (argc < 8) {
        syntaxError(engine);
        return;
      }
      at += 2;
    }
    count = integerArgument(engine, at + 2);
    if (Number.isNaN(count)) return;
    if (!startArgument(engine, at, start) || !endArgument(engine, at + 1, end)) return;
  }
  const ref = openToRead(engine, arg + 1, engine.keyHash);
  if (ref === -1) return;
  const group = ref === 0 ? 0 : groupArgument(engine, arg + 2);
  if (group === 0) noSuchGroup(engine, arg + 1, arg + 2);
  else if (argc === 3) summary(engine, group);
  else entries(engine, group, at + 3 < arg + argc ? at + 3 : 0, minIdleMs, count);
}

/** How many are pending, from which ID to which, and how many for each consumer. */
function summary(engine: Engine, group: number): void {
  const { reply, values } = engine;
  const { groups } = values.streams;
  const pending = groups.pending(group);
  reply.array(4);
  reply.integer(pending.size);
  if (pending.size === 0) {
    reply.nil();
    reply.nil();
    reply.nilArray();
    return;
  }
  pending.first();
  replyId(reply, pending.readId(id));
  pending.last();
  replyId(reply, pending.readId(id));
  const consumers = groups.consumerCount(group);
  let busy = 0;
  for (let i = 0; i < consumers; i++) if (groups.pendingOf(groups.consumerAt(group, i)).size > 0) busy++;
  reply.array(busy);
  for (let i = 0; i < consumers; i++) {
    const consumer = groups.consumerAt(group, i);
    const { size } = groups.pendingOf(consumer);
    if (size === 0) continue;
    reply.array(2);
    replyConsumerName(engine, consumer);
    reply.bulkText(String(size));
  }
}

export function replyConsumerName(engine: Engine, consumer: number): void {
  const { groups } = engine.values.streams;
  const view = engine.arena.views[chunkOf(consumer)];
  engine.reply.bulkView(view, groups.consumerName(consumer), groups.nameLength(consumer));
}

/** The pending entries of an interval, of the group or of the consumer that argument `name` names. */
function entries(engine: Engine, group: number, name: number, minIdleMs: number, count: number): void {
  const { reply, values } = engine;
  const { groups } = values.streams;
  let pending = groups.pending(group);
  if (name !== 0) {
    const consumer = consumerArgument(engine, group, name);
    if (consumer === 0) {
      reply.array(0);
      return;
    }
    pending = groups.pendingOf(consumer);
  }
  const nowMs = nowOf(engine);
  // Replies say first how many follow: the entries are met twice.
  let n = 0;
  for (let nack = firstOf(pending); nack !== 0 && n < count; nack = nextOf(pending)) {
    if (minIdleMs === 0 || nowMs - groups.deliveredAt(nack) >= minIdleMs) n++;
  }
  reply.array(n);
  for (let nack = firstOf(pending); n > 0; nack = nextOf(pending)) {
    if (minIdleMs !== 0 && nowMs - groups.deliveredAt(nack) < minIdleMs) continue;
    replyPending(engine, reply, pending, nack, nowMs);
    n--;
  }
}

function replyPending(engine: Engine, reply: Reply, pending: IdTree, nack: number, nowMs: number): void {
  const { groups } = engine.values.streams;
  reply.array(4);
  replyId(reply, pending.readId(id));
  replyConsumerName(engine, groups.consumerOf(nack));
  const idleMs = nowMs - groups.deliveredAt(nack);
  reply.integer(idleMs < 0 ? 0 : idleMs);
  reply.integer(groups.deliveries(nack));
}

/** The first pending entry from `start` to `end`, or 0; and the next one. */
function firstOf(pending: IdTree): number {
  const nack = pending.seek(start);
  return nack !== 0 && pending.readId(id).compare(end) <= 0 ? nack : 0;
}

function nextOf(pending: IdTree): number {
  const nack = pending.next();
  return nack !== 0 && pending.readId(id).compare(end) <= 0 ? nack : 0;
}
