/**
 * HyperLogLogs: strings that estimate how many different elements they were given.
 * The facts of Redis 7.2 (COMMAND INFO, COMMAND DOCS), one entry for each command.
 */
import { type CommandSpec, key, manyKeys, oneKey, string } from './spec.ts';

export const hyperloglogCommands: CommandSpec[] = [
  {
    name: 'pfadd',
    arity: -2,
    flags: 'write denyoom fast',
    categories: 'hyperloglog',
    group: 'hyperloglog',
    since: '2.8.9',
    summary: "Adds elements to a HyperLogLog key. Creates the key if it doesn't exist.",
    complexity: 'O(1) to add every element.',
    keys: [oneKey('RW insert')],
    arguments: [key(), string('element', { optional: true, multiple: true })],
  },
  {
    name: 'pfcount',
    arity: -2,
    flags: 'readonly',
    categories: 'hyperloglog',
    group: 'hyperloglog',
    since: '2.8.9',
    summary: 'Returns the approximated cardinality of the set(s) observed by the HyperLogLog key(s).',
    complexity:
      'O(1) with a very small average constant time when called with a single key. O(N) with N being the number of keys, and much bigger constant times, when called with multiple keys.',
    keys: [
      manyKeys(
        'RW access',
        1,
        1,
        'RW because it may change the internal representation of the key, and propagate to replicas',
      ),
    ],
    arguments: [key('key', { multiple: true })],
  },
  {
    name: 'pfdebug',
    arity: 3,
    flags: 'write denyoom admin',
    categories: 'hyperloglog',
    group: 'hyperloglog',
    since: '2.8.9',
    summary: 'Internal commands for debugging HyperLogLog values.',
    complexity: 'N/A',
    system: true,
    keys: [oneKey('RW access', 2)],
    arguments: [string('subcommand'), key()],
  },
  {
    name: 'pfmerge',
    arity: -2,
    flags: 'write denyoom',
    categories: 'hyperloglog',
    group: 'hyperloglog',
    since: '2.8.9',
    summary: 'Merges one or more HyperLogLog values into a single key.',
    complexity: 'O(N) to merge N HyperLogLogs, but with high constant times.',
    keys: [oneKey('RW access insert'), manyKeys('RO access', 1, 2)],
    arguments: [key('destkey'), key('sourcekey', { keySpec: 1, optional: true, multiple: true })],
  },
  {
    name: 'pfselftest',
    arity: 1,
    flags: 'admin',
    categories: 'hyperloglog',
    group: 'hyperloglog',
    since: '2.8.9',
    summary: 'An internal command for testing HyperLogLog values.',
    complexity: 'N/A',
    system: true,
  },
];
