/**
 * A place in the tokens of a script, and what every part of the parser asks there.
 */
import type { Token, TokenKind } from './lexer.ts';
import { ScriptError } from './script.ts';

export class Cursor {
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  get token(): Token {
    return this.tokens[this.at];
  }

  get line(): number {
    return this.token.line;
  }

  get ended(): boolean {
    return this.token.kind === 'end';
  }

  peek(ahead: number): Token {
    return this.tokens[Math.min(this.at + ahead, this.tokens.length - 1)];
  }

  is(kind: TokenKind, text?: string): boolean {
    return this.token.kind === kind && (text === undefined || this.token.text === text);
  }

  isMark(text: string): boolean {
    return this.is('mark', text);
  }

  next(): Token {
    const token = this.token;
    if (token.kind !== 'end') this.at++;
    return token;
  }

  /** Takes the token if it is this one. */
  take(kind: TokenKind, text?: string): boolean {
    const found = this.is(kind, text);
    if (found) this.at++;
    return found;
  }

  takeMark(text: string): boolean {
    return this.take('mark', text);
  }

  expect(kind: TokenKind, what: string): Token {
    if (this.token.kind !== kind) this.fail(what);
    return this.next();
  }

  expectMark(text: string): void {
    if (!this.takeMark(text)) this.fail(`'${text}'`);
  }

  expectWord(text: string): void {
    if (!this.take('word', text)) this.fail(`'${text}'`);
  }

  /** A whole number between `least` and `most`; `what` names it in the error. */
  number(what: string, least = 0, most = 0xffff_ffff): number {
    const token = this.expect('integer', what);
    const value = Number(token.text);
    if (value < least || value > most) {
      throw new ScriptError(token.line, `${what} ${token.text} is not between ${least} and ${most}`);
    }
    return value;
  }

  /** Seconds, with or without a fraction, as microseconds. */
  seconds(): number {
    if (!this.is('float') && !this.is('integer')) this.fail('a time in seconds');
    const token = this.next();
    const seconds = Number(token.text);
    if (seconds < 0) throw new ScriptError(token.line, 'a time can not be negative');
    return Math.round(seconds * 1e6);
  }

  fail(expected: string): never {
    throw new ScriptError(this.line, `expected ${expected}, found ${describe(this.token)}`);
  }
}

function describe(token: Token): string {
  if (token.kind === 'end') return token.text;
  const text = token.text.length > 30 ? `${token.text.slice(0, 30)}…` : token.text;
  return `'${text.replace(/\s+/g, ' ')}'`;
}
