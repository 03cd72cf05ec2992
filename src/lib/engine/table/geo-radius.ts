/**
 * Places by distance, in the form of before GEOSEARCH.
 * The facts of Redis 7.2 (COMMAND INFO, COMMAND DOCS), one entry for each command.
 */
import { block, type CommandSpec, double, integer, key, keysAfter, oneKey, oneOf, string, word } from './spec.ts';

export const geoRadiusCommands: CommandSpec[] = [
  {
    name: 'georadius',
    arity: -6,
    flags: 'write denyoom',
    categories: 'geo',
    group: 'geo',
    since: '3.2.0',
    summary:
      'Queries a geospatial index for members within a distance from a coordinate, optionally stores the result.',
    complexity:
      'O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.',
    deprecatedSince: '6.2.0',
    replacedBy: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument',
    history: [
      ['6.2.0', 'Added the `ANY` option for `COUNT`.'],
      ['7.0.0', 'Added support for uppercase unit names.'],
    ],
    keys: [oneKey('RO access'), keysAfter('OW update', 'STORE', 6, 0), keysAfter('OW update', 'STOREDIST', 6, 0)],
    arguments: [
      key(),
      double('longitude'),
      double('latitude'),
      double('radius'),
      oneOf('unit', [word('M'), word('KM'), word('FT'), word('MI')]),
      word('WITHCOORD', { optional: true }),
      word('WITHDIST', { optional: true }),
      word('WITHHASH', { optional: true }),
      block('count-block', [integer('count', { token: 'COUNT' }), word('ANY', { since: '6.2.0', optional: true })], {
        optional: true,
      }),
      oneOf('order', [word('ASC'), word('DESC')], { optional: true }),
      oneOf(
        'store',
        [
          key('storekey', { display: 'key', keySpec: 1, token: 'STORE' }),
          key('storedistkey', { display: 'key', keySpec: 2, token: 'STOREDIST' }),
        ],
        { optional: true },
      ),
    ],
  },
  {
    name: 'georadius_ro',
    arity: -6,
    flags: 'readonly',
    categories: 'geo',
    group: 'geo',
    since: '3.2.10',
    summary: 'Returns members from a geospatial index that are within a distance from a coordinate.',
    complexity:
      'O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.',
    deprecatedSince: '6.2.0',
    replacedBy: '`GEOSEARCH` with the `BYRADIUS` argument',
    history: [['6.2.0', 'Added the `ANY` option for `COUNT`.']],
    keys: [oneKey('RO access')],
    arguments: [
      key(),
      double('longitude'),
      double('latitude'),
      double('radius'),
      oneOf('unit', [word('M'), word('KM'), word('FT'), word('MI')]),
      word('WITHCOORD', { optional: true }),
      word('WITHDIST', { optional: true }),
      word('WITHHASH', { optional: true }),
      block('count-block', [integer('count', { token: 'COUNT' }), word('ANY', { since: '6.2.0', optional: true })], {
        optional: true,
      }),
      oneOf('order', [word('ASC'), word('DESC')], { optional: true }),
    ],
  },
  {
    name: 'georadiusbymember',
    arity: -5,
    flags: 'write denyoom',
    categories: 'geo',
    group: 'geo',
    since: '3.2.0',
    summary: 'Queries a geospatial index for members within a distance from a member, optionally stores the result.',
    complexity:
      'O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.',
    deprecatedSince: '6.2.0',
    replacedBy: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments',
    history: [['7.0.0', 'Added support for uppercase unit names.']],
    keys: [oneKey('RO access'), keysAfter('OW update', 'STORE', 5, 0), keysAfter('OW update', 'STOREDIST', 5, 0)],
    arguments: [
      key(),
      string('member'),
      double('radius'),
      oneOf('unit', [word('M'), word('KM'), word('FT'), word('MI')]),
      word('WITHCOORD', { optional: true }),
      word('WITHDIST', { optional: true }),
      word('WITHHASH', { optional: true }),
      block('count-block', [integer('count', { token: 'COUNT' }), word('ANY', { optional: true })], { optional: true }),
      oneOf('order', [word('ASC'), word('DESC')], { optional: true }),
      oneOf(
        'store',
        [
          key('storekey', { display: 'key', keySpec: 1, token: 'STORE' }),
          key('storedistkey', { display: 'key', keySpec: 2, token: 'STOREDIST' }),
        ],
        { optional: true },
      ),
    ],
  },
  {
    name: 'georadiusbymember_ro',
    arity: -5,
    flags: 'readonly',
    categories: 'geo',
    group: 'geo',
    since: '3.2.10',
    summary: 'Returns members from a geospatial index that are within a distance from a member.',
    complexity:
      'O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.',
    deprecatedSince: '6.2.0',
    replacedBy: '`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments',
    keys: [oneKey('RO access')],
    arguments: [
      key(),
      string('member'),
      double('radius'),
      oneOf('unit', [word('M'), word('KM'), word('FT'), word('MI')]),
      word('WITHCOORD', { optional: true }),
      word('WITHDIST', { optional: true }),
      word('WITHHASH', { optional: true }),
      block('count-block', [integer('count', { token: 'COUNT' }), word('ANY', { optional: true })], { optional: true }),
      oneOf('order', [word('ASC'), word('DESC')], { optional: true }),
    ],
  },
];
