import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { CommandBatch } from '../../src/lib/resp/batch.ts';
import { COMMAND, RequestParser } from '../../src/lib/resp/parser.ts';
import { RespScanner } from '../../src/lib/trace/resp-scanner.ts';

const bulks = (...words: string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;

/** Names of each segment; `missing` bytes follow the last one's captured ones. */
function scan(replies: boolean, segments: string[], missing = 0): { names: string[][]; messages: string[] } {
  const messages: string[] = [];
  const scanner = new RespScanner(replies, (name) => {
    messages.push(name);
    return name;
  });
  const names = segments.map((text, i) => {
    const bytes = Buffer.from(text, 'latin1');
    return scanner.feed(bytes, 0, bytes.length, i === segments.length - 1 ? missing : 0);
  });
  return { names, messages };
}

const commands = (...segments: string[]): string[][] => scan(false, segments).names;
const replies = (...segments: string[]): string[][] => scan(true, segments).names;

describe('commands', () => {
  it('names a command and its first arguments', () => {
    expect(commands(bulks('get', 'user:1'))).toEqual([['GET user:1']]);
    expect(commands(bulks('SET', 'k', 'hello world', 'EX', '10'))).toEqual([['SET k "hello world" +2']]);
    expect(commands(bulks('SET', '\x00\xff', ''))).toEqual([['SET \\x00\\xff ""']]);
    expect(commands('PING\r\n')).toEqual([['PING']]);
    expect(commands(bulks('SET', 'k', 'v'.repeat(40)))).toEqual([[`SET k ${'v'.repeat(24)}…`]]);
    expect(commands(bulks('SET', 'k', 'v'.repeat(500)))).toEqual([['SET k <500 bytes>']]);
  });

  it('keeps secrets', () => {
    const text = [bulks('AUTH', 'me', 'secret'), bulks('HELLO', '3', 'AUTH', 'me', 'secret'), bulks('auth', 'secret')];
    expect(commands(...text)).toEqual([['AUTH +2'], ['HELLO 3 +3'], ['AUTH +1']]);
    expect(commands(bulks('CONFIG', 'SET', 'requirepass', 'secret'))).toEqual([['CONFIG SET requirepass +1']]);
  });

  it('names every segment that a command goes through', () => {
    const text = bulks('SET', 'k', 'v'.repeat(300));
    expect(commands(text.slice(0, 5), text.slice(5, 30), text.slice(30, 100), text.slice(100))).toEqual([
      ['…'],
      ['… SET k …'],
      ['… SET k …'],
      ['… SET k <300 bytes>'],
    ]);
  });

  it('names a few of a pipeline, and counts the rest', () => {
    const text = Array.from({ length: 9 }, (_, i) => bulks('GET', `${i}`)).join('');
    expect(commands(text)).toEqual([['GET 0', 'GET 1', 'GET 2', 'GET 3', '+5 more']]);
  });

  it('passes over bytes that the capture left out of a value', () => {
    const text = bulks('SET', 'k', 'v'.repeat(300));
    const { names, messages } = scan(false, [text.slice(0, 100)], text.length - 100);
    expect([names, messages]).toEqual([[['SET k <300 bytes>']], ['SET k <300 bytes>']]);
  });

  it('loses its place where it must, and finds it at the next command', () => {
    const scanner = new RespScanner(false, (name) => name);
    const feed = (text: string, missing: number): string[] => {
      const bytes = Buffer.from(text, 'latin1');
      return scanner.feed(bytes, 0, bytes.length, missing);
    };
    const text = bulks('SET', 'k', 'v'.repeat(300));
    expect(feed(text.slice(0, 100), text.length + 50)).toEqual(['SET k …']);
    expect(scanner.inSync).toBe(false);
    expect(feed('\x01\x02\x03', 0)).toEqual([]);
    expect(feed(bulks('GET', 'a'), 0)).toEqual(['GET a']);
  });

  it('agrees with the server’s parser on what the commands are, however they are cut', () => {
    const word = fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    const name = fc.stringMatching(/^[A-Z]{1,8}$/);
    const command = fc.tuple(name, fc.array(word, { maxLength: 5 })).map(([first, rest]) => [first, ...rest]);
    fc.assert(
      fc.property(
        fc.array(command, { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(600), { maxLength: 8 }),
        (all, at) => {
          const text = all.map((words) => bulks(...words)).join('');
          const cuts = [0, ...at.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
          const segments = cuts.slice(1).map((end, i) => text.slice(cuts[i], end));
          const { messages } = scan(
            false,
            segments.filter((segment) => segment !== ''),
          );
          expect(messages.map((message) => message.split(' ')[0])).toEqual(parsed(text));
        },
      ),
    );
  });
});

describe('replies', () => {
  it('names a reply by its first line', () => {
    const text = '+OK\r\n-ERR no\r\n:5\r\n$-1\r\n';
    expect(replies(text)).toEqual([['→ +OK', '→ -ERR no', '→ :5', '→ $-1']]);
    expect(replies('$5\r\nhello\r\n', '*2\r\n$1\r\na\r\n*1\r\n:1\r\n', '*0\r\n')).toEqual([
      ['→ $5'],
      ['→ *2'],
      ['→ *0'],
    ]);
    expect(replies('%1\r\n+a\r\n#t\r\n', ',1.5\r\n_\r\n', '|1\r\n+k\r\n+v\r\n:1\r\n')).toEqual([
      ['→ %1'],
      ['→ ,1.5', '→ _'],
      ['→ |1'],
    ]);
  });

  it('counts a reply once, however it is cut', () => {
    const text = `*3\r\n$100\r\n${'x'.repeat(100)}\r\n*2\r\n+a\r\n:1\r\n$0\r\n\r\n+OK\r\n`;
    for (let cut = 1; cut < text.length; cut++) {
      expect(scan(true, [text.slice(0, cut), text.slice(cut)]).messages).toEqual(['→ *3', '→ +OK']);
    }
  });
});

it('takes any bytes in constant memory', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.nat(50))), (kind, segments) => {
      const scanner = new RespScanner(kind, (name) => name);
      for (const [bytes, missing] of segments) {
        const text = scanner.feed(bytes, 0, bytes.length, missing).join();
        expect(text.length).toBeLessThan(1000);
      }
    }),
  );
});

/** First words of all commands, as the server parses them. */
function parsed(text: string): string[] {
  const memory = new PacketMemory(1 << 20);
  const batch = new CommandBatch();
  const parser = new RequestParser(memory, batch);
  const start = memory.reserve(text.length + 64);
  memory.u8.set(Buffer.from(text, 'latin1'), start);
  const words: string[] = [];
  parser.next = start;
  while (parser.next < start + text.length) {
    if (parser.decode(parser.next, start + text.length, true) !== COMMAND) throw new Error('not a command');
    const first = batch.first[batch.count];
    words.push(memory.latin1(batch.argOffset[first], batch.argLength[first]));
  }
  return words;
}
