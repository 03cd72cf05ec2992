/**
 * Subcommands of DEBUG about keys and their values: what they are made of, digests to compare servers by, all values through
 * RDB and back, many keys at once.
 */
import { encodingOf } from '../../engine/encoding.ts';
import type { Engine } from '../../engine/engine.ts';
import { hashOf, TYPE_LIST, TYPE_STRING } from '../../engine/keys.ts';
import { dumpValue } from '../../engine/rdb/codecs.ts';
import { datasetDigest, valueDigest } from '../../engine/rdb/dataset-digest.ts';
import { reload as reloadAll } from '../../engine/rdb/reload.ts';
import { RdbWriter } from '../../engine/rdb/writer.ts';
import { byteOf, chunkOf } from '../../store/arena.ts';
import { openList } from '../../store/list-kind.ts';
import * as listpack from '../../store/listpack.ts';
import type { Quicklist } from '../../store/quicklist.ts';
import { COUNT, NEXT } from '../../store/quicklist-node.ts';
import { ACCESS_MASK } from '../../store/record.ts';
import type { ServerContext } from '../context.ts';

/** Most keys that POPULATE makes between two looks at whether there is memory; more is a mistake. */
const MAX_POPULATE = 2 ** 31 - 1;
const RELOAD_OPTIONS = ['merge', 'noflush', 'nosave'];

const writer = new RdbWriter();

/** The record of the key in argument `i`, also when its time is over; 0 for none. */
function findKey(engine: Engine, i: number): number {
  return engine.db.find(engine.argOffset[i], engine.argLength[i], hashOf(engine, i));
}

function noSuchKey(engine: Engine): void {
  engine.reply.error('ERR no such key');
}

/** DEBUG OBJECT key [fast]: where and how it is stored. The address is the record's place in the arena. */
export function object(_: ServerContext, engine: Engine, arg: number, argc: number): void {
  const { db, reply } = engine;
  const ref = findKey(engine, arg + 2);
  if (ref === 0) {
    noSuchKey(engine);
    return;
  }
  const fast = argc > 3 && engine.text(arg + 3).toLowerCase() === 'fast';
  const address = ((ref >>> 0) * 8).toString(16).padStart(12, '0');
  const encoding = encodingOf(engine, ref);
  const now = Math.floor(engine.nowMs / 1000) & ACCESS_MASK;
  const accessed = db.lru(ref) || now; // 0: never, since it was made
  const idle = (now - accessed) & ACCESS_MASK;
  reply.simple(
    `Value at:0x${address} refcount:1 encoding:${encoding}` +
      (fast ? '' : ` serializedlength:${serializedBytes(engine, ref)}`) +
      ` lru:${accessed} lru_seconds_idle:${idle}${encoding === 'quicklist' ? quicklistFigures(engine, ref) : ''}`,
  );
}

/** Bytes of the value in an RDB file. */
function serializedBytes(engine: Engine, ref: number): number {
  writer.begin(engine.rdb.version, engine.rdb.compression);
  dumpValue(engine, engine.db, ref, writer);
  return writer.length - 1; // the type code is not the value's
}

function quicklistFigures(engine: Engine, ref: number): string {
  const { list } = engine.values;
  openList(list, engine.arena, ref);
  let bytes = 0;
  for (let node = list.head; node !== 0; node = list.nodeWord(node, NEXT)) bytes += contentBytes(list, node);
  return (
    ` ql_nodes:${list.nodes} ql_avg_node:${(list.length / list.nodes).toFixed(2)}` +
    ` ql_listpack_max:${list.listFill} ql_compressed:${list.listDepth === 0 ? 0 : 1} ql_uncompressed_size:${bytes}`
  );
}

/** Bytes of a node's listpack, or of the element that has a node of its own. */
function contentBytes(list: Quicklist, node: number): number {
  list.enter(node);
  if (!list.isPlain(node)) return listpack.totalBytes(list.view, list.at);
  listpack.decode(list.view, listpack.first(list.view, list.at));
  return listpack.item.length;
}

/** DEBUG LISTPACK key: its entries go to the log. */
export function showListpack(context: ServerContext, engine: Engine, arg: number): void {
  const ref = findKey(engine, arg + 2);
  if (ref === 0) noSuchKey(engine);
  else if (encodingOf(engine, ref) !== 'listpack') engine.reply.error('ERR Not a listpack encoded object.');
  else {
    const elements = engine.values.kinds[engine.db.type(ref)]?.count(engine.db, ref);
    context.log('notice', `DEBUG LISTPACK: ${elements} elements, ${serializedBytes(engine, ref)} bytes in RDB`);
    engine.reply.simple('Listpack structure printed on stdout');
  }
}

/** DEBUG QUICKLIST key [0|1]: its nodes go to the log. */
export function showQuicklist(context: ServerContext, engine: Engine, arg: number): void {
  const ref = findKey(engine, arg + 2);
  if (ref === 0) noSuchKey(engine);
  else if (engine.db.type(ref) !== TYPE_LIST || encodingOf(engine, ref) !== 'quicklist') {
    engine.reply.error('ERR Not a quicklist encoded object.');
  } else {
    const { list } = engine.values;
    openList(list, engine.arena, ref);
    context.log('notice', `DEBUG QUICKLIST: ${list.length} elements in ${list.nodes} nodes`);
    for (let node = list.head, i = 0; node !== 0; node = list.nodeWord(node, NEXT), i++) {
      const form = list.isPlain(node) ? 'plain' : list.isCompressed(node) ? 'compressed' : 'packed';
      context.log(
        'notice',
        `node ${i}: ${form}, ${list.nodeWord(node, COUNT)} elements, ${contentBytes(list, node)} bytes`,
      );
    }
    engine.reply.simple('Quicklist structure printed on stdout');
  }
}

/** DEBUG SDSLEN key: lengths of key and value, and what they take together. */
export function stringLengths(_: ServerContext, engine: Engine, arg: number): void {
  const { db, reply } = engine;
  const ref = findKey(engine, arg + 2);
  if (ref === 0) noSuchKey(engine);
  else if (db.type(ref) !== TYPE_STRING || encodingOf(engine, ref) === 'int') {
    reply.error('ERR Not an sds encoded string.');
  } else {
    const key = db.keyLength(ref);
    const value = db.valueLength(ref);
    const spare = db.recordBytes(ref) - key - value;
    reply.simple(
      `key_sds_len:${key}, key_sds_avail:0, key_zmalloc: ${key}, ` +
        `val_sds_len:${value}, val_sds_avail:${spare}, val_zmalloc: ${value + spare}`,
    );
  }
}

export function digest(_: ServerContext, engine: Engine): void {
  engine.reply.simple(datasetDigest(engine));
}

/** DEBUG DIGEST-VALUE [key …] */
export function digestValue(_: ServerContext, engine: Engine, arg: number, argc: number): void {
  engine.reply.array(argc - 2);
  for (let i = arg + 2; i < arg + argc; i++) engine.reply.simple(valueDigest(engine, engine.db, findKey(engine, i)));
}

/** DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE] */
export function reload(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  for (let i = arg + 2; i < arg + argc; i++) {
    if (RELOAD_OPTIONS.includes(engine.text(i).toLowerCase())) continue;
    engine.reply.error('ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.');
    return;
  }
  context.keyEvents.flushing(engine.databases);
  const failure = reloadAll(engine);
  context.keyEvents.flushed(engine.databases);
  if (failure !== '') {
    context.log('warning', `DEBUG RELOAD: ${failure}`);
    engine.reply.error('ERR Error trying to load the RDB dump, check server logs.');
    return;
  }
  engine.stats.dirty = 0;
  context.log('warning', 'DB reloaded by DEBUG RELOAD');
  engine.reply.ok();
}

export function skipChecksum(_: ServerContext, engine: Engine, arg: number): void {
  engine.rdb.checksum = (Number.parseInt(engine.text(arg + 2), 10) || 0) === 0;
  engine.reply.ok();
}

/** DEBUG POPULATE count [prefix] [size]: keys `prefix:0` … that are not there yet, with values `value:0` …, as long as size. */
export function populate(_: ServerContext, engine: Engine, arg: number, argc: number): void {
  const count = positiveArgument(engine, arg + 2);
  const size = argc > 4 ? positiveArgument(engine, arg + 4) : 0;
  if (count < 0 || size < 0) return;
  const prefix = argc > 3 ? engine.text(arg + 3) : 'key';
  for (let i = 0; i < count; i++) {
    if (populateKey(engine, Buffer.from(`${prefix}:${i}`, 'latin1'), Buffer.from(`value:${i}`), size)) continue;
    engine.reply.error("OOM command not allowed when used memory > 'maxmemory'.");
    return;
  }
  engine.reply.ok();
}

function positiveArgument(engine: Engine, i: number): number {
  const text = engine.text(i);
  const value = /^(0|[1-9]\d{0,17})$/.test(text) ? Number(text) : -1;
  if (value < 0) engine.reply.error('ERR value is out of range, must be positive');
  return Math.min(value, MAX_POPULATE);
}

/** False without memory. */
function populateKey(engine: Engine, name: Buffer, value: Buffer, size: number): boolean {
  const { db, arena } = engine;
  const key = new Uint8Array(new SharedArrayBuffer(name.length + 8)); // keys are read up to 3 bytes past their end
  key.set(name);
  const view = new DataView(key.buffer);
  const hash = db.hashOfBytes(view, 0, name.length);
  if (db.findBytes(view, 0, name.length, hash) !== 0) return true;
  const length = size === 0 ? value.length : size;
  if (arena.usedBytes + length > arena.limitBytes) return false;
  const ref = db.insertBytes(view, 0, name.length, hash, TYPE_STRING, length);
  if (ref === 0) return false;
  const start = byteOf(ref) + db.valueByte(ref);
  const bytes = arena.bytes8[chunkOf(ref)];
  bytes.fill(0, start, start + length);
  bytes.set(value.subarray(0, length), start);
  return true;
}
