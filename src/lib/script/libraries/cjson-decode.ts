/**
 * JSON as Lua values: arrays and objects as tables, null as the light userdata NULL, strings as bytes with their escapes
 * resolved to UTF-8. More numbers are taken than JSON has (`+1`, `0x10`, `007`, `inf`, `nan`) unless that is switched off.
 *
 * Errors name what was expected, what was found, and at which character: `Expected value but found T_END at character 1`.
 */
import type { LuaState } from '../lua-state.ts';
import type { JsonSettings } from './cjson-settings.ts';

const TOKEN_OBJECT_BEGIN = 'T_OBJ_BEGIN';
const TOKEN_OBJECT_END = 'T_OBJ_END';
const TOKEN_ARRAY_BEGIN = 'T_ARR_BEGIN';
const TOKEN_ARRAY_END = 'T_ARR_END';
const TOKEN_STRING = 'T_STRING';
const TOKEN_NUMBER = 'T_NUMBER';
const TOKEN_BOOLEAN = 'T_BOOLEAN';
const TOKEN_NULL = 'T_NULL';
const TOKEN_COLON = 'T_COLON';
const TOKEN_COMMA = 'T_COMMA';
const TOKEN_END = 'T_END';

const PUNCTUATION: Readonly<Record<number, string>> = {
  123: TOKEN_OBJECT_BEGIN,
  125: TOKEN_OBJECT_END,
  91: TOKEN_ARRAY_BEGIN,
  93: TOKEN_ARRAY_END,
  44: TOKEN_COMMA,
  58: TOKEN_COLON,
};
const QUOTE = 34;
const BACKSLASH = 92;
const ESCAPED: Readonly<Record<number, number>> = { 34: 34, 92: 92, 47: 47, 98: 8, 116: 9, 110: 10, 102: 12, 114: 13 };
/** What strtod reads: a decimal or hexadecimal number, an infinity, not a number. */
const STRTOD =
  /^[+-]?(?:0x(?:[\da-f]+\.?[\da-f]*|\.[\da-f]+)(?:p[+-]?\d+)?|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan(?:\([\da-z_]*\))?)/i;
const LONGEST_NUMBER = 1100;

export class JsonDecoder {
  private readonly state: LuaState;
  private readonly settings: JsonSettings;
  /** The text, with a NUL behind it. */
  private bytes: Uint8Array = new Uint8Array(0);
  private position = 0;
  private depth = 0;
  /** The token that was read: its kind (or what is wrong with it), where it begins, and its value. */
  private token = TOKEN_END;
  private index = 0;
  private number = 0;
  private flag = 0;
  private string = Buffer.alloc(256);
  private stringLength = 0;

  constructor(state: LuaState, settings: JsonSettings) {
    this.state = state;
    this.settings = settings;
  }

  decode(L: number): number {
    const { state } = this;
    if (state.lua.lua_gettop(L) !== 1) state.argumentError(L, 1, 'expected 1 argument');
    const at = state.checkBytes(L, 1);
    const { length } = state;
    if (length >= 2 && (state.u8[at] === 0 || state.u8[at + 1] === 0)) {
      state.fail(L, 'JSON parser does not support UTF-16 or UTF-32');
    }
    this.bytes = state.u8.slice(at, at + length + 1); // Lua keeps a NUL behind each string
    this.position = 0;
    this.depth = 0;
    if (this.string.length < length) this.string = Buffer.alloc(length);
    this.next();
    this.value(L);
    this.next();
    if (this.token !== TOKEN_END) this.expected(L, 'the end');
    this.bytes = new Uint8Array(0);
    if (this.string.length > 65_536) this.string = Buffer.alloc(256);
    return 1;
  }

  private expected(L: number, what: string): never {
    return this.state.fail(L, `Expected ${what} but found ${this.token} at character ${this.index + 1}`);
  }

  // ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Pushes the value that begins with the token that was read. */
  private value(L: number): void {
    const { lua } = this.state;
    switch (this.token) {
      case TOKEN_STRING:
        this.state.pushBytes(L, this.string, 0, this.stringLength);
        return;
      case TOKEN_NUMBER:
        lua.lua_pushnumber(L, this.number);
        return;
      case TOKEN_BOOLEAN:
        lua.lua_pushboolean(L, this.flag);
        return;
      case TOKEN_OBJECT_BEGIN:
        this.object(L);
        return;
      case TOKEN_ARRAY_BEGIN:
        this.array(L);
        return;
      case TOKEN_NULL:
        lua.lua_pushlightuserdata(L, 0);
        return;
      default:
        this.expected(L, 'value');
    }
  }

  private descend(L: number, slots: number): void {
    const { state } = this;
    this.depth++;
    if (this.depth <= this.settings.decodeMaxDepth && state.lua.lua_checkstack(L, slots) !== 0) return;
    state.fail(L, `Found too many nested data structures (${this.depth}) at character ${this.position}`);
  }

  private object(L: number): void {
    const { state } = this;
    const { lua } = state;
    this.descend(L, 3);
    lua.lua_createtable(L, 0, 0);
    this.next();
    if (this.token === TOKEN_OBJECT_END) {
      this.depth--;
      return;
    }
    for (;;) {
      if (this.token !== TOKEN_STRING) this.expected(L, 'object key string');
      state.pushBytes(L, this.string, 0, this.stringLength);
      if (this.next() !== TOKEN_COLON) this.expected(L, 'colon');
      this.next();
      this.value(L);
      lua.lua_rawset(L, -3);
      const behind = this.next();
      if (behind === TOKEN_OBJECT_END) break;
      if (behind !== TOKEN_COMMA) this.expected(L, 'comma or object end');
      this.next();
    }
    this.depth--;
  }

  private array(L: number): void {
    const { lua } = this.state;
    this.descend(L, 2);
    lua.lua_createtable(L, 0, 0);
    this.next();
    if (this.token === TOKEN_ARRAY_END) {
      this.depth--;
      return;
    }
    for (let i = 1; ; i++) {
      this.value(L);
      lua.lua_rawseti(L, -2, i);
      this.next();
      if (this.token === TOKEN_ARRAY_END) break;
      if (this.token !== TOKEN_COMMA) this.expected(L, 'comma or array end');
      this.next();
    }
    this.depth--;
  }

  // ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Reads the next token. */
  private next(): string {
    const { bytes } = this;
    let p = this.position;
    while (bytes[p] === 32 || (bytes[p] >= 9 && bytes[p] <= 13 && bytes[p] !== 11 && bytes[p] !== 12)) p++;
    this.position = p;
    this.index = p;
    const byte = bytes[p];
    const punctuation = PUNCTUATION[byte];
    if (punctuation !== undefined) {
      this.token = punctuation;
      this.position++;
    } else if (byte === 0)
      this.token = TOKEN_END; // wherever it stands
    else if (byte === QUOTE) this.readString();
    else this.readWord(byte);
    return this.token;
  }

  private readWord(byte: number): void {
    const { decodeInvalidNumbers } = this.settings;
    if (byte === 45 || (byte >= 48 && byte <= 57)) {
      if (decodeInvalidNumbers === 0 && this.looksInvalid()) this.token = 'invalid number';
      else this.readNumber();
    } else if (this.startsWith('true')) this.readConstant(TOKEN_BOOLEAN, 4, 1);
    else if (this.startsWith('false')) this.readConstant(TOKEN_BOOLEAN, 5, 0);
    else if (this.startsWith('null')) this.readConstant(TOKEN_NULL, 4, 0);
    else if (decodeInvalidNumbers !== 0 && 'iInN+n'.includes(String.fromCharCode(byte)) && this.looksInvalid()) {
      this.readNumber();
    } else this.token = 'invalid token';
  }

  private readConstant(token: string, length: number, flag: number): void {
    this.token = token;
    this.position += length;
    this.flag = flag;
  }

  private startsWith(word: string): boolean {
    for (let i = 0; i < word.length; i++) if (this.bytes[this.position + i] !== word.charCodeAt(i)) return false;
    return true;
  }

  /** A number that JSON doesn't have. */
  private looksInvalid(): boolean {
    const text = Buffer.from(this.bytes.subarray(this.position, this.position + 5)).toString('latin1');
    if (text.startsWith('+')) return true;
    const unsigned = text.startsWith('-') ? text.slice(1) : text;
    if (unsigned.startsWith('0')) return /^0[xX\d]/.test(unsigned);
    if (unsigned !== '' && unsigned[0] <= '9') return false;
    return /^(?:inf|nan)/i.test(unsigned);
  }

  private readNumber(): void {
    const { bytes, position } = this;
    let end = position;
    while (end < bytes.length && end - position < LONGEST_NUMBER && isNumberByte(bytes[end])) end++;
    const text = STRTOD.exec(Buffer.from(bytes.subarray(position, end)).toString('latin1'))?.[0];
    if (text === undefined) {
      this.token = 'invalid number';
      return;
    }
    this.token = TOKEN_NUMBER;
    this.number = numberOf(text);
    this.position += text.length;
  }

  private readString(): void {
    const { bytes, string } = this;
    let p = this.position + 1;
    let n = 0;
    while (bytes[p] !== QUOTE) {
      const byte = bytes[p];
      if (byte === 0) {
        this.wrong('unexpected end of string', p);
        return;
      }
      if (byte !== BACKSLASH) {
        string[n++] = byte;
        p++;
        continue;
      }
      const letter = bytes[p + 1];
      if (letter === 117) {
        const taken = this.readUnicode(p, n);
        if (taken < 0) {
          this.wrong('invalid unicode escape code', p);
          return;
        }
        n = this.stringLength;
        p += taken;
      } else if (ESCAPED[letter] === undefined) {
        this.wrong('invalid escape code', p);
        return;
      } else {
        string[n++] = ESCAPED[letter];
        p += 2;
      }
    }
    this.token = TOKEN_STRING;
    this.stringLength = n;
    this.position = p + 1;
  }

  private wrong(error: string, at: number): void {
    this.token = error;
    this.index = at;
  }

  /** `\uXXXX`, or two of them that are a surrogate pair, at `p`: as UTF-8 at `n` of the string. How many bytes it took, or -1. */
  private readUnicode(p: number, n: number): number {
    let code = this.hex4(p + 2);
    let taken = 6;
    if (code < 0) return -1;
    if ((code & 0xf800) === 0xd800) {
      if ((code & 0x400) !== 0 || this.bytes[p + 6] !== BACKSLASH || this.bytes[p + 7] !== 117) return -1;
      const low = this.hex4(p + 8);
      if (low < 0 || (low & 0xfc00) !== 0xdc00) return -1;
      code = (((code & 0x3ff) << 10) | (low & 0x3ff)) + 0x1_0000;
      taken = 12;
    }
    const utf8 = Buffer.from(String.fromCodePoint(code));
    this.string.set(utf8, n);
    this.stringLength = n + utf8.length;
    return taken;
  }

  private hex4(p: number): number {
    const text = Buffer.from(this.bytes.subarray(p, p + 4)).toString('latin1');
    return /^[\da-fA-F]{4}$/.test(text) ? Number.parseInt(text, 16) : -1;
  }
}

/** Letters, digits, signs, a point, and what stands in `nan(…)`. */
function isNumberByte(byte: number): boolean {
  if (byte >= 48 && byte <= 57) return true;
  const letter = byte | 0x20;
  return (letter >= 97 && letter <= 122) || byte === 43 || byte === 45 || byte === 46 || byte === 40 || byte === 41;
}

function numberOf(text: string): number {
  const unsigned = text.replace(/^[+-]/, '').toLowerCase();
  const sign = text.startsWith('-') ? -1 : 1;
  if (unsigned.startsWith('inf')) return sign * Number.POSITIVE_INFINITY;
  if (unsigned.startsWith('nan')) return Number.NaN;
  if (!unsigned.startsWith('0x')) return sign * Number(unsigned);
  const [mantissa, power] = unsigned.slice(2).split('p');
  const [whole, fraction = ''] = mantissa.split('.');
  const value = Number(BigInt(`0x${whole}${fraction}`)); // at most 1,100 digits
  return sign * value * 2 ** (Number(power ?? 0) - 4 * fraction.length);
}
