/** Seeds of worlds that once failed, by `seeds.txt` beside this file: always lived through again. `#` begins a comment. */
import { readFileSync } from 'node:fs';

export function knownSeeds(): number[] {
  const text = readFileSync(new URL('seeds.txt', import.meta.url), 'utf8');
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
    .map(Number);
}
