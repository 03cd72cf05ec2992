/**
 * A script's text as tokens, each with its line. Numbers come with their sign, as in `= -1`; a word is letters, digits and
 * underscores; what stands in backticks, and between %{ and }%, is one token.
 */
import type { Definitions } from './preprocess.ts';
import { ScriptError } from './script.ts';

export type TokenKind =
  | 'option'
  | 'float'
  | 'integer'
  | 'word'
  | 'string'
  | 'shell'
  | 'code'
  | 'ellipsis'
  | 'address'
  | 'mark'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** Without its quotes, backticks, or dashes. */
  readonly text: string;
  readonly line: number;
  /** White space stands before it. */
  readonly spaced: boolean;
}

/** In the order in which they are tried; the first that matches is the token. `null` is skipped. */
const RULES: readonly (readonly [TokenKind | null, RegExp])[] = [
  [null, /[ \t\r\n]+/y],
  [null, /\/\/[^\n]*/y],
  [null, /\/\*[\s\S]*?\*\//y],
  ['code', /%\{([\s\S]*?)\}%/y],
  ['shell', /`((?:\\[\s\S]|[^`\\])*)`/y],
  ['string', /"((?:\\[\s\S]|[^"\\])*)"/y],
  ['option', /--([A-Za-z0-9_]+)/y],
  ['ellipsis', /\.\.\./y],
  ['integer', /0[xX][0-9a-fA-F]+/y],
  ['address', /\d+\.\d+\.\d+\.\d+/y],
  ['float', /-?\d*\.\d+(?!\w)/y],
  ['word', /(?=\d*[A-Za-z_])\w+/y],
  ['integer', /-?\d+/y],
  ['mark', /[^\s]/y],
];

export function tokenize(text: string, definitions: Definitions): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let spaced = false;
  for (let at = 0; at < text.length; ) {
    const [kind, match] = firstRule(text, at, line);
    at += match[0].length;
    if (kind === null) spaced = true;
    else {
      tokens.push(defined({ kind, text: match[1] ?? match[0], line, spaced }, definitions));
      spaced = false;
    }
    line += match[0].split('\n').length - 1;
  }
  tokens.push({ kind: 'end', text: 'the end of the file', line, spaced });
  return tokens;
}

function firstRule(text: string, at: number, line: number): readonly [TokenKind | null, RegExpExecArray] {
  for (const [kind, rule] of RULES) {
    rule.lastIndex = at;
    const match = rule.exec(text);
    if (match === null) continue;
    if (kind === 'mark' && (match[0] === '`' || match[0] === '"')) {
      throw new ScriptError(line, `this ${match[0]} has no end`);
    }
    return [kind, match];
  }
  throw new ScriptError(line, `${JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0))} begins nothing`);
}

/** A word that is defined stands for its value: "text", `command`, a number, or another word. */
function defined(token: Token, definitions: Definitions): Token {
  if (token.kind !== 'word') return token;
  const value = definitions.get(token.text);
  if (value === undefined || value === '') return token;
  const quote = value[0];
  if (quote === '"') return { ...token, kind: 'string', text: value.slice(1, -1) };
  if (quote === '`') return { ...token, kind: 'shell', text: value.slice(1, -1) };
  if (/^-?\d+$/.test(value) || /^0x[0-9a-f]+$/i.test(value)) return { ...token, kind: 'integer', text: value };
  return { ...token, text: value };
}
