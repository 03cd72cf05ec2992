/**
 * A command line that leads to no command: misspelt, a flag where the command should stand, or an argument after a command
 * that takes none. (What is wrong after a command's name, the command explains itself.)
 */
import { UsageError } from './command-error.ts';
import { nearest } from './nearest.ts';

/** @param args the command line; @param names of all commands */
export function unknownCommand(args: readonly string[], names: readonly string[]): UsageError {
  const words = args[0] === 'help' ? args.slice(1) : args;
  const [first] = words;
  if (first === undefined || first.startsWith('-')) {
    return new UsageError(
      `no command is named before ${first ?? 'that'}`,
      'rtcp COMMAND [flags]; the commands: rtcp --help',
    );
  }
  if (names.includes(first)) {
    const extra = words.slice(1).find((word) => !word.startsWith('-')) ?? '';
    return new UsageError(`${first} does not take an argument: '${extra}'`, `rtcp ${first} --help`);
  }
  const near = nearest(first, names);
  const mend = near === null ? 'rtcp --help' : `rtcp ${near} is near to it; all commands: rtcp --help`;
  return new UsageError(`there is no command '${first}'`, mend);
}

/** The error as --json prints it. */
export function errorDocument(error: { message: string; mend: string; exitCode: number }): object {
  return { error: { cause: error.message, mend: error.mend, exitCode: error.exitCode } };
}
