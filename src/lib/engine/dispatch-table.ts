/**
 * Handlers by command id, and the checks that come before one is called: does the command exist, does its arity admit so many
 * arguments. Families of handlers are bound by name when a shard starts; a command without a handler is a mistake that stops
 * the start, not a surprise for a client.
 */
import { shownText } from './arguments.ts';
import { COMMAND_CONTAINER, type Command, commandArity, commandFlags, commands } from './command-table.ts';
import type { Engine, Handler } from './engine.ts';

/** Longest part of a client's words that an error repeats. */
const ECHOED_BYTES = 128;

/** How EXEC begins its answer when it is refused; the reason follows. */
export const EXEC_ABORT = 'EXECABORT Transaction discarded because of:';

export type HandlerFamily = Readonly<Record<string, Handler>>;

/** The handlers of the families by command id. Throws when a command has none, or a handler no command. */
export function bind(families: readonly HandlerFamily[]): Handler[] {
  const byName = new Map<string, Handler>();
  for (const family of families) {
    for (const [name, handler] of Object.entries(family)) {
      if (byName.has(name)) throw new Error(`command table: ${name} has two handlers`);
      byName.set(name, handler);
    }
  }
  const handlers = commands.map((command) => {
    const handler = byName.get(command.spec.name);
    if (handler === undefined) throw new Error(`command table: ${command.spec.name} has no handler`);
    byName.delete(command.spec.name);
    return handler;
  });
  for (const name of byName.keys()) throw new Error(`command table: there is no command ${name}`);
  return handlers;
}

/**
 * True when command `id` (from `lookup`, -1 for an unknown one) may be called with these arguments; otherwise the error has
 * been written. For a container it is the subcommand that is checked.
 */
export function admits(engine: Engine, id: number, arg: number, argc: number): boolean {
  if (id < 0) {
    unknownCommand(engine, arg, argc);
    return false;
  }
  const arity = commandArity[id];
  if (arity < 0 ? argc < -arity : argc !== arity) {
    wrongArity(engine, commands[id].fullName);
    return false;
  }
  return (commandFlags[id] & COMMAND_CONTAINER) === 0 || argc === 1 || admitsSubcommand(engine, id, arg, argc);
}

/** The subcommand that argument 1 names. */
export function subcommandOf(engine: Engine, id: number, arg: number): Command | undefined {
  return commands[id].subcommands.get(engine.text(arg + 1).toLowerCase());
}

function admitsSubcommand(engine: Engine, id: number, arg: number, argc: number): boolean {
  const subcommand = subcommandOf(engine, id, arg);
  if (subcommand === undefined) {
    unknownSubcommand(engine, commands[id], arg + 1);
    return false;
  }
  if (subcommand.admits(argc)) return true;
  wrongArity(engine, subcommand.fullName);
  return false;
}

/** EXEC says in all its refusals that the transaction is over. */
export function wrongArity(engine: Engine, fullName: string): void {
  const code = fullName === 'exec' ? EXEC_ABORT : 'ERR';
  engine.reply.error(`${code} wrong number of arguments for '${fullName}' command`);
}

function unknownCommand(engine: Engine, arg: number, argc: number): void {
  let echoed = '';
  for (let i = arg + 1; i < arg + argc && echoed.length < ECHOED_BYTES; i++) {
    echoed += `'${shownText(engine, i).slice(0, ECHOED_BYTES - echoed.length)}' `;
  }
  const name = shownText(engine, arg).slice(0, ECHOED_BYTES);
  engine.reply.error(`ERR unknown command '${name}', with args beginning with: ${echoed}`);
}

function unknownSubcommand(engine: Engine, container: Command, arg: number): void {
  const name = shownText(engine, arg).slice(0, ECHOED_BYTES);
  engine.reply.error(`ERR unknown subcommand '${name}'. Try ${container.spec.name.toUpperCase()} HELP.`);
}
