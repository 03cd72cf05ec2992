/**
 * Runs a stream on both servers and says where they part.
 *
 *   units ──▶ goes: what one client sends at once ─┬─▶ ours, one command after the other: values for each client
 *                                                  └─▶ theirs, all at once: as many values for each client
 *   after each few hundred commands: the whole state of both (state.ts)
 */
import { ClientView, sameReply } from './compare.ts';
import { Differences, differenceName } from './differences.ts';
import { CLIENTS, LISTENER } from './mix.ts';
import { Ours } from './ours.ts';
import { compareState, type Question } from './state.ts';
import { type Connection, Theirs } from './theirs.ts';
import { type Command, type CommandsUnit, commandCount, PAYLOAD, type Stream, type Unit } from './units.ts';
import { parseValue } from './value.ts';

/** Commands that are sent at once, at most about. */
const GO_COMMANDS = 100;
const STATE_EVERY = 500;
const MOST_SCAN_STEPS = 5000;

/** Where the servers parted. */
export interface Failure {
  /** Index of the unit (or of the last one before the states were compared). */
  readonly unit: number;
  readonly what: 'reply' | 'state' | 'crash';
  readonly command: Command;
  readonly ours: string;
  readonly theirs: string;
}

/** Stands for the client of what is done by the oracle itself. */
const NOBODY = -1;

/** What ours answered to one command, by client: the values that each was sent, in the order of clients. */
interface Answered {
  readonly unit: number;
  readonly client: number;
  readonly words: Command;
  readonly values: readonly (readonly string[])[];
}

export class Oracle {
  readonly differences = new Differences();
  commands = 0;
  /** Commands and subcommands that were answered with something else than an error. */
  readonly answered = new Set<string>();
  stateChecks = 0;
  private ours: Ours;
  private readonly theirs: Theirs;
  private connections: Connection[] = [];
  private control: Connection;
  private views: ClientView[] = [];
  /** So long is waited for a reply that ours has and theirs doesn't; 0: as long as is sure. */
  patienceMs = 0;
  /** What ours was given last. */
  private last: Command = [];

  private constructor(ours: Ours, theirs: Theirs, control: Connection) {
    this.ours = ours;
    this.theirs = theirs;
    this.control = control;
  }

  static async start(): Promise<Oracle> {
    const theirs = await Theirs.start();
    return new Oracle(new Ours(), theirs, await theirs.connect());
  }

  async stop(): Promise<void> {
    for (const connection of [...this.connections, this.control]) connection.close();
    await this.theirs.stop();
  }

  /** Runs the stream from empty servers; null when they never part. */
  async run(stream: Stream): Promise<Failure | null> {
    await this.begin(stream);
    let unit = 0;
    let sinceState = 0;
    while (unit < stream.units.length) {
      const until = this.goEnd(stream.units, unit);
      const failure = await this.attempt(stream.units, unit, until);
      if (failure !== null) return failure;
      for (let i = unit; i < until; i++) sinceState += commandCount(stream.units[i]);
      unit = until;
      if (sinceState < STATE_EVERY && unit < stream.units.length) continue;
      sinceState = 0;
      const parted = await this.compareStates(unit - 1);
      if (parted !== null) return parted;
    }
    return null;
  }

  // ── beginning ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private async begin(stream: Stream): Promise<void> {
    this.ours.reconnect(CLIENTS);
    this.ours.world.core.engine.activeExpire = false; // keys expire when they are asked for: in the same order on both sides
    for (const connection of [...this.connections, this.control]) connection.close();
    this.control = await this.theirs.connect();
    this.connections = [];
    for (let i = 0; i < CLIENTS; i++) this.connections.push(await this.theirs.connect());
    if (this.patienceMs > 0) for (const connection of this.connections) connection.patienceMs = this.patienceMs;
    this.views = Array.from({ length: CLIENTS }, () => new ClientView());
    this.ours.setClock();
    const settings = new Map([...DEFAULT_SETTINGS, ...stream.settings]);
    settings.set('notify-keyspace-events', stream.events ? 'KEA' : '');
    const reset = [
      ['FLUSHALL'],
      ['SCRIPT', 'FLUSH'],
      ['FUNCTION', 'FLUSH'],
      ['SCRIPT', 'LOAD', 'return 1'],
      ['FUNCTION', 'LOAD', LIBRARY],
      ...[...settings].map(([name, value]) => ['CONFIG', 'SET', name, value]),
    ];
    await this.control.run([['DEBUG', 'SET-ACTIVE-EXPIRE', '0'], ...reset]);
    for (const words of reset) this.ours.run(this.ours.control, words);
    const entries = stream.plainSets ? '0' : '128';
    this.ours.run(this.ours.control, ['CONFIG', 'SET', 'set-max-listpack-entries', entries]);
    for (let i = 0; i < CLIENTS; i++) {
      const hello = ['HELLO', String(stream.protocol)];
      await this.connections[i].run([hello]);
      this.ours.run(this.ours.clients[i], hello);
    }
    if (!stream.events) return;
    const listen = ['PSUBSCRIBE', '__key*__:*'];
    await this.connections[LISTENER].run([listen]);
    this.ours.run(this.ours.clients[LISTENER], listen);
  }

  // ── goes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The end of the units that may be sent together with the one at `from`. */
  private goEnd(units: readonly Unit[], from: number): number {
    const first = units[from];
    if (first.kind !== 'commands' || this.ends(first)) return from + 1;
    let count = first.commands.length;
    for (let i = from + 1; i < units.length; i++) {
      const unit = units[i];
      if (unit.kind !== 'commands' || unit.client !== first.client || unit.pauseMs !== undefined) return i;
      count += unit.commands.length;
      if (count > GO_COMMANDS) return i;
      if (this.ends(unit)) return i + 1;
    }
    return units.length;
  }

  private ends(unit: CommandsUnit): boolean {
    return unit.alone === true || unit.pauseMs !== undefined;
  }

  private async attempt(units: readonly Unit[], from: number, until: number): Promise<Failure | null> {
    this.ours.setClock();
    const first = units[from];
    try {
      if (first.kind === 'scan') return await this.scan(from, first.words, first.cursor);
      if (first.kind === 'transfer') return await this.transfer(from, first.from, first.restore, first.own);
      if (first.kind === 'unblock') return await this.unblock(from, first.client, first.error);
      return await this.go(units as readonly CommandsUnit[], from, until);
    } catch (error) {
      this.ours = new Ours();
      const shown = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { unit: from, what: 'crash', command: this.last, ours: shown, theirs: '' };
    }
  }

  /** The client, or when it waits for something the next one that doesn't; -1 when all wait. */
  private free(client: number): number {
    if (client === LISTENER) return client;
    for (let i = 0; i < LISTENER; i++) {
      const chosen = (client + i) % LISTENER;
      if (!this.ours.blocked(this.ours.clients[chosen])) return chosen;
    }
    return -1;
  }

  private async go(units: readonly CommandsUnit[], from: number, until: number): Promise<Failure | null> {
    const { pauseMs, client: wanted } = units[from];
    let client = this.free(wanted);
    if (client < 0) {
      const failed = await this.unblock(from, 0, false);
      if (failed !== null) return failed;
      client = 0;
    }
    if (pauseMs !== undefined) {
      // A deadline that is set when its transaction is executed comes at the wrong time.
      const idle = this.views.findIndex(
        ({ queue }, i) => i < LISTENER && queue === null && !this.ours.blocked(this.ours.clients[i]),
      );
      if (idle < 0) return null;
      if (this.views[client].queue !== null) client = idle;
    }
    const all = units
      .slice(from, until)
      .flatMap((unit, i) => unit.commands.map((words) => ({ words, unit: from + i })));
    this.commands += all.length;
    this.connections[client].send(all.map(({ words }) => words));
    const answered = all.map(({ words, unit }) => this.answer(client, words, unit));
    const failure = await this.compare(answered);
    if (this.ours.blocked(this.ours.clients[client])) await this.settle(); // it waits there, too, before others go on
    if (pauseMs === undefined || failure !== null) return failure;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    await this.control.run([['PING']]);
    this.ours.setClock();
    const { after } = units[from];
    const late: Answered[] = [{ unit: from, client: NOBODY, words: ['(time goes by)'], values: this.takeAll() }];
    if (after !== undefined) {
      this.connections[client].send(after);
      late.push(...after.map((words) => this.answer(client, words, from)));
    }
    return this.compare(late);
  }

  private answer(client: number, words: Command, unit: number): Answered {
    const { ours } = this;
    this.last = words;
    const own = ours.run(ours.clients[client], words);
    const values = ours.clients.map((peer, i) => (i === client ? own : ours.take(peer)));
    return { unit, client, words, values };
  }

  private takeAll(): string[][] {
    return this.ours.clients.map((peer) => this.ours.take(peer));
  }

  /** Their values for each client, as many as ours were; and whether each is the same. */
  private async compare(answered: readonly Answered[]): Promise<Failure | null> {
    const theirs: string[][] = [];
    for (let i = 0; i < CLIENTS; i++) {
      const count = answered.reduce((sum, { values }) => sum + values[i].length, 0);
      theirs.push(count > 0 ? await this.connections[i].take(count) : []);
    }
    const at = this.views.map(() => 0);
    for (const { unit, client, words, values } of answered) {
      for (let i = 0; i < CLIENTS; i++) {
        const mine = values[i];
        const others = theirs[i].slice(at[i], at[i] + mine.length);
        at[i] += mine.length;
        const asked = i === client ? words : this.views[i].last;
        const failed = this.differ(this.views[i], asked, mine, others);
        if (failed >= 0) {
          const shown = [mine[failed], others[failed] ?? '(nothing)'];
          return { unit, what: 'reply', command: asked, ours: shown[0], theirs: shown[1] };
        }
      }
      if (client === NOBODY) continue;
      const own = values[client];
      if (own.length > 0 && !/^([-!]|\+QUEUED)/.test(own[0])) this.answered.add(differenceName(words));
      if (own.length > 0) this.views[client].note(words, own[own.length - 1]);
      else this.views[client].last = words;
    }
    return null;
  }

  /** Index of the first value that differs; -1 when none does. */
  private differ(view: ClientView, words: Command, ours: readonly string[], theirs: readonly string[]): number {
    const failed = ours.findIndex((value, i) => {
      const other = theirs[i];
      return other === undefined || !sameReply(this.differences, view, words, value, other);
    });
    if (failed < 0 || ours.length < 2 || ours.length !== theirs.length) return failed;
    if (/^[ps]?unsubscribe$/i.test(words[0]) && words.length === 1) return sameFarewell(ours, theirs) ? -1 : failed;
    return ours.some(isMessage) && sameMessages(ours, theirs) ? -1 : failed;
  }

  // ── units of their own ───────────────────────────────────────────────────────────────────────────────────────────────

  private async scan(unit: number, words: Command, cursor: number): Promise<Failure | null> {
    this.commands++;
    this.last = words;
    const ask = async (run: (words: Command) => Promise<string[]>): Promise<string> => {
      const found: string[] = [];
      let at = '0';
      for (let step = 0; step < MOST_SCAN_STEPS; step++) {
        const [reply] = await run(words.map((word, i) => (i === cursor ? at : word)));
        const { items } = parseValue(reply);
        if (items === null) return reply;
        at = items[0].text;
        const elements = items[1].items ?? [];
        const width = /^[hz]/i.test(words[0]) ? 2 : 1;
        for (let i = 0; i < elements.length; i += width) {
          found.push(JSON.stringify(elements.slice(i, i + width).map(({ text }) => text)));
        }
        if (at === '0') return [...new Set(found)].sort().join();
      }
      return `no end after ${MOST_SCAN_STEPS} steps`;
    };
    const ours = await ask(async (step) => this.ours.run(this.ours.control, step));
    const theirs = await ask((step) => this.control.run([step]));
    return ours === theirs || sameScores(words, ours, theirs)
      ? null
      : { unit, what: 'reply', command: words, ours, theirs };
  }

  private async transfer(unit: number, from: string, restore: Command, own: boolean): Promise<Failure | null> {
    this.commands += 2;
    const dump = ['DUMP', from];
    this.last = restore;
    const [theirDump] = await this.control.run([dump]);
    const [ourDump] = this.ours.run(this.ours.control, dump);
    const payload = (reply: string): string | null => (reply.startsWith('$-1') ? null : parseValue(reply).text);
    const [ours, theirs] = [payload(ourDump), payload(theirDump)];
    if ((ours === null) !== (theirs === null)) {
      return { unit, what: 'reply', command: dump, ours: ourDump, theirs: theirDump };
    }
    if (ours === null || theirs === null) return null;
    const filled = (bytes: string): Command => restore.map((word) => (word === PAYLOAD ? bytes : word));
    const [theirReply] = await this.control.run([filled(theirs)]);
    const [ourReply] = this.ours.run(this.ours.control, filled(own ? ours : theirs));
    // What the restored key wakes and tells to others.
    const told: Answered = { unit, client: NOBODY, words: restore, values: this.takeAll() };
    if (ourReply !== theirReply) return { unit, what: 'reply', command: restore, ours: ourReply, theirs: theirReply };
    return this.compare([told]);
  }

  private async unblock(unit: number, client: number, error: boolean): Promise<Failure | null> {
    const peer = this.ours.clients[client];
    const words = (id: string): Command => ['CLIENT', 'UNBLOCK', id, error ? 'ERROR' : 'TIMEOUT'];
    if (!this.ours.blocked(peer)) return null;
    this.commands++;
    const [theirs] = await this.control.run([words(this.connections[client].id)]);
    const [ours] = this.ours.run(this.ours.control, words(this.ours.idOf(peer)));
    if (ours !== theirs) return { unit, what: 'reply', command: words(`#${client}`), ours, theirs };
    const answered: Answered = { unit, client, words: this.views[client].last, values: this.takeAll() };
    return this.compare([answered]);
  }

  // ── state ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  private async compareStates(unit: number): Promise<Failure | null> {
    this.stateChecks++;
    this.ours.setClock();
    const question: Question = {
      ours: async (commands) => commands.flatMap((words) => this.ours.run(this.ours.control, words)),
      theirs: (commands) => this.control.run(commands),
      differences: this.differences,
    };
    const extra = await this.unasked();
    if (extra !== null) return { ...extra, unit, what: 'reply', ours: '(nothing)' };
    const parted = await compareState(question);
    return parted === null ? null : { unit, what: 'state', ...parted };
  }

  /** After two round trips theirs has read whatever was sent before, and what it sent has been read here. */
  private async settle(): Promise<void> {
    for (let i = 0; i < 2; i++) await this.control.run([['PING']]);
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** What their clients were sent and ours were not. */
  private async unasked(): Promise<{ command: Command; theirs: string } | null> {
    await this.settle();
    const rest = this.connections.map((connection) => connection.rest().join(''));
    const at = rest.findIndex((text) => text !== '');
    return at < 0 ? null : { command: this.views[at].last, theirs: rest[at] };
  }
}

const LIBRARY = `#!lua name=lib
redis.register_function{function_name = 'f', callback = function(k, a) return {#k, a[1]} end, flags = {'no-writes'}}`;

/** Settings that streams change, as they are by default. */
const DEFAULT_SETTINGS: readonly (readonly [string, string])[] = [
  ['list-max-listpack-size', '-2'],
  ['list-compress-depth', '0'],
  ['hash-max-listpack-entries', '128'],
  ['hash-max-listpack-value', '64'],
  ['set-max-intset-entries', '512'],
  ['zset-max-listpack-entries', '128'],
  ['zset-max-listpack-value', '64'],
  ['stream-node-max-entries', '100'],
  ['hll-sparse-max-bytes', '3000'],
];

/** The end of all subscriptions, in whatever order; how many are left is counted down alike. */
function sameFarewell(ours: readonly string[], theirs: readonly string[]): boolean {
  const counts = (values: readonly string[]): string => values.map((value) => /:\d+\r\n$/.exec(value)?.[0]).join();
  const names = (values: readonly string[]): string =>
    values
      .map((value) => value.replace(/:\d+\r\n$/, ''))
      .sort()
      .join();
  return counts(ours) === counts(theirs) && names(ours) === names(theirs);
}

const isMessage = (value: string): boolean => /^[*>][34]\r\n\$[78]\r\np?message\r\n/.test(value);

/**
 * Messages come in the same order for each subscription, and so do replies; patterns are looked at in the order of a hash
 * table, and what a client causes to itself comes after the reply from 7.2 on.
 */
function sameMessages(ours: readonly string[], theirs: readonly string[]): boolean {
  const streams = (values: readonly string[]): string => {
    const bySubscription = new Map<string, string[]>();
    for (const value of values) {
      const parts = value.split('\r\n', 5);
      const subscription = isMessage(value) ? `${parts[2]} ${parts[2] === 'pmessage' ? parts[4] : ''}` : '';
      bySubscription.set(subscription, [...(bySubscription.get(subscription) ?? []), value]);
    }
    return JSON.stringify([...bySubscription].sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return streams(ours) === streams(theirs);
}

/** Scores of a ZSCAN are the same numbers. */
function sameScores(words: Command, ours: string, theirs: string): boolean {
  if (words[0] !== 'ZSCAN' || !ours.startsWith('[') || !theirs.startsWith('[')) return false;
  const numbers = (text: string): string =>
    JSON.stringify(
      (JSON.parse(`[${text}]`) as [string, string][]).map(([member, score]) => [member, `${Number(score) + 0}`]),
    );
  return numbers(ours) === numbers(theirs);
}
