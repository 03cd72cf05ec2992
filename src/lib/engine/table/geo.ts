/**
 * Places: members of a sorted set whose scores are interleaved longitude and latitude.
 * The facts of Redis 7.2 (COMMAND INFO, COMMAND DOCS), one entry for each command.
 */
import { block, type CommandSpec, double, integer, key, oneKey, oneOf, string, word } from './spec.ts';

export const geoCommands: CommandSpec[] = [
  {
    name: 'geoadd',
    arity: -5,
    flags: 'write denyoom',
    categories: 'geo',
    group: 'geo',
    since: '3.2.0',
    summary: "Adds one or more members to a geospatial index. The key is created if it doesn't exist.",
    complexity: 'O(log(N)) for each item added, where N is the number of elements in the sorted set.',
    history: [['6.2.0', 'Added the `CH`, `NX` and `XX` options.']],
    keys: [oneKey('RW update')],
    arguments: [
      key(),
      oneOf('condition', [word('NX'), word('XX')], { since: '6.2.0', optional: true }),
      word('CH', { name: 'change', since: '6.2.0', optional: true }),
      block('data', [double('longitude'), double('latitude'), string('member')], { multiple: true }),
    ],
  },
  {
    name: 'geodist',
    arity: -4,
    flags: 'readonly',
    categories: 'geo',
    group: 'geo',
    since: '3.2.0',
    summary: 'Returns the distance between two members of a geospatial index.',
    complexity: 'O(log(N))',
    keys: [oneKey('RO access')],
    arguments: [
      key(),
      string('member1'),
      string('member2'),
      oneOf('unit', [word('M'), word('KM'), word('FT'), word('MI')], { optional: true }),
    ],
  },
  {
    name: 'geohash',
    arity: -2,
    flags: 'readonly',
    categories: 'geo',
    group: 'geo',
    since: '3.2.0',
    summary: 'Returns members from a geospatial index as geohash strings.',
    complexity: 'O(log(N)) for each member requested, where N is the number of elements in the sorted set.',
    keys: [oneKey('RO access')],
    arguments: [key(), string('member', { optional: true, multiple: true })],
  },
  {
    name: 'geopos',
    arity: -2,
    flags: 'readonly',
    categories: 'geo',
    group: 'geo',
    since: '3.2.0',
    summary: 'Returns the longitude and latitude of members from a geospatial index.',
    complexity: 'O(N) where N is the number of members requested.',
    keys: [oneKey('RO access')],
    arguments: [key(), string('member', { optional: true, multiple: true })],
  },
  {
    name: 'geosearch',
    arity: -7,
    flags: 'readonly',
    categories: 'geo',
    group: 'geo',
    since: '6.2.0',
    summary: 'Queries a geospatial index for members inside an area of a box or a circle.',
    complexity:
      'O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape',
    history: [['7.0.0', 'Added support for uppercase unit names.']],
    keys: [oneKey('RO access')],
    arguments: [
      key(),
      oneOf('from', [
        string('member', { token: 'FROMMEMBER' }),
        block('fromlonlat', [double('longitude'), double('latitude')], { token: 'FROMLONLAT' }),
      ]),
      oneOf('by', [
        block('circle', [
          double('radius', { token: 'BYRADIUS' }),
          oneOf('unit', [word('M'), word('KM'), word('FT'), word('MI')]),
        ]),
        block('box', [
          double('width', { token: 'BYBOX' }),
          double('height'),
          oneOf('unit', [word('M'), word('KM'), word('FT'), word('MI')]),
        ]),
      ]),
      oneOf('order', [word('ASC'), word('DESC')], { optional: true }),
      block('count-block', [integer('count', { token: 'COUNT' }), word('ANY', { optional: true })], { optional: true }),
      word('WITHCOORD', { optional: true }),
      word('WITHDIST', { optional: true }),
      word('WITHHASH', { optional: true }),
    ],
  },
  {
    name: 'geosearchstore',
    arity: -8,
    flags: 'write denyoom',
    categories: 'geo',
    group: 'geo',
    since: '6.2.0',
    summary:
      'Queries a geospatial index for members inside an area of a box or a circle, optionally stores the result.',
    complexity:
      'O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape',
    history: [['7.0.0', 'Added support for uppercase unit names.']],
    keys: [oneKey('OW update'), oneKey('RO access', 2)],
    arguments: [
      key('destination'),
      key('source', { keySpec: 1 }),
      oneOf('from', [
        string('member', { token: 'FROMMEMBER' }),
        block('fromlonlat', [double('longitude'), double('latitude')], { token: 'FROMLONLAT' }),
      ]),
      oneOf('by', [
        block('circle', [
          double('radius', { token: 'BYRADIUS' }),
          oneOf('unit', [word('M'), word('KM'), word('FT'), word('MI')]),
        ]),
        block('box', [
          double('width', { token: 'BYBOX' }),
          double('height'),
          oneOf('unit', [word('M'), word('KM'), word('FT'), word('MI')]),
        ]),
      ]),
      oneOf('order', [word('ASC'), word('DESC')], { optional: true }),
      block('count-block', [integer('count', { token: 'COUNT' }), word('ANY', { optional: true })], { optional: true }),
      word('STOREDIST', { optional: true }),
    ],
  },
];
