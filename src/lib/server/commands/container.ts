/**
 * Commands that are containers of subcommands (CLIENT, CONFIG, MEMORY, SLOWLOG): one handler that finds the subcommand's own,
 * and HELP in redis-server's form. That the subcommand exists and has the right number of arguments, the dispatcher has
 * checked by the command table; that the table and the handlers agree is checked here, once, when they are bound.
 */
import { findCommand } from '../../engine/command-table.ts';
import type { Engine, Handler } from '../../engine/engine.ts';

export function container(name: string, help: readonly string[], handlers: Readonly<Record<string, Handler>>): Handler {
  const byName = new Map<string, Handler>(Object.entries(handlers));
  byName.set('help', (engine) => sayHelp(engine, name, help));
  const inTable = findCommand(name)?.subcommands ?? new Map<string, unknown>();
  for (const subcommand of inTable.keys()) {
    if (!byName.has(subcommand)) throw new Error(`${name} ${subcommand} has no handler`);
  }
  for (const subcommand of byName.keys()) {
    if (!inTable.has(subcommand)) throw new Error(`the command table has no ${name} ${subcommand}`);
  }
  return (engine, arg, argc) => {
    const subcommand = engine.text(arg + 1).toLowerCase();
    const handler = byName.get(subcommand);
    if (handler === undefined) return;
    engine.client.lastSubcommand = subcommand;
    handler(engine, arg, argc);
  };
}

/** `lines` are the subcommands, each followed by its indented explanation. */
export function sayHelp(engine: Engine, name: string, lines: readonly string[]): void {
  const { reply } = engine;
  const title = `${name.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`;
  const all = [title, ...lines, 'HELP', '    Prints this help.'];
  reply.array(all.length);
  for (const line of all) reply.simple(line);
}

/** A bulk string of latin1 text: what clients sent goes back byte for byte. */
export function bulkLatin1(engine: Engine, text: string): void {
  engine.reply.bulkBytes(Buffer.from(text, 'latin1'));
}
