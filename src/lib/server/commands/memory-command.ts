/**
 * MEMORY: what the data takes. The figures are the arena's own: of a key, the bytes that its record has in its size class and
 * its share of the hash table.
 */

import { integerArgument, syntaxError } from '../../engine/arguments.ts';
import type { Engine, Handler } from '../../engine/engine.ts';
import { hashOf, rootOf } from '../../engine/keys.ts';
import { ROOTED } from '../../store/value-kind.ts';
import type { ServerContext } from '../context.ts';
import { type MemoryFigures, memoryFigures } from '../memory-figures.ts';
import { container } from './container.ts';

const MEMORY_HELP = [
  'DOCTOR',
  '    Return memory problems reports.',
  'MALLOC-STATS',
  '    Return internal statistics report from the memory allocator.',
  'PURGE',
  '    Attempt to purge dirty pages for reclamation by the allocator.',
  'STATS',
  '    Return information about the memory usage of the server.',
  'USAGE <key> [SAMPLES <count>]',
  '    Return memory in bytes used by <key> and its value. Nested values are',
  '    sampled up to <count> times (default: 5, 0 means sample all).',
];

const DEFAULT_SAMPLES = 5;
/** What the process takes without any data, roughly: its code, its packet memory. */
const PROCESS_BYTES = 256 * 1024 * 1024;
/** MEMORY PURGE frees at most so much at once. */
const PURGE_STEPS = 64;
const PURGE_ELEMENTS = 1024;
/** Below this there is nothing to diagnose. */
const DOCTOR_MIN_BYTES = 5 * 1024 * 1024;
const EMPTY_REPORT =
  "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in these " +
  'conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be back to ' +
  'our programming as soon as I finished rebooting.\n';
const HEALTHY_REPORT =
  "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n";

export function memoryHandler(context: ServerContext): Handler {
  return container('memory', MEMORY_HELP, {
    usage,
    stats: (engine) => stats(engine, memoryFigures(context)),
    doctor: (engine) => engine.reply.verbatim('txt', doctor(memoryFigures(context))),
    'malloc-stats': (engine) => engine.reply.verbatim('txt', arenaReport(memoryFigures(context))),
    purge,
  });
}

/** MEMORY PURGE: free pages go back to the operating system; large values that wait to be freed first. */
function purge(engine: Engine): void {
  const { arena, reply, values } = engine;
  for (let i = 0; i < PURGE_STEPS && values.reaper.step(PURGE_ELEMENTS); i++);
  arena.purge();
  reply.ok();
}

/** MEMORY USAGE key [SAMPLES n]: the record, its share of the table, and what hangs from it, estimated from n elements. */
function usage(engine: Engine, arg: number, argc: number): void {
  let samples = DEFAULT_SAMPLES;
  for (let i = arg + 3; i < arg + argc; i += 2) {
    if (engine.text(i).toLowerCase() !== 'samples' || i + 1 >= arg + argc) {
      syntaxError(engine);
      return;
    }
    samples = integerArgument(engine, i + 1);
    if (Number.isNaN(samples)) return;
    if (samples < 0) {
      syntaxError(engine);
      return;
    }
  }
  const key = arg + 2;
  const ref = engine.db.find(engine.argOffset[key], engine.argLength[key], hashOf(engine, key));
  if (ref === 0) engine.reply.nil();
  else engine.reply.integer(Math.round(bytesOf(engine, ref, samples)));
}

function bytesOf(engine: Engine, ref: number, samples: number): number {
  const { db } = engine;
  const flags = db.flags(ref);
  const kind = engine.values.kinds[db.type(ref)];
  const own = db.memoryBytes(ref);
  if (kind === null || (flags & ROOTED) === 0) return own;
  return own + kind.memoryBytes(rootOf(engine, db, ref), flags, samples);
}

/** Fields of MEMORY STATS up to the databases' own, and from there on: integers, or doubles where a share is asked for. */
type Stat = readonly [name: string, value: number, isShare?: boolean];

function statsBefore(figures: MemoryFigures): Stat[] {
  return [
    ['peak.allocated', figures.peakBytes],
    ['total.allocated', figures.usedBytes],
    ['startup.allocated', figures.startupBytes],
    ['replication.backlog', 0],
    ['clients.slaves', 0],
    ['clients.normal', figures.clientBytes],
    ['cluster.links', 0],
    ['aof.buffer', 0],
    ['lua.caches', 0],
    ['functions.caches', 0],
  ];
}

function statsAfter(figures: MemoryFigures): Stat[] {
  const { usedBytes, activeBytes, rssBytes, datasetBytes, keys } = figures;
  return [
    ['overhead.total', figures.overheadBytes],
    ['keys.count', keys],
    ['keys.bytes-per-key', keys === 0 ? 0 : datasetBytes / keys],
    ['dataset.bytes', datasetBytes],
    ['dataset.percentage', figures.datasetPercent, true],
    ['peak.percentage', figures.peakPercent, true],
    ['allocator.allocated', usedBytes],
    ['allocator.active', activeBytes],
    ['allocator.resident', rssBytes],
    ['allocator-fragmentation.ratio', activeBytes / usedBytes, true],
    ['allocator-fragmentation.bytes', activeBytes - usedBytes],
    ['allocator-rss.ratio', rssBytes / activeBytes, true],
    ['allocator-rss.bytes', rssBytes - activeBytes],
    ['rss-overhead.ratio', 1, true],
    ['rss-overhead.bytes', 0],
    ['fragmentation', rssBytes / usedBytes, true],
    ['fragmentation.bytes', rssBytes - usedBytes],
  ];
}

function stats(engine: Engine, figures: MemoryFigures): void {
  const { reply } = engine;
  const databases = engine.databases.filter((database) => database.size > 0);
  const before = statsBefore(figures);
  const after = statsAfter(figures);
  reply.map(before.length + databases.length + after.length);
  sayStats(engine, before);
  for (const database of databases) {
    reply.bulkText(`db.${database.index}`);
    reply.map(2);
    sayStats(engine, [
      ['overhead.hashtable.main', database.tableBytes],
      ['overhead.hashtable.expires', 0],
    ]);
  }
  sayStats(engine, after);
}

function sayStats({ reply }: Engine, stats: readonly Stat[]): void {
  for (const [name, value, isShare] of stats) {
    reply.bulkText(name);
    if (isShare) reply.double(value);
    else reply.integer(Math.floor(value));
  }
}

function doctor(figures: MemoryFigures): string {
  if (figures.usedBytes < DOCTOR_MIN_BYTES) return EMPTY_REPORT;
  const found: string[] = [];
  if (figures.peakBytes > figures.usedBytes * 1.5) {
    found.push(
      ' * Peak memory: In the past this instance used more than 150% the memory that is currently using.' +
        ' Chunks of the arena that are wholly free were given back; others wait for new data.',
    );
  }
  if (figures.activeBytes > figures.usedBytes * 1.4) {
    found.push(
      ' * High fragmentation: the pages of the arena that are in use are more than 1.4 times what is stored in them.' +
        ' CONFIG SET activedefrag yes gathers the objects in fewer pages.',
    );
  }
  if (figures.rssBytes > figures.activeBytes * 1.5 + PROCESS_BYTES) {
    found.push(' * High resident memory: free pages were not given back yet. MEMORY PURGE does it now.');
  }
  if (found.length === 0) return HEALTHY_REPORT;
  return `Sam, I detected a few issues in this instance memory implants:\n\n${found.join('\n\n')}\n`;
}

function arenaReport(figures: MemoryFigures): string {
  return [
    '___ Begin arena statistics ___',
    `Chunks mapped: ${figures.chunks}`,
    `Bytes mapped: ${figures.reservedBytes}`,
    `Bytes of pages in use: ${figures.activeBytes}`,
    `Bytes in use: ${figures.usedBytes}`,
    `Bytes of hash tables: ${figures.tableBytes}`,
    '--- End arena statistics ---',
    '',
  ].join('\n');
}
