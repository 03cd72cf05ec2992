/**
 * MEMORY: what the data takes. The figures are the arena's own: of a key, the bytes that its record has in its size class and
 * its share of the hash table.
 */
import { hashOf } from '../../engine/keys.ts';
import { integerArgument, syntaxError } from '../../engine/arguments.ts';
import type { Engine, Handler } from '../../engine/engine.ts';
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
  'Hi Sam, I can\'t find any memory issue in your instance. I can only account for what occurs on this base.\n';

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
    if (engine.text(i).toLowerCase() !== 'samples' || i + 1 >= arg + argc) return syntaxError(engine);
    const samples = integerArgument(engine, i + 1);
    if (Number.isNaN(samples)) return;
    if (samples < 0) return syntaxError(engine);
  }
  const key = arg + 2;
  const ref = engine.db.find(engine.argOffset[key], engine.argLength[key], hashOf(engine, key));
  if (ref === 0) engine.reply.nil();
  else engine.reply.integer(engine.db.memoryBytes(ref));
}

function stats(engine: Engine, figures: MemoryFigures): void {
  const { reply } = engine;
  const databases = engine.databases.filter((database) => database.size > 0);
  const before: [string, number][] = [
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
  const after: [string, number][] = [
    ['overhead.total', figures.overheadBytes],
    ['keys.count', figures.keys],
    ['keys.bytes-per-key', figures.keys === 0 ? 0 : Math.floor(figures.datasetBytes / figures.keys)],
    ['dataset.bytes', figures.datasetBytes],
  ];
  const ratios: [string, number][] = [
    ['dataset.percentage', figures.datasetPercent],
    ['peak.percentage', figures.peakPercent],
  ];
  const allocator: [string, number][] = [
    ['allocator.allocated', figures.usedBytes],
    ['allocator.active', figures.reservedBytes],
    ['allocator.resident', figures.rssBytes],
  ];
  const fragments: [string, number, number][] = [
    ['allocator-fragmentation', figures.reservedBytes / figures.usedBytes, figures.reservedBytes - figures.usedBytes],
    ['allocator-rss', figures.rssBytes / figures.reservedBytes, figures.rssBytes - figures.reservedBytes],
    ['rss-overhead', 1, 0],
  ];
  reply.map(before.length + databases.length + after.length + ratios.length + allocator.length + 6 + 2);
  const integers = (rows: readonly [string, number][]): void => {
    for (const [name, value] of rows) {
      reply.bulkText(name);
      reply.integer(Math.floor(value));
    }
  };
  const doubles = (name: string, value: number): void => {
    reply.bulkText(name);
    reply.double(Number.isFinite(value) ? value : 0);
  };
  integers(before);
  for (const database of databases) {
    reply.bulkText(`db.${database.index}`);
    reply.map(2);
    integers([
      ['overhead.hashtable.main', database.tableBytes],
      ['overhead.hashtable.expires', 0],
    ]);
  }
  integers(after);
  for (const [name, value] of ratios) doubles(name, value);
  integers(allocator);
  for (const [name, ratio, bytes] of fragments) {
    doubles(`${name}.ratio`, ratio);
    integers([[`${name}.bytes`, bytes]]);
  }
  doubles('fragmentation', figures.rssBytes / figures.usedBytes);
  integers([['fragmentation.bytes', figures.rssBytes - figures.usedBytes]]);
}

function doctor(figures: MemoryFigures): string {
  if (figures.usedBytes < DOCTOR_MIN_BYTES) return EMPTY_REPORT;
  const found: string[] = [];
  if (figures.peakBytes > figures.usedBytes * 1.5) {
    found.push(
      ` * Peak memory: In the past this instance used more than 150% the memory that is currently using.` +
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
