/**
 * Bitmaps: strings as arrays of bits and of integers of any width.
 * The facts of Redis 7.2 (COMMAND INFO, COMMAND DOCS), one entry for each command.
 */
import { block, type CommandSpec, integer, key, manyKeys, oneKey, oneOf, string, word } from './spec.ts';

export const bitmapCommands: CommandSpec[] = [
  {
    name: 'bitcount',
    arity: -2,
    flags: 'readonly',
    categories: 'bitmap',
    group: 'bitmap',
    since: '2.6.0',
    summary: 'Counts the number of set bits (population counting) in a string.',
    complexity: 'O(N)',
    history: [['7.0.0', 'Added the `BYTE|BIT` option.']],
    keys: [oneKey('RO access')],
    arguments: [
      key(),
      block(
        'range',
        [
          integer('start'),
          integer('end'),
          oneOf('unit', [word('BYTE'), word('BIT')], { since: '7.0.0', optional: true }),
        ],
        { optional: true },
      ),
    ],
  },
  {
    name: 'bitfield',
    arity: -2,
    flags: 'write denyoom',
    categories: 'bitmap',
    group: 'bitmap',
    since: '3.2.0',
    summary: 'Performs arbitrary bitfield integer operations on strings.',
    complexity: 'O(1) for each subcommand specified',
    keys: [oneKey('RW access update variable_flags', 1, 'This command allows both access and modification of the key')],
    arguments: [
      key(),
      oneOf(
        'operation',
        [
          block('get-block', [string('encoding'), integer('offset')], { token: 'GET' }),
          block('write', [
            oneOf('overflow-block', [word('WRAP'), word('SAT'), word('FAIL')], { token: 'OVERFLOW', optional: true }),
            oneOf('write-operation', [
              block('set-block', [string('encoding'), integer('offset'), integer('value')], { token: 'SET' }),
              block('incrby-block', [string('encoding'), integer('offset'), integer('increment')], {
                token: 'INCRBY',
              }),
            ]),
          ]),
        ],
        { optional: true, multiple: true },
      ),
    ],
  },
  {
    name: 'bitfield_ro',
    arity: -2,
    flags: 'readonly fast',
    categories: 'bitmap',
    group: 'bitmap',
    since: '6.0.0',
    summary: 'Performs arbitrary read-only bitfield integer operations on strings.',
    complexity: 'O(1) for each subcommand specified',
    keys: [oneKey('RO access')],
    arguments: [
      key(),
      block('get-block', [string('encoding'), integer('offset')], {
        token: 'GET',
        optional: true,
        multiple: true,
        multipleToken: true,
      }),
    ],
  },
  {
    name: 'bitop',
    arity: -4,
    flags: 'write denyoom',
    categories: 'bitmap',
    group: 'bitmap',
    since: '2.6.0',
    summary: 'Performs bitwise operations on multiple strings, and stores the result.',
    complexity: 'O(N)',
    keys: [oneKey('OW update', 2), manyKeys('RO access', 1, 3)],
    arguments: [
      oneOf('operation', [word('AND'), word('OR'), word('XOR'), word('NOT')]),
      key('destkey'),
      key('key', { keySpec: 1, multiple: true }),
    ],
  },
  {
    name: 'bitpos',
    arity: -3,
    flags: 'readonly',
    categories: 'bitmap',
    group: 'bitmap',
    since: '2.8.7',
    summary: 'Finds the first set (1) or clear (0) bit in a string.',
    complexity: 'O(N)',
    history: [['7.0.0', 'Added the `BYTE|BIT` option.']],
    keys: [oneKey('RO access')],
    arguments: [
      key(),
      integer('bit'),
      block(
        'range',
        [
          integer('start'),
          block(
            'end-unit-block',
            [integer('end'), oneOf('unit', [word('BYTE'), word('BIT')], { since: '7.0.0', optional: true })],
            { optional: true },
          ),
        ],
        { optional: true },
      ),
    ],
  },
  {
    name: 'getbit',
    arity: 3,
    flags: 'readonly fast',
    categories: 'bitmap',
    group: 'bitmap',
    since: '2.2.0',
    summary: 'Returns a bit value by offset.',
    complexity: 'O(1)',
    keys: [oneKey('RO access')],
    arguments: [key(), integer('offset')],
  },
  {
    name: 'setbit',
    arity: 4,
    flags: 'write denyoom',
    categories: 'bitmap',
    group: 'bitmap',
    since: '2.2.0',
    summary: "Sets or clears the bit at offset of the string value. Creates the key if it doesn't exist.",
    complexity: 'O(1)',
    keys: [oneKey('RW access update')],
    arguments: [key(), integer('offset'), integer('value')],
  },
];
