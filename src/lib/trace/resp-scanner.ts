/**
 * Names the Redis commands, or the replies, that a stream of bytes carries: `GET user:1`, `→ $64`. Not the server's parser
 * (resp/parser.ts): that one wants whole commands in packet memory, and here payloads are cut by the capture, values of any
 * length must pass in constant memory, and replies are read as well. So it keeps only where it is:
 *
 *   line │ bulk: so many bytes to go, of which the first few are kept │ how many values each open array still wants
 *
 * Bytes that the capture does not have may be skipped within a bulk. Anywhere else the scanner loses its place, and
 * finds it again at the next segment that begins like a message.
 */

/** Arrays in arrays, deeper than any command's reply. */
const MAX_DEPTH = 16;
/** A longer line is no Redis traffic (inline commands may have 64 KiB; they are cut for the name). */
const MAX_LINE_BYTES = 65_536;
const KEPT_LINE_BYTES = 120;
/** Bytes of a word that its name shows. */
const SHOWN_WORD_BYTES = 24;
const SHOWN_REPLY_CHARACTERS = 40;
/** Of a longer word only the length is shown. */
const LONG_WORD_BYTES = 64;
/** Words of a command that its name shows. */
const SHOWN_WORDS = 3;
/** Commands whose later words are secret: how many may be shown. */
const SECRET_AFTER: Readonly<Record<string, number>> = { AUTH: 1, HELLO: 2, ACL: 2, MIGRATE: 1 };
/** Messages named for one segment; the rest is counted. */
const MAX_NAMES = 4;

const CR = 13;
const LF = 10;
const STAR = 42;
const REPLY_TYPES = '+-:$*%~>_#,(!=|';

export class RespScanner {
  /** Messages that began. */
  messages = 0;
  inSync = false;
  private readonly replies: boolean;
  /** Told the name of each message once it is complete. */
  private readonly onMessage: (name: string) => string;
  private line = '';
  private lineBytes = 0;
  /** Bytes of a bulk to go, CR LF included; 0: in a line. */
  private bulkLeft = 0;
  private word = '';
  private wordBytes = 0;
  /** Values that each open array still wants. */
  private readonly wants: number[] = [];
  // The message that is open
  private open = false;
  private words: string[] = [];
  private wordCount = 0;
  private head = '';
  private resumed = false;

  constructor(replies: boolean, onMessage: (name: string) => string) {
    this.replies = replies;
    this.onMessage = onMessage;
  }

  /** The bytes before the next segment are not known. */
  loseSync(): void {
    this.inSync = false;
    this.reset();
  }

  /**
   * The next segment: bytes [from, until), then `missing` more that the wire had. Returns the names of all messages that
   * begin or go on in it.
   */
  feed(bytes: Uint8Array, from: number, until: number, missing: number): string[] {
    const names: string[] = [];
    if (!this.inSync) {
      if (from >= until || !this.looksLikeStart(bytes[from])) return names;
      this.inSync = true;
    }
    this.resumed = this.open;
    let at = from;
    while (at < until && this.inSync) {
      at = this.bulkLeft > 0 ? this.takeBulk(bytes, at, until, names) : this.takeLine(bytes, at, until, names);
    }
    if (missing > 0 && this.inSync) this.skip(missing, names);
    if (this.open) names.push(`${this.resumed ? '… ' : ''}${this.name()} …`.trim());
    return names.length > MAX_NAMES ? [...names.slice(0, MAX_NAMES), `+${names.length - MAX_NAMES} more`] : names;
  }

  private looksLikeStart(byte: number): boolean {
    return this.replies ? REPLY_TYPES.includes(String.fromCharCode(byte)) : byte === STAR || isLetter(byte);
  }

  private takeBulk(bytes: Uint8Array, from: number, until: number, names: string[]): number {
    const n = Math.min(this.bulkLeft, until - from);
    const payloadLeft = Math.max(0, this.bulkLeft - 2);
    const wanted = Math.min(n, payloadLeft, SHOWN_WORD_BYTES - this.word.length);
    if (wanted > 0 && this.showsWord()) this.word += latin1(bytes, from, from + wanted);
    this.bulkLeft -= n;
    if (this.bulkLeft === 0) this.bulkDone(names);
    return from + n;
  }

  private skip(missing: number, names: string[]): void {
    if (missing > this.bulkLeft || this.bulkLeft === 0) {
      if (this.open) names.push(`${this.name()} …`.trim());
      this.loseSync();
      return;
    }
    this.bulkLeft -= missing;
    if (this.bulkLeft === 0) this.bulkDone(names);
  }

  private takeLine(bytes: Uint8Array, from: number, until: number, names: string[]): number {
    let lf = from;
    while (lf < until && bytes[lf] !== LF) lf++;
    if (this.line.length < KEPT_LINE_BYTES) {
      this.line += latin1(bytes, from, Math.min(lf, from + KEPT_LINE_BYTES - this.line.length));
    }
    this.lineBytes += lf - from;
    if (this.lineBytes > MAX_LINE_BYTES) this.loseSync();
    else if (lf < until) this.lineDone(names);
    else this.open = true;
    return lf + 1;
  }

  private lineDone(names: string[]): void {
    const line = this.line.charCodeAt(this.line.length - 1) === CR ? this.line.slice(0, -1) : this.line;
    this.line = '';
    this.lineBytes = 0;
    const first = this.wants.length === 0;
    if (first) this.begin(line);
    if (!this.replies && first && line.charCodeAt(0) !== STAR) {
      this.inline(line, names);
      return;
    }
    const type = line[0];
    const count = /^.-?\d+$/.test(line) ? Number(line.slice(1)) : NaN;
    if (type === '$' || (this.replies && (type === '!' || type === '='))) this.beginBulk(count, names);
    else if (type === '*' && (this.replies || first)) this.beginArray(count, names);
    else if (!this.replies) this.loseSync();
    else if (type === '~' || type === '>') this.beginArray(count, names);
    else if (type === '%') this.beginArray(2 * count, names);
    else if (type === '|') this.beginArray(2 * count + 1, names);
    else if (REPLY_TYPES.includes(type ?? ' ')) this.valueDone(names);
    else this.loseSync();
  }

  private begin(line: string): void {
    this.open = true;
    this.messages++;
    this.head = line;
  }

  private inline(line: string, names: string[]): void {
    const words = line.split(/\s+/).filter((word) => word !== '');
    this.words = words.slice(0, SHOWN_WORDS).map(shown);
    this.wordCount = words.length;
    this.wants.length = 0;
    this.done(names);
  }

  private beginBulk(length: number, names: string[]): void {
    if (Number.isNaN(length)) this.loseSync();
    else if (length < 0) this.valueDone(names);
    else {
      this.bulkLeft = length + 2;
      this.word = '';
      this.wordBytes = length;
    }
  }

  private beginArray(count: number, names: string[]): void {
    if (Number.isNaN(count) || this.wants.length === MAX_DEPTH) this.loseSync();
    else if (count <= 0) this.valueDone(names);
    else {
      this.wants.push(count);
      if (!this.replies) this.wordCount = count;
    }
  }

  private showsWord(): boolean {
    return !this.replies && this.words.length < SHOWN_WORDS;
  }

  private bulkDone(names: string[]): void {
    if (this.showsWord()) this.words.push(this.shownWord());
    this.valueDone(names);
  }

  private shownWord(): string {
    if (this.wordBytes > LONG_WORD_BYTES) return `<${this.wordBytes} bytes>`;
    return shown(this.wordBytes > this.word.length ? `${this.word}…` : this.word);
  }

  private valueDone(names: string[]): void {
    const wants = this.wants;
    while (wants.length > 0) {
      if (--wants[wants.length - 1] > 0) return;
      wants.pop();
    }
    this.done(names);
  }

  private done(names: string[]): void {
    const named = this.replies || this.words.length > 0;
    if (named) names.push(`${this.resumed ? '… ' : ''}${this.onMessage(this.name())}`);
    this.resumed = false;
    this.reset();
  }

  private reset(): void {
    this.open = false;
    this.bulkLeft = 0;
    this.line = '';
    this.lineBytes = 0;
    this.wants.length = 0;
    this.words = [];
    this.wordCount = 0;
    this.head = '';
  }

  private name(): string {
    if (this.replies) return `→ ${printable(this.head.slice(0, SHOWN_REPLY_CHARACTERS))}`;
    const command = (this.words[0] ?? '').toUpperCase();
    const limit = Object.hasOwn(SECRET_AFTER, command) ? SECRET_AFTER[command] : SHOWN_WORDS;
    const words = [command, ...this.words.slice(1, limit)];
    const more = this.wordCount - words.length;
    return more > 0 && this.words.length >= limit ? `${words.join(' ')} +${more}` : words.join(' ');
  }
}

const isLetter = (byte: number): boolean => (byte | 32) >= 97 && (byte | 32) <= 122;

function latin1(bytes: Uint8Array, from: number, until: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, until - from).toString('latin1');
}

/** Control characters and what is not ASCII as \xHH. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e…→]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function shown(word: string): string {
  const text = printable(word);
  return text === '' || text.includes(' ') ? `"${text}"` : text;
}
