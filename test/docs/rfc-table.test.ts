/**
 * Every row of the RFC table in docs/tcp.md says where a rule is implemented and which test shows it. Here the rows are held
 * against the tree: the file must be there, and the test's file must have the quoted words.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);

interface Row {
  readonly rfc: string;
  readonly section: string;
  readonly what: string;
  readonly where: string;
  readonly testFile: string;
  readonly words: string;
}

/** Cells of a line of a table; a bar within a cell is written `\|`, and `\<` keeps a word from being taken for HTML. */
function cells(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll(/\\([|<])/g, '$1'));
}

function rows(): Row[] {
  const text = readFileSync(new URL('docs/tcp.md', ROOT), 'utf8');
  const table = text.slice(text.indexOf('## RFC by RFC')).split('\n');
  return table
    .filter((line) => /^\| \d+ \|/.test(line))
    .map((line) => {
      const [rfc, section, what, where, test] = cells(line);
      const colon = test.indexOf(': ');
      return { rfc, section, what, where, testFile: test.slice(0, colon), words: test.slice(colon + 2) };
    });
}

describe('the RFC table', () => {
  const table = rows();

  it('covers the RFCs that the stack stands on', () => {
    const known = new Set(table.map((row) => row.rfc));
    const needed =
      '9293 1122 1191 1337 2018 2883 3042 3168 3465 3522 4987 5461 5482 5681 5682 5927 5961 6191 6298 6582 6675 6928 7323 8985 9406 9438';
    for (const rfc of needed.split(' ')) expect(known, rfc).toContain(rfc);
  });

  it.each(table)('RFC $rfc §$section: $what', ({ where, testFile, words }) => {
    for (const file of where.split(', ')) expect(existsSync(new URL(file, ROOT)), file).toBe(true);
    expect(words.length).toBeGreaterThan(2);
    expect(readFileSync(new URL(testFile, ROOT), 'utf8'), testFile).toContain(words);
  });
});
