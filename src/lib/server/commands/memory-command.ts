/**
 * MEMORY: what the data takes. The figures are the arena's own: of a key, the bytes that its record has in its size class and
 * its share of the hash table.
 */

import { integerArgument, syntaxError } from '../../engine/arguments.ts';
import type { Engine, Handler } from '../../engine/engine.ts';
import { hashOf } from '../../engine/keys.ts';
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
    purge: (engine) => engine.reply.ok(),
  });
}

/** MEMORY USAGE key [SAMPLES n]: strings have no nested values to sample. */
function usage(engine: Engine, arg: number, argc: number): void {
  for (let i = arg + 3; i < arg + argc; i += 2) {
    if (engine.text(i).toLowerCase() !== 'samples' || i + 1 >= arg + argc) {
      syntaxError(engine);
      return;
    }
    const samples = integerArgument(engine, i + 1);
    if (Number.isNaN(samples)) return;
    if (samples < 0) {
      syntaxError(engine);
      return;
    }
  }
  const key = arg + 2;
  const ref = engine.db.find(engine.argOffset[key], engine.argLength[key], hashOf(engine, key));
  if (ref === 0) engine.reply.nil();
  else engine.reply.integer(engine.db.memoryBytes(ref));
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
  const { usedBytes, reservedBytes, rssBytes, datasetBytes, keys } = figures;
  return [
    ['overhead.total', figures.overheadBytes],
    ['keys.count', keys],
    ['keys.bytes-per-key', keys === 0 ? 0 : datasetBytes / keys],
    ['dataset.bytes', datasetBytes],
    ['dataset.percentage', figures.datasetPercent, true],
    ['peak.percentage', figures.peakPercent, true],
    ['allocator.allocated', usedBytes],
    ['allocator.active', reservedBytes],
    ['allocator.resident', rssBytes],
    ['allocator-fragmentation.ratio', reservedBytes / usedBytes, true],
    ['allocator-fragmentation.bytes', reservedBytes - usedBytes],
    ['allocator-rss.ratio', rssBytes / reservedBytes, true],
    ['allocator-rss.bytes', rssBytes - reservedBytes],
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
  if (figures.reservedBytes > figures.usedBytes * 1.4) {
    found.push(' * High fragmentation: more than 1.4 times the memory in use is mapped by the arena.');
  }
  if (found.length === 0) return HEALTHY_REPORT;
  return `Sam, I detected a few issues in this instance memory implants:\n\n${found.join('\n\n')}\n`;
}

function arenaReport(figures: MemoryFigures): string {
  return [
    '___ Begin arena statistics ___',
    `Chunks mapped: ${figures.chunks}`,
    `Bytes mapped: ${figures.reservedBytes}`,
    `Bytes in use: ${figures.usedBytes}`,
    `Bytes of hash tables: ${figures.tableBytes}`,
    '--- End arena statistics ---',
    '',
  ].join('\n');
}
