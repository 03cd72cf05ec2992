/** The memory of a server in figures, for INFO and MEMORY: what the data takes, what is mapped for it, what the process has. */
import { clientMemoryBytes } from './clients.ts';
import type { ServerContext } from './context.ts';

export interface MemoryFigures {
  /** Allocated in the arena: records, values and hash tables. */
  readonly usedBytes: number;
  readonly peakBytes: number;
  /** Of it, before there was any data. */
  readonly startupBytes: number;
  /** Pages of the arena that are in use, with the room in them that no object has. */
  readonly activeBytes: number;
  /** Address space of the arena's chunks. */
  readonly reservedBytes: number;
  readonly chunks: number;
  /** Resident memory of the process. */
  readonly rssBytes: number;
  readonly tableBytes: number;
  readonly clientBytes: number;
  /** What is no data: tables, and what was there at the start. */
  readonly overheadBytes: number;
  readonly datasetBytes: number;
  /** Share of the data in what was allocated since the start. */
  readonly datasetPercent: number;
  readonly peakPercent: number;
  readonly keys: number;
}

export function memoryFigures(context: ServerContext): MemoryFigures {
  const { arena, databases } = context.engine;
  context.notePeak();
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
  const usedBytes = arena.usedBytes;
  const tableBytes = sum(databases.map((database) => database.tableBytes));
  const startupBytes = context.startupBytes;
  const overheadBytes = Math.min(usedBytes, Math.max(tableBytes, startupBytes));
  const datasetBytes = usedBytes - overheadBytes;
  return {
    usedBytes,
    peakBytes: context.stats.memoryPeakBytes,
    startupBytes,
    activeBytes: usedBytes + arena.idleBytes,
    reservedBytes: arena.reservedBytes,
    chunks: arena.words.filter((chunk) => chunk.length > 0).length,
    rssBytes: process.memoryUsage.rss(),
    tableBytes,
    clientBytes: sum([...context.clients.all()].map(clientMemoryBytes)),
    overheadBytes,
    datasetBytes,
    datasetPercent: usedBytes > startupBytes ? (datasetBytes * 100) / (usedBytes - startupBytes) : 0,
    peakPercent: (usedBytes * 100) / context.stats.memoryPeakBytes,
    keys: sum(databases.map((database) => database.size)),
  };
}
