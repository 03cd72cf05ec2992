/**
 * Lua values as JSON: a table whose keys are 1…n, with few holes, is an array, any other an object; strings are bytes, of which
 * only the control characters, `"`, `\`, `/` and DEL are escaped; numbers as `%.14g`.
 */
import { ByteWriter, TooLong } from '../byte-writer.ts';
import { formatG } from '../format-g.ts';
import type { LuaState } from '../lua-state.ts';
import { LUA_TBOOLEAN, LUA_TLIGHTUSERDATA, LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE } from '../lua-types.ts';
import { INVALID_NULL, INVALID_OFF, type JsonSettings, typeName } from './cjson-settings.ts';

const QUOTE = 34;
const COMMA = 44;

/** What a byte is escaped as; '' for itself. */
const ESCAPES: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const short: Readonly<Record<number, string>> = {
    8: '\\b',
    9: '\\t',
    10: '\\n',
    12: '\\f',
    13: '\\r',
    34: '\\"',
    47: '\\/',
    92: '\\\\',
  };
  if (short[byte] !== undefined) return short[byte];
  return byte < 32 || byte === 127 ? `\\u${byte.toString(16).padStart(4, '0')}` : '';
});
const ESCAPED = Uint8Array.from(ESCAPES, (text) => (text === '' ? 0 : 1));

export class JsonEncoder {
  private readonly state: LuaState;
  private readonly settings: JsonSettings;
  private readonly writer = new ByteWriter();

  constructor(state: LuaState, settings: JsonSettings) {
    this.state = state;
    this.settings = settings;
  }

  encode(L: number): number {
    const { state, writer } = this;
    if (state.lua.lua_gettop(L) !== 1) state.argumentError(L, 1, 'expected 1 argument');
    writer.reset();
    writer.onProgress = () => state.onWork?.(L);
    try {
      this.value(L, 0);
    } catch (error) {
      if (!(error instanceof TooLong)) throw error;
      state.fail(L, 'not enough memory');
    }
    state.pushBytes(L, writer.bytes, 0, writer.length);
    return 1;
  }

  private refuse(L: number, index: number, reason: string): never {
    return this.state.fail(L, `Cannot serialise ${typeName(this.state.lua.lua_type(L, index))}: ${reason}`);
  }

  /** The value on top, which stays. */
  private value(L: number, depth: number): void {
    const { state, writer } = this;
    const { lua } = state;
    switch (lua.lua_type(L, -1)) {
      case LUA_TSTRING:
        this.string(L, -1);
        return;
      case LUA_TNUMBER:
        this.number(L, -1);
        return;
      case LUA_TBOOLEAN:
        writer.text(lua.lua_toboolean(L, -1) !== 0 ? 'true' : 'false');
        return;
      case LUA_TTABLE:
        this.table(L, depth + 1);
        return;
      case LUA_TNIL:
        writer.text('null');
        return;
      case LUA_TLIGHTUSERDATA:
        if (lua.lua_topointer(L, -1) === 0) {
          writer.text('null');
          return;
        }
    }
    this.refuse(L, -1, 'type not supported');
  }

  private string(L: number, index: number): void {
    const { state, writer } = this;
    const at = state.bytesAt(L, index);
    const end = at + state.length;
    const { u8 } = state;
    writer.byte(QUOTE);
    let from = at;
    for (let p = at; p < end; p++) {
      if (ESCAPED[u8[p]] === 0) continue;
      writer.copy(u8, from, p - from);
      writer.text(ESCAPES[u8[p]]);
      from = p + 1;
    }
    writer.copy(u8, from, end - from);
    writer.byte(QUOTE);
  }

  private number(L: number, index: number): void {
    const { writer, settings } = this;
    const value = this.state.lua.lua_tonumber(L, index);
    if (!Number.isFinite(value)) {
      if (settings.encodeInvalidNumbers === INVALID_OFF) this.refuse(L, index, 'must not be NaN or Inf');
      if (settings.encodeInvalidNumbers === INVALID_NULL) {
        writer.text('null');
        return;
      }
    }
    writer.text(formatG(value, settings.precision));
  }

  private table(L: number, depth: number): void {
    const { state, settings } = this;
    if (depth > settings.encodeMaxDepth || state.lua.lua_checkstack(L, 3) === 0) {
      state.fail(L, `Cannot serialise, excessive nesting (${depth})`);
    }
    const length = this.arrayLength(L);
    if (length > 0) this.array(L, depth, length);
    else this.object(L, depth);
  }

  /** The largest key when all are positive integers, else -1; raises when too few of them are there. */
  private arrayLength(L: number): number {
    const { state, settings } = this;
    const { lua } = state;
    let max = 0;
    let items = 0;
    lua.lua_pushnil(L);
    while (lua.lua_next(L, -2) !== 0) {
      const key = lua.lua_type(L, -2) === LUA_TNUMBER ? lua.lua_tonumber(L, -2) : 0;
      if (!(key >= 1) || Math.floor(key) !== key) {
        state.pop(L, 2);
        return -1;
      }
      if (key > max) max = key;
      items++;
      state.pop(L, 1);
    }
    const { sparseRatio } = settings;
    if (sparseRatio > 0 && max > items * sparseRatio && max > settings.sparseSafe) {
      if (settings.sparseConvert === 0) this.refuse(L, -1, 'excessively sparse array');
      return -1;
    }
    return max;
  }

  private array(L: number, depth: number, length: number): void {
    const { state, writer } = this;
    writer.byte(91);
    for (let i = 1; i <= length; i++) {
      if (i > 1) writer.byte(COMMA);
      state.lua.lua_rawgeti(L, -1, i);
      this.value(L, depth);
      state.pop(L, 1);
    }
    writer.byte(93);
  }

  private object(L: number, depth: number): void {
    const { state, writer } = this;
    const { lua } = state;
    let first = true;
    writer.byte(123);
    lua.lua_pushnil(L);
    while (lua.lua_next(L, -2) !== 0) {
      if (!first) writer.byte(COMMA);
      first = false;
      const type = lua.lua_type(L, -2);
      if (type === LUA_TNUMBER) {
        writer.byte(QUOTE);
        this.number(L, -2);
        writer.byte(QUOTE);
      } else if (type === LUA_TSTRING) this.string(L, -2);
      else this.refuse(L, -2, 'table key must be a number or string');
      writer.byte(58);
      this.value(L, depth);
      state.pop(L, 1);
    }
    writer.byte(125);
  }
}
