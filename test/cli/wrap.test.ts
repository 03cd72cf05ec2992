import { styleText } from 'node:util';
import { expect, test } from 'vitest';
import { wrapLine } from '../../src/lib/cli/wrap.ts';

test('a line that fits stays as it is, spaces included', () => {
  expect(wrapLine('   a  b', 7, 2)).toBe('   a  b');
  expect(wrapLine('a'.repeat(500), Infinity, 2)).toBe('a'.repeat(500));
});

test('a longer one is broken between words, and what follows is indented', () => {
  expect(wrapLine('  1.0 one two three four', 12, 4)).toBe('  1.0 one\n    two\n    three\n    four');
  expect(wrapLine('one two three', 8, 2)).toBe('one two\n  three');
});

test('a word that is wider than the terminal has a line for itself', () => {
  expect(wrapLine(`aaa ${'b'.repeat(20)} c`, 10, 2)).toBe(`aaa\n  ${'b'.repeat(20)}\n  c`);
});

test('colours take no room', () => {
  const red = styleText('red', 'abcd', { validateStream: false });
  expect(wrapLine(`${red} efgh`, 9, 2)).toBe(`${red} efgh`);
  expect(wrapLine(`${red} efgh`, 8, 2)).toBe(`${red}\n  efgh`);
});
