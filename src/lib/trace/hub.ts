/**
 * The main thread's side of the ring: switches the recorder on while somebody listens, and hands every listener what it
 * wrote. A listener that comes later is first told the names that were introduced before.
 *
 *   ring ── every 10 ms ──▶ Hub ──▶ serve --trace FILE
 *                            └────▶ sockets (attach.ts)
 */
import { KIND_NAME, lostRecord, RECORD_KIND, RECORD_LENGTH } from './record.ts';
import { TRACE_OFF, TRACE_ON, TRACE_WANTED } from './recorder.ts';
import { RingReader } from './ring.ts';

const DRAIN_MS = 10;

/** Takes whole records. */
export type RecordListener = (records: Buffer) => void;

export class Hub {
  private readonly reader: RingReader;
  private readonly control: Int32Array;
  private readonly word: number;
  private readonly wallUs: () => number;
  private readonly listeners = new Set<RecordListener>();
  private names: Buffer[] = [];
  private timer: NodeJS.Timeout | null = null;

  /** `control[word]` is the recorder's switch. */
  constructor(memory: SharedArrayBuffer, control: Int32Array, word: number, wallUs: () => number) {
    this.reader = new RingReader(memory);
    this.control = control;
    this.word = word;
    this.wallUs = wallUs;
  }

  /** The recorder is at work: no event is missed from now on. */
  get on(): boolean {
    return Atomics.load(this.control, this.word) === TRACE_ON;
  }

  /** The names introduced so far, for one who missed some of them. */
  knownNames(): Buffer {
    return Buffer.concat(this.names);
  }

  add(listener: RecordListener): void {
    if (this.listeners.size === 0) this.start();
    else if (this.names.length > 0) listener(this.knownNames());
    this.listeners.add(listener);
  }

  remove(listener: RecordListener): void {
    if (this.listeners.delete(listener) && this.listeners.size === 0) this.stop();
  }

  /** Hands out what is in the ring now; the last time, when the recorder's thread has ended. */
  drain(): void {
    const records = this.reader.drain();
    const lost = this.reader.takeLost();
    if (records.length > 0) this.rememberNames(records);
    const told = lost === 0 ? records : Buffer.concat([records, lostRecord(this.wallUs(), lost)]);
    if (told.length === 0) return;
    for (const listener of this.listeners) listener(told);
  }

  close(): void {
    this.drain();
    this.listeners.clear();
    this.stop();
  }

  private start(): void {
    this.reader.drain(); // what was written before nobody heard it
    this.reader.takeLost();
    this.names = [];
    Atomics.store(this.control, this.word, TRACE_WANTED);
    this.timer = setInterval(() => this.drain(), DRAIN_MS);
    this.timer.unref();
  }

  private stop(): void {
    Atomics.store(this.control, this.word, TRACE_OFF);
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private rememberNames(records: Buffer): void {
    for (let at = 0; at < records.length; at += records.readInt32LE(at + RECORD_LENGTH)) {
      if (records[at + RECORD_KIND] !== KIND_NAME) continue;
      this.names.push(Buffer.from(records.subarray(at, at + records.readInt32LE(at + RECORD_LENGTH))));
    }
  }
}
