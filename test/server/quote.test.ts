import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { CommandBatch } from '../../src/lib/resp/batch.ts';
import { splitInline } from '../../src/lib/resp/inline.ts';
import { escapeControl, quote, splitWords } from '../../src/lib/server/quote.ts';

const latin1 = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
/** Text that is likely to hold quotes, escapes and blanks. */
const awkward = fc
  .array(fc.constantFrom('a', 'x', '4', 'F', ' ', '\t', '"', "'", '\\', '\\x41', 'n', '\\"', "\\'"), { maxLength: 20 })
  .map((parts) => parts.join(''));

/** What the parser of inline commands makes of a line: an implementation of its own of the same grammar. */
function inlineWords(line: string): string[] | null {
  const memory = new PacketMemory(1 << 20);
  const at = memory.reserve(4096);
  memory.u8.set(Buffer.from(line, 'latin1'), at);
  const batch = new CommandBatch();
  const argc = splitInline(memory, at, at + line.length, batch);
  if (argc < 0) return null;
  return Array.from({ length: argc }, (_, i) => memory.latin1(batch.argOffset[i], batch.argLength[i]));
}

describe('quoting', () => {
  it('has the form of redis-server', () => {
    // As its MONITOR shows this key.
    expect(quote('a\x01"\\\n\x7f\xff')).toBe('"a\\x01\\"\\\\\\n\\x7f\\xff"');
    expect(quote('\r\t\x07\b ~')).toBe('"\\r\\t\\a\\b ~"');
  });

  it('is undone by splitting', () => {
    fc.assert(
      fc.property(fc.array(latin1), (words) => {
        expect(splitWords(words.map(quote).join(' '))).toEqual(words);
      }),
    );
  });

  it('keeps a log line on one line', () => {
    expect(escapeControl('a\r\nb\x1b[31m é')).toBe('a\\r\\nb\\x1b[31m é');
  });
});

describe('splitting', () => {
  it.each([
    ['a  b\tc', ['a', 'b', 'c']],
    ['\'a b\' "c d"', ['a b', 'c d']],
    ["'it\\'s'", ["it's"]],
    ["'\\n'", ['\\n']],
    ['"\\n\\x41\\q"', ['\nAq']],
    ['"" \'\'', ['', '']],
    ['a"b"', ['ab']],
    ['"a"b', null],
    ['"a', null],
    ["'a", null],
    ['', []],
  ])('%j is %j', (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });

  it('agrees with the parser of inline commands', () => {
    fc.assert(
      fc.property(awkward, (line) => {
        expect(splitWords(line)).toEqual(inlineWords(line));
      }),
      { numRuns: 2000 },
    );
  });
});
