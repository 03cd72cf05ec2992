/**
 * A command's reply, as bytes of RESP, becomes a Lua value:
 *
 *   :1  ─▶ number      $…  ─▶ string     $-1 *-1 ─▶ false         +OK ─▶ {ok=}      -ERR ─▶ {err=, ignore_error_stats_update=}
 *   *…  ─▶ table       and after redis.setresp(3):  _ ─▶ nil  #t ─▶ true  ,1.5 ─▶ {double=}  (… ─▶ {big_number=}
 *                      %… ─▶ {map={…}}  ~… ─▶ {set={…=true}}  =txt:… ─▶ {verbatim_string={format=, string=}}
 *
 * The bytes were written by our own Reply: they are well-formed.
 */
import type { LuaState } from './lua-state.ts';

const CR = 13;
const MINUS = 45;
const ZERO = 48;
/** Slots of the Lua stack that one level of nesting takes. */
const SLOTS = 8;

export class ReplyReader {
  private readonly state: LuaState;
  private u8: Uint8Array = new Uint8Array(0);
  private position = 0;

  constructor(state: LuaState) {
    this.state = state;
  }

  /** Pushes the reply that begins at `offset` of `bytes`; returns where it ends. */
  push(L: number, bytes: Uint8Array, offset: number): number {
    this.u8 = bytes;
    this.position = offset;
    this.value(L);
    return this.position;
  }

  /** Pushes the value at `position`, which then is behind it. */
  private value(L: number): void {
    const { state } = this;
    const { lua } = state;
    const mark = this.u8[this.position++];
    switch (mark) {
      case 58: // ':'
        state.pushNumber(L, this.integer());
        return;
      case 36: // '$'
        this.bulk(L);
        return;
      case 43: // '+'
        lua.lua_createtable(L, 0, 1);
        this.line(L);
        state.setOwnField(L, -2, 'ok');
        return;
      case 45: // '-'
        this.error(L);
        return;
      case 42: // '*'
      case 62: // '>'
        this.array(L);
        return;
      default:
        this.value3(L, mark);
    }
  }

  /** What only RESP3 has. */
  private value3(L: number, mark: number): void {
    const { state } = this;
    const { lua } = state;
    switch (mark) {
      case 95: // '_'
        lua.lua_pushnil(L);
        this.position += 2;
        return;
      case 35: // '#'
        lua.lua_pushboolean(L, this.u8[this.position] === 116 ? 1 : 0);
        this.position += 3;
        return;
      case 44: // ','
        this.double(L);
        return;
      case 37: // '%'
        this.pairs(L, 'map');
        return;
      case 126: // '~'
        this.members(L);
        return;
      case 40: // '('
        lua.lua_createtable(L, 0, 1);
        this.line(L);
        state.setField(L, -2, 'big_number');
        return;
      case 61: // '='
        this.verbatim(L);
        return;
      default: // '|': attributes are left out, the reply follows
        this.pairs(L, 'map');
        state.pop(L, 1);
        this.value(L);
    }
  }

  /** The integer up to CR LF; 64-bit ones are rounded to a double, as Lua's numbers are. */
  private integer(): number {
    const { u8 } = this;
    let p = this.position;
    const negative = u8[p] === MINUS;
    if (negative) p++;
    const first = p;
    let value = 0;
    while (u8[p] !== CR) value = value * 10 + u8[p++] - ZERO;
    if (p - first > 15) value = Number(Buffer.from(u8.subarray(first, p)).toString('latin1')); // rounded once, not digit by digit
    this.position = p + 2;
    return negative ? -value : value;
  }

  private bulk(L: number): void {
    const length = this.integer();
    if (length < 0) {
      this.state.pushBoolean(L, false);
      return;
    }
    this.state.pushBytes(L, this.u8, this.position, length);
    this.position += length + 2;
  }

  /** Pushes the rest of the line. */
  private line(L: number): void {
    const { u8 } = this;
    const from = this.position;
    let p = from;
    while (u8[p] !== CR) p++;
    this.state.pushBytes(L, u8, from, p - from);
    this.position = p + 2;
  }

  private error(L: number): void {
    const { state } = this;
    state.lua.lua_createtable(L, 0, 2);
    this.line(L);
    state.setField(L, -2, 'err');
    state.lua.lua_pushboolean(L, 1);
    state.setField(L, -2, 'ignore_error_stats_update');
  }

  private array(L: number): void {
    const { lua } = this.state;
    const n = this.integer();
    if (n < 0) {
      lua.lua_pushboolean(L, 0);
      return;
    }
    this.deeper(L);
    lua.lua_createtable(L, n, 0);
    for (let i = 1; i <= n; i++) {
      this.value(L);
      lua.lua_rawseti(L, -2, i);
    }
  }

  private double(L: number): void {
    const { state } = this;
    const from = this.position;
    let p = from;
    while (this.u8[p] !== CR) p++;
    const text = Buffer.from(this.u8.subarray(from, p)).toString('latin1');
    this.position = p + 2;
    state.lua.lua_createtable(L, 0, 1);
    const infinite = text === 'inf' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    state.lua.lua_pushnumber(L, text.endsWith('inf') ? infinite : Number(text));
    state.setField(L, -2, 'double');
  }

  /** Room on the stack for one level more. */
  private deeper(L: number): void {
    if (this.state.lua.lua_checkstack(L, SLOTS) === 0) this.state.fail(L, 'stack overflow');
  }

  /** {field={key=value …}} */
  private pairs(L: number, field: string): void {
    const { state } = this;
    const { lua } = state;
    const n = this.integer();
    this.deeper(L);
    lua.lua_createtable(L, 0, 1);
    lua.lua_createtable(L, 0, n);
    for (let i = 0; i < n; i++) {
      this.value(L);
      this.value(L);
      lua.lua_rawset(L, -3);
    }
    state.setField(L, -2, field);
  }

  private members(L: number): void {
    const { state } = this;
    const { lua } = state;
    const n = this.integer();
    this.deeper(L);
    lua.lua_createtable(L, 0, 1);
    lua.lua_createtable(L, 0, n);
    for (let i = 0; i < n; i++) {
      this.value(L);
      lua.lua_pushboolean(L, 1);
      lua.lua_rawset(L, -3);
    }
    state.setField(L, -2, 'set');
  }

  private verbatim(L: number): void {
    const { state } = this;
    const { lua } = state;
    const length = this.integer();
    lua.lua_createtable(L, 0, 1);
    lua.lua_createtable(L, 0, 2);
    state.pushBytes(L, this.u8, this.position + 4, length - 4);
    state.setField(L, -2, 'string');
    state.pushBytes(L, this.u8, this.position, 3);
    state.setField(L, -2, 'format');
    state.setField(L, -2, 'verbatim_string');
    this.position += length + 2;
  }
}
