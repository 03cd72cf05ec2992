/** XINFO: what a stream, its groups and their consumers are about, for people and dashboards. */
import { chunkOf } from '../../store/ref.ts';
import { StreamId } from '../../store/stream/id.ts';
import { radixNodes } from '../../store/stream/radix.ts';
import { integerArgument, isWord, optionWord, subcommandSyntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { hashOf } from '../keys.ts';
import { noSuchGroupIn } from './group.ts';
import { replyConsumerName } from './pending.ts';
import { groupArgument, nowOf, openToRead, replyEntry, replyId, replyInt64, replyRange } from './value.ts';

const HELP = [
  'XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'CONSUMERS <key> <groupname>',
  '    Show consumers of <groupname>.',
  'GROUPS <key>',
  '    Show the stream consumer groups.',
  'STREAM <key> [FULL [COUNT <count>]',
  '    Show information about the stream.',
  'HELP',
  '    Prints this help.',
];

const WORD_FULL = optionWord('FULL');
const WORD_COUNT = optionWord('COUNT');
const DEFAULT_COUNT = 10;

const id = new StreamId();
const START = new StreamId();
const END = new StreamId().setMax();

/** Existence and arity of the subcommand are checked before. */
export function xinfo(engine: Engine, arg: number, argc: number): void {
  const name = engine.text(arg + 1).toLowerCase();
  if (name === 'help') {
    engine.reply.array(HELP.length);
    for (const line of HELP) engine.reply.simple(line);
    return;
  }
  const ref = openToRead(engine, arg + 2, hashOf(engine, arg + 2));
  if (ref === -1) return;
  if (ref === 0) engine.reply.error('ERR no such key');
  else if (name === 'stream') stream(engine, arg, argc);
  else if (name === 'groups') groups(engine);
  else consumers(engine, arg);
}

// ── XINFO CONSUMERS, XINFO GROUPS ──────────────────────────────────────────────────────────────────────────────────────

function consumers(engine: Engine, arg: number): void {
  const group = groupArgument(engine, arg + 3);
  if (group === 0) {
    noSuchGroupIn(engine, arg + 2, arg + 3);
    return;
  }
  const { reply } = engine;
  const all = engine.values.streams.groups;
  const nowMs = nowOf(engine);
  const n = all.consumerCount(group);
  reply.array(n);
  for (let i = 0; i < n; i++) {
    const consumer = all.consumerAt(group, i);
    const active = all.active(consumer);
    reply.map(4);
    reply.bulkText('name');
    replyConsumerName(engine, consumer);
    reply.bulkText('pending');
    reply.integer(all.pendingOf(consumer).size);
    reply.bulkText('idle');
    reply.integer(Math.max(0, nowMs - all.seen(consumer)));
    reply.bulkText('inactive');
    reply.integer(active < 0 ? -1 : nowMs - active);
  }
}

function groups(engine: Engine): void {
  const { reply } = engine;
  const { log, groups: all } = engine.values.streams;
  const n = all.count(log.root);
  reply.array(n);
  for (let i = 0; i < n; i++) {
    const group = all.groupAt(log.root, i);
    reply.map(6);
    reply.bulkText('name');
    replyGroupName(engine, group);
    reply.bulkText('consumers');
    reply.integer(all.consumerCount(group));
    reply.bulkText('pending');
    reply.integer(all.pending(group).size);
    replyPosition(engine, group);
  }
}

function replyGroupName(engine: Engine, group: number): void {
  const { groups: all } = engine.values.streams;
  engine.reply.bulkView(engine.arena.views[chunkOf(group)], all.groupName(group), all.nameLength(group));
}

/** Three pairs: up to which ID the group has read, how many entries that are, and how many are yet to come. */
function replyPosition(engine: Engine, group: number): void {
  const { reply } = engine;
  const { groups: all, progress } = engine.values.streams;
  reply.bulkText('last-delivered-id');
  replyId(reply, all.lastId(group, id));
  reply.bulkText('entries-read');
  const low = all.readLow(group);
  const high = all.readHigh(group);
  if ((low & high) === -1) reply.nil();
  else replyInt64(reply, low, high);
  reply.bulkText('lag');
  if (progress.lag(group)) replyInt64(reply, progress.low, progress.high);
  else reply.nil();
}

// ── XINFO STREAM ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** XINFO STREAM key [FULL [COUNT count]] */
function stream(engine: Engine, arg: number, argc: number): void {
  if (argc === 3) {
    summary(engine);
    return;
  }
  let count = DEFAULT_COUNT;
  if ((argc !== 4 && argc !== 6) || !isWord(engine, arg + 3, WORD_FULL)) {
    subcommandSyntaxError(engine, arg, 'XINFO');
    return;
  }
  if (argc === 6) {
    if (!isWord(engine, arg + 4, WORD_COUNT)) {
      subcommandSyntaxError(engine, arg, 'XINFO');
      return;
    }
    count = integerArgument(engine, arg + 5);
    if (Number.isNaN(count)) return;
    if (count < 0) count = DEFAULT_COUNT;
  }
  full(engine, count);
}

/** Seven pairs that the short and the full form have in common. */
function replyState(engine: Engine): void {
  const { reply } = engine;
  const { log } = engine.values.streams;
  reply.bulkText('length');
  reply.integer(log.length);
  reply.bulkText('radix-tree-keys');
  reply.integer(log.nodes.size);
  reply.bulkText('radix-tree-nodes');
  reply.integer(radixNodes(log));
  reply.bulkText('last-generated-id');
  replyId(reply, log.lastId(id));
  reply.bulkText('max-deleted-entry-id');
  replyId(reply, log.maxDeletedId(id));
  reply.bulkText('entries-added');
  replyInt64(reply, log.addedLow, log.addedHigh);
  reply.bulkText('recorded-first-entry-id');
  replyId(reply, log.firstId(id));
}

function summary(engine: Engine): void {
  const { reply } = engine;
  const { log, groups: all } = engine.values.streams;
  reply.map(10);
  replyState(engine);
  reply.bulkText('groups');
  reply.integer(all.count(log.root));
  reply.bulkText('first-entry');
  log.seek(START);
  if (log.next()) replyEntry(reply, log);
  else reply.nil();
  reply.bulkText('last-entry');
  log.seekBack(END);
  if (log.previous()) replyEntry(reply, log);
  else reply.nil();
}

/** All of a stream; of entries and of what is pending, `count` each (0: all). */
function full(engine: Engine, count: number): void {
  const { reply } = engine;
  const { log, groups: all } = engine.values.streams;
  reply.map(9);
  replyState(engine);
  reply.bulkText('entries');
  replyRange(reply, log, START, END, count);
  reply.bulkText('groups');
  const n = all.count(log.root);
  reply.array(n);
  for (let i = 0; i < n; i++) fullGroup(engine, all.groupAt(log.root, i), count);
}

function fullGroup(engine: Engine, group: number, count: number): void {
  const { reply } = engine;
  const { groups: all } = engine.values.streams;
  reply.map(7);
  reply.bulkText('name');
  replyGroupName(engine, group);
  replyPosition(engine, group);
  const pending = all.pending(group);
  reply.bulkText('pel-count');
  reply.integer(pending.size);
  reply.bulkText('pending');
  let left = count > 0 && count < pending.size ? count : pending.size;
  reply.array(left);
  for (let nack = pending.first(); left > 0; nack = pending.next(), left--) {
    reply.array(4);
    replyId(reply, pending.readId(id));
    replyConsumerName(engine, all.consumerOf(nack));
    reply.integer(all.deliveredAt(nack));
    reply.integer(all.deliveries(nack));
  }
  reply.bulkText('consumers');
  const n = all.consumerCount(group);
  reply.array(n);
  for (let i = 0; i < n; i++) fullConsumer(engine, all.consumerAt(group, i), count);
}

function fullConsumer(engine: Engine, consumer: number, count: number): void {
  const { reply } = engine;
  const { groups: all } = engine.values.streams;
  const pending = all.pendingOf(consumer);
  reply.map(5);
  reply.bulkText('name');
  replyConsumerName(engine, consumer);
  reply.bulkText('seen-time');
  reply.integer(all.seen(consumer));
  reply.bulkText('active-time');
  reply.integer(all.active(consumer));
  reply.bulkText('pel-count');
  reply.integer(pending.size);
  reply.bulkText('pending');
  let left = count > 0 && count < pending.size ? count : pending.size;
  reply.array(left);
  for (let nack = pending.first(); left > 0; nack = pending.next(), left--) {
    reply.array(3);
    replyId(reply, pending.readId(id));
    reply.integer(all.deliveredAt(nack));
    reply.integer(all.deliveries(nack));
  }
}
