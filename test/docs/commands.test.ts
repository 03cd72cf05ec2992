/** docs/commands.md is what the generator makes of the command table: `npm run commands-doc` writes it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { commands } from '../../src/lib/engine/command-table.ts';
import { allCommands } from '../../src/lib/engine/table/all.ts';

const ROOT = new URL('../../', import.meta.url);

describe('docs/commands.md', () => {
  test('is up to date (npm run commands-doc)', () => {
    const script = new URL('scripts/commands-doc.mjs', ROOT).pathname;
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8', timeout: 30_000 });
    expect([stderr, status]).toEqual(['', 0]);
  });

  test('has every command once, and says of the same ones that they are here as COMMAND does', () => {
    const text = readFileSync(new URL('docs/commands.md', ROOT), 'utf8');
    const rows = [...text.matchAll(/^\| `([^` ]+)` \| [^|]+ \| (yes|no)/gm)].map(([, name, here]) => [name, here]);
    expect(rows.map(([name]) => name).sort()).toEqual(allCommands.map(({ name }) => name.toUpperCase()).sort());
    const here = rows.filter(([, answer]) => answer === 'yes').map(([name]) => name);
    expect(here.sort()).toEqual(commands.map(({ spec }) => spec.name.toUpperCase()).sort());
  });
});
