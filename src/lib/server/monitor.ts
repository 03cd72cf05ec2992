/**
 * What MONITOR shows: each command as one line, to every client that asked for it.
 *
 *   +1700000000.123456 [0 127.0.0.1:40000] "set" "key" "value"
 *   +1700000000.123467 [0 lua] "get" "key"                             by a script
 *
 * Passwords are shown as "(redacted)", here as in the slow log; administrative commands are not shown at all.
 */
import type { Client } from '../engine/client.ts';
import { COMMAND_ADMIN, COMMAND_CONTAINER, commandFlags, commands, lookup } from '../engine/command-table.ts';
import { subcommandOf } from '../engine/dispatch-table.ts';
import type { Engine } from '../engine/engine.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import { Reply } from '../resp/reply.ts';
import { findParameter, SENSITIVE } from './config-table.ts';
import { quote } from './quote.ts';

const REDACTED = '(redacted)';
const US_PER_SECOND = 1_000_000;

/** Argument `i` of the command at `arg` as latin1, or `(redacted)` when it is a password. */
export function shownArgument(engine: Engine, arg: number, argc: number, i: number): string {
  return isSensitive(engine, arg, argc, i) ? REDACTED : engine.text(arg + i);
}

function isSensitive(engine: Engine, arg: number, argc: number, i: number): boolean {
  if (i === 0) return false;
  const word = (at: number): string => engine.text(arg + at).toLowerCase();
  const command = word(0);
  if (command === 'auth') return argc <= 3;
  if (command === 'hello') return isHelloPassword(word, argc, i);
  if (command !== 'config' || i < 3 || i % 2 === 0 || word(1) !== 'set') return false;
  return ((findParameter(engine.text(arg + i - 1))?.flags ?? 0) & SENSITIVE) !== 0;
}

/** HELLO version [AUTH user password] [SETNAME name]: the two words behind AUTH. */
function isHelloPassword(word: (at: number) => string, argc: number, i: number): boolean {
  for (let at = 2; at < argc && at < i; ) {
    if (word(at) === 'auth') {
      if (at + 2 < argc && i <= at + 2) return true;
      at += 3;
    } else at += 2;
  }
  return false;
}

export class MonitorFeed {
  private readonly reply: Reply;

  constructor(memory: PacketMemory) {
    this.reply = new Reply(memory);
  }

  get bytesWritten(): number {
    return this.reply.bytesWritten;
  }

  /**
   * Writes the line for the command at `arg` of `engine.client`, or of a script that it runs, to all of `monitors`, if it is
   * one that is shown.
   */
  show(engine: Engine, arg: number, argc: number, nowUs: number, byScript: boolean, monitors: Iterable<Client>): void {
    if (isShown(engine, arg)) this.showAlways(engine, arg, argc, nowUs, byScript, monitors);
  }

  /** As show, of any command. */
  showAlways(
    engine: Engine,
    arg: number,
    argc: number,
    nowUs: number,
    byScript: boolean,
    monitors: Iterable<Client>,
  ): void {
    engine.reply.finish(); // the client whose command runs may be one of them: its reply comes first
    const line = Buffer.from(`+${describe(engine, arg, argc, nowUs, byScript)}\r\n`, 'latin1');
    for (const client of monitors) {
      this.reply.begin(client.stream.queue, client.protocol, false);
      this.reply.raw(line);
      this.reply.finish();
      client.stream.requestFlush();
    }
  }
}

/** Administrative commands and those that say so are not shown; of a container, the subcommand decides. */
function isShown(engine: Engine, arg: number): boolean {
  const id = lookup(engine.memory, engine.argOffset[arg], engine.argLength[arg]);
  if (id < 0) return false;
  const isContainer = (commandFlags[id] & COMMAND_CONTAINER) !== 0;
  const command = (isContainer ? subcommandOf(engine, id, arg) : undefined) ?? commands[id];
  return (command.flags & COMMAND_ADMIN) === 0 && !command.flagNames.includes('skip_monitor');
}

function describe(engine: Engine, arg: number, argc: number, nowUs: number, byScript: boolean): string {
  const { client, db } = engine;
  const source = byScript ? `${db.index} lua` : `${client.database} ${client.stream.remoteAddress()}`;
  const seconds = Math.floor(nowUs / US_PER_SECOND);
  const micros = String(Math.floor(nowUs) % US_PER_SECOND).padStart(6, '0');
  const words: string[] = [];
  for (let i = 0; i < argc; i++) words.push(quote(shownArgument(engine, arg, argc, i)));
  return `${seconds}.${micros} [${source}] ${words.join(' ')}`;
}
