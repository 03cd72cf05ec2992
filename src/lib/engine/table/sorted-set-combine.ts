/**
 * Sorted sets combined: difference, intersection and union of several, returned, counted or stored.
 * The facts of Redis 7.2 (COMMAND INFO, COMMAND DOCS), one entry for each command.
 */
import { type CommandSpec, countedKeys, integer, key, oneKey, oneOf, word } from './spec.ts';

export const sortedSetCombineCommands: CommandSpec[] = [
  {
    name: 'zdiff',
    arity: -3,
    flags: 'readonly',
    categories: 'sortedset',
    group: 'sorted-set',
    since: '6.2.0',
    summary: 'Returns the difference between multiple sorted sets.',
    complexity:
      'O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.',
    keys: [countedKeys('RO access', 1)],
    arguments: [integer('numkeys'), key('key', { multiple: true }), word('WITHSCORES', { optional: true })],
  },
  {
    name: 'zdiffstore',
    arity: -4,
    flags: 'write denyoom',
    categories: 'sortedset',
    group: 'sorted-set',
    since: '6.2.0',
    summary: 'Stores the difference of multiple sorted sets in a key.',
    complexity:
      'O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set.',
    keys: [oneKey('OW update'), countedKeys('RO access', 2)],
    arguments: [key('destination'), integer('numkeys'), key('key', { keySpec: 1, multiple: true })],
  },
  {
    name: 'zinter',
    arity: -3,
    flags: 'readonly',
    categories: 'sortedset',
    group: 'sorted-set',
    since: '6.2.0',
    summary: 'Returns the intersect of multiple sorted sets.',
    complexity:
      'O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.',
    keys: [countedKeys('RO access', 1)],
    arguments: [
      integer('numkeys'),
      key('key', { multiple: true }),
      integer('weight', { token: 'WEIGHTS', optional: true, multiple: true }),
      oneOf('aggregate', [word('SUM'), word('MIN'), word('MAX')], { token: 'AGGREGATE', optional: true }),
      word('WITHSCORES', { optional: true }),
    ],
  },
  {
    name: 'zintercard',
    arity: -3,
    flags: 'readonly',
    categories: 'sortedset',
    group: 'sorted-set',
    since: '7.0.0',
    summary: 'Returns the number of members of the intersect of multiple sorted sets.',
    complexity:
      'O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.',
    keys: [countedKeys('RO access', 1)],
    arguments: [
      integer('numkeys'),
      key('key', { multiple: true }),
      integer('limit', { token: 'LIMIT', optional: true }),
    ],
  },
  {
    name: 'zinterstore',
    arity: -4,
    flags: 'write denyoom',
    categories: 'sortedset',
    group: 'sorted-set',
    since: '2.0.0',
    summary: 'Stores the intersect of multiple sorted sets in a key.',
    complexity:
      'O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set.',
    keys: [oneKey('OW update'), countedKeys('RO access', 2)],
    arguments: [
      key('destination'),
      integer('numkeys'),
      key('key', { keySpec: 1, multiple: true }),
      integer('weight', { token: 'WEIGHTS', optional: true, multiple: true }),
      oneOf('aggregate', [word('SUM'), word('MIN'), word('MAX')], { token: 'AGGREGATE', optional: true }),
    ],
  },
  {
    name: 'zunion',
    arity: -3,
    flags: 'readonly',
    categories: 'sortedset',
    group: 'sorted-set',
    since: '6.2.0',
    summary: 'Returns the union of multiple sorted sets.',
    complexity:
      'O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.',
    keys: [countedKeys('RO access', 1)],
    arguments: [
      integer('numkeys'),
      key('key', { multiple: true }),
      integer('weight', { token: 'WEIGHTS', optional: true, multiple: true }),
      oneOf('aggregate', [word('SUM'), word('MIN'), word('MAX')], { token: 'AGGREGATE', optional: true }),
      word('WITHSCORES', { optional: true }),
    ],
  },
  {
    name: 'zunionstore',
    arity: -4,
    flags: 'write denyoom',
    categories: 'sortedset',
    group: 'sorted-set',
    since: '2.0.0',
    summary: 'Stores the union of multiple sorted sets in a key.',
    complexity:
      'O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.',
    keys: [oneKey('OW update'), countedKeys('RO access', 2)],
    arguments: [
      key('destination'),
      integer('numkeys'),
      key('key', { keySpec: 1, multiple: true }),
      integer('weight', { token: 'WEIGHTS', optional: true, multiple: true }),
      oneOf('aggregate', [word('SUM'), word('MIN'), word('MAX')], { token: 'AGGREGATE', optional: true }),
    ],
  },
];
