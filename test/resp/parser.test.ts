import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { CommandBatch } from '../../src/lib/resp/batch.ts';
import {
  COMMAND,
  EMPTY,
  INCOMPLETE,
  PartialCommand,
  PROTOCOL_ERROR,
  RequestParser,
} from '../../src/lib/resp/parser.ts';

/** Feeds `input` cut at `cuts` through a query buffer, as a session would, and returns commands, empties and the error. */
function feed(input: Buffer, cuts: number[], trusted = true): { commands: string[][]; error: string } {
  const memory = new PacketMemory(1 << 20);
  const batch = new CommandBatch();
  const parser = new RequestParser(memory, batch);
  const base = memory.reserve(input.length + 4096) + 3; // odd: nothing may rely on alignment
  const commands: string[][] = [];
  let partial: PartialCommand | null = null;
  let start = base;
  let end = base;
  for (const cut of [...cuts, input.length]) {
    for (; end - base < cut; end++) memory.u8[end] = input[end - base];
    memory.u8.fill(13, end, end + 64); // what lies behind must not matter
    while (start < end) {
      if (partial !== null && end - start < partial.needBytes) break;
      const status: number =
        partial === null ? parser.decode(start, end, trusted) : parser.continueDecode(partial, start, end, trusted);
      if (status === INCOMPLETE) {
        partial ??= new PartialCommand();
        parser.save(partial, start);
        break;
      }
      if (status === PROTOCOL_ERROR) return { commands, error: parser.errorText };
      if (status === COMMAND) {
        const first = batch.first[batch.count];
        const argc = batch.argc[batch.count];
        const argv: string[] = [];
        for (let i = first; i < first + argc; i++) argv.push(memory.latin1(batch.argOffset[i], batch.argLength[i]));
        commands.push(argv);
      } else expect(status).toBe(EMPTY);
      partial = null;
      start = parser.next;
    }
  }
  return { commands, error: '' };
}

const everyByte = (input: Buffer): number[] => Array.from({ length: input.length }, (_, i) => i + 1);

/** Each case is run whole and byte by byte; both must agree with what is expected. */
function check(input: string | Buffer, commands: string[][], error = '', trusted = true): void {
  const bytes = typeof input === 'string' ? Buffer.from(input, 'latin1') : input;
  expect(feed(bytes, [], trusted)).toEqual({ commands, error });
  expect(feed(bytes, everyByte(bytes), trusted)).toEqual({ commands, error });
}

const request = (...args: string[]): string =>
  `*${args.length}\r\n${args.map((a) => `$${Buffer.byteLength(a, 'latin1')}\r\n${a}\r\n`).join('')}`;

describe('requests', () => {
  it('takes arrays of bulk strings', () => {
    check(request('SET', 'k', 'hello'), [['SET', 'k', 'hello']]);
    check(request('GET', ''), [['GET', '']]);
    check(request('a'.repeat(9), 'b'.repeat(10), 'c'.repeat(99), 'd'.repeat(100), 'e'.repeat(999), 'f'.repeat(1000)), [
      ['a'.repeat(9), 'b'.repeat(10), 'c'.repeat(99), 'd'.repeat(100), 'e'.repeat(999), 'f'.repeat(1000)],
    ]);
    check(request(...Array.from({ length: 1200 }, (_, i) => `arg${i}`)), [
      Array.from({ length: 1200 }, (_, i) => `arg${i}`),
    ]);
    check(request('SET', '\r\n', '\0\xff*3\r\n'), [['SET', '\r\n', '\0\xff*3\r\n']]);
  });

  it('takes pipelines and skips empty requests', () => {
    check(`${request('A')}\r\n*0\r\n*-1\r\n${request('B', 'c')}\r\n`, [['A'], ['B', 'c']]);
  });

  it('takes inline commands with quotes and escapes', () => {
    check('PING\r\n', [['PING']]);
    check('  set  foo \t bar \n', [['set', 'foo', 'bar']]);
    check('SET k "a b\\n\\x41\\"c" \'it\\\'s\'\r\n', [['SET', 'k', 'a b\nA"c', "it's"]]);
    check('a"b c"\r\n', [['ab c']]);
    check('""\r\n', [['']]);
  });

  it('refuses what redis-server refuses, with its words', () => {
    check('*a\r\n', [], 'Protocol error: invalid multibulk length');
    check('*2147483648\r\n', [], 'Protocol error: invalid multibulk length');
    check('*01\r\n', [], 'Protocol error: invalid multibulk length');
    check('*1\r\n+OK\r\n', [], "Protocol error: expected '$', got '+'");
    check('*1\r\n$-1\r\n', [], 'Protocol error: invalid bulk length');
    check('*1\r\n$536870913\r\n', [], 'Protocol error: invalid bulk length');
    check('*1\r\n$x\r\n', [], 'Protocol error: invalid bulk length');
    check(`${request('PING')}*1\r\n$01\r\n`, [['PING']], 'Protocol error: invalid bulk length');
    check('set "unbalanced\r\n', [], 'Protocol error: unbalanced quotes in request');
    check('set "a"b\r\n', [], 'Protocol error: unbalanced quotes in request');
  });

  it('bounds lines', () => {
    const long = (mark: string): Buffer => Buffer.from(mark + '1'.repeat(66_000));
    expect(feed(long('*'), []).error).toBe('Protocol error: too big mbulk count string');
    expect(feed(Buffer.concat([Buffer.from('*1\r\n'), long('$')]), []).error).toBe(
      'Protocol error: too big bulk count string',
    );
    expect(feed(long('a'), [100, 40_000]).error).toBe('Protocol error: too big inline request');
  });

  it('bounds what a client may say before it authenticates', () => {
    check('*11\r\n', [], 'Protocol error: unauthenticated multibulk length', false);
    check('*2\r\n$4\r\nAUTH\r\n$16385\r\n', [], 'Protocol error: unauthenticated bulk length', false);
    check(request('AUTH', 'x'), [['AUTH', 'x']], '', false);
  });

  it('gives the same commands however the bytes are cut', () => {
    const argument = fc.uint8Array({ maxLength: 40 }).map((a) => Buffer.from(a).toString('latin1'));
    fc.assert(
      fc.property(
        fc.array(fc.array(argument, { minLength: 1, maxLength: 24 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(2000), { maxLength: 12 }),
        (commands, cuts) => {
          const bytes = Buffer.from(commands.map((c) => request(...c)).join(''), 'latin1');
          const sorted = [...new Set(cuts.filter((c) => c < bytes.length))].sort((a, b) => a - b);
          expect(feed(bytes, sorted)).toEqual({ commands, error: '' });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('never throws on random bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('', '*', '*1\r\n$', '*2\r\n$3\r\nGET\r\n$'),
        (noise, head) => {
          const bytes = Buffer.concat([Buffer.from(head), noise]);
          expect(feed(bytes, everyByte(bytes))).toEqual(feed(bytes, []));
        },
      ),
      { numRuns: 500 },
    );
  });
});
