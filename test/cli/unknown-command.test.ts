import { describe, expect, it } from 'vitest';
import { unknownCommand } from '../../src/lib/cli/unknown-command.ts';

const NAMES = ['arp-probe', 'bench', 'doctor', 'help', 'serve'];

describe('a command line that leads to no command', () => {
  it.each([
    [['serv'], "there is no command 'serv'", 'rtcp serve is near to it; all commands: rtcp --help'],
    [['help', 'arpprobe'], "there is no command 'arpprobe'", 'rtcp arp-probe is near to it; all commands: rtcp --help'],
    [['frobnicate', '--json'], "there is no command 'frobnicate'", 'rtcp --help'],
    [['--io', 'tap'], 'no command is named before --io', 'rtcp COMMAND [flags]; the commands: rtcp --help'],
    [['doctor', '--json', 'extra'], "doctor does not take an argument: 'extra'", 'rtcp doctor --help'],
  ])('%j', (args, message, mend) => {
    expect(unknownCommand(args, NAMES)).toMatchObject({ message, mend, exitCode: 2 });
  });
});
