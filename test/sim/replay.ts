/**
 * One world again, looked at closely: its plan, its events as lines, its frames as a capture with one interface for each station.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Station } from '../../src/lib/link/memory.ts';
import { EPB_INBOUND, EPB_OUTBOUND, PcapngWriter } from '../../src/lib/link/pcapng.ts';
import type { WorldPlan } from './plan.ts';
import { type Onlooker, World, type WorldResult } from './world.ts';

/** Captured times begin here, so that they look like times. */
const EPOCH_US = 1_700_000_000_000_000;

export class Capture {
  private readonly writer: PcapngWriter;
  private readonly interfaces = new Map<string, number>();
  private readonly file: number;

  constructor(path: string) {
    this.file = openSync(path, 'w');
    this.writer = new PcapngWriter(
      { write: (bytes) => void writeSync(this.file, bytes), close: () => closeSync(this.file) },
      'rtcp simulation',
    );
  }

  packet(atUs: number, station: Station, bytes: Uint8Array, flags: number): void {
    let id = this.interfaces.get(station.name);
    if (id === undefined) {
      id = this.writer.addInterface({ name: station.name, mac: station.mac });
      this.interfaces.set(station.name, id);
    }
    this.writer.packet(id, EPOCH_US + atUs, bytes, flags);
  }

  close(): void {
    this.writer.close();
  }
}

export interface ReplayOptions {
  /** Event lines go here, one by one. */
  readonly log: ((line: string) => void) | null;
  readonly capture: Capture | null;
}

export function replay(plan: WorldPlan, { log, capture }: ReplayOptions): WorldResult {
  const onlooker: Onlooker = {
    log: (atUs, text) => log?.(`${(atUs / 1e6).toFixed(6).padStart(14)}  ${text}`),
    sent: (atUs, from, bytes) => capture?.packet(atUs, from, bytes, EPB_OUTBOUND),
    arrived: (atUs, to, bytes) => capture?.packet(atUs, to, bytes, EPB_INBOUND),
  };
  const result = new World(plan, log === null && capture === null ? null : onlooker).run();
  capture?.close();
  return result;
}
