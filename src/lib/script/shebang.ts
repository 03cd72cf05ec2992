/** The first line of a script or library, `#!lua name=value …`: which engine it is for, and what it says of itself. */
import { SCRIPT_COMPAT, scriptFlag } from './run.ts';

const LF = 10;

/** Code behind the shebang (its line break included, so that lines keep their numbers), and the words of the shebang. */
export interface Shebang {
  readonly engine: string;
  readonly words: readonly string[];
  readonly code: Uint8Array;
}

/** null when the body has none, or an incomplete one (`complete` false). */
export function readShebang(body: Uint8Array): Shebang | 'none' | 'incomplete' {
  if (body[0] !== 35 || body[1] !== 33) return 'none';
  const end = body.indexOf(LF);
  if (end < 0) return 'incomplete';
  const words = Buffer.from(body.subarray(0, end))
    .toString('latin1')
    .split(/[ \t\r\v\f]+/)
    .filter((word) => word !== '');
  return { engine: words[0], words: words.slice(1), code: body.subarray(end) };
}

/** A script for EVAL: its flags and code, or what is wrong with its shebang. */
export function readScript(body: Uint8Array): { flags: number; code: Uint8Array } | { error: string } {
  const shebang = readShebang(body);
  if (shebang === 'none') return { flags: SCRIPT_COMPAT, code: body };
  if (shebang === 'incomplete') return { error: 'ERR Invalid script shebang' };
  if (shebang.engine !== '#!lua') return { error: `ERR Unexpected engine in script shebang: ${shebang.engine}` };
  let flags = 0;
  for (const word of shebang.words) {
    if (!word.startsWith('flags=')) return { error: `ERR Unknown lua shebang option: ${word}` };
    const names = word.slice('flags='.length);
    for (const name of names === '' ? [] : names.split(',')) {
      const flag = scriptFlag(name);
      if (flag === 0) return { error: `ERR Unexpected flag in script shebang: ${name}` };
      flags |= flag;
    }
  }
  return { flags, code: shebang.code };
}
