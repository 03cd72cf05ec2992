/**
 * The library `cmsgpack`: MessagePack (github.com/msgpack/msgpack/blob/master/spec.md), as Redis's scripts know it.
 *
 *   number that is an integer ─▶ its shortest integer form, else float 32 if that is exact, else float 64
 *   table with keys 1…n ─▶ array, else map      nested deeper than 16 ─▶ nil (tables may refer to themselves)
 *
 * Strings are str; bin and extension types are refused.
 */
import { ByteWriter, TooLong } from '../byte-writer.ts';
import type { LuaState } from '../lua-state.ts';
import { LUA_TBOOLEAN, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE } from '../lua-types.ts';

const MAX_NESTING = 16;
const INT64_LIMIT = 2 ** 63;
const UINT32_MAX = 0xffff_ffff;

/** Pushes the library's table. */
export function addCmsgpack(state: LuaState): void {
  const { lua, L } = state;
  const packer = new Packer(state);
  lua.lua_createtable(L, 0, 8);
  for (const [name, text] of Object.entries({
    _NAME: 'cmsgpack',
    _VERSION: 'lua-cmsgpack 0.4.0',
    _COPYRIGHT: 'Copyright (C) 2012, Salvatore Sanfilippo',
    _DESCRIPTION: 'MessagePack C implementation for Lua',
  })) {
    state.pushText(L, text);
    state.setField(L, -2, name);
  }
  state.setFunctions(L, {
    pack: (T) => packer.pack(T),
    unpack: (T) => unpack(state, T, 0, 0),
    unpack_one: (T) => {
      const offset = optionalInteger(state, T, 2, 0);
      return unpack(state, T, 1, offset);
    },
    unpack_limit: (T) => {
      const limit = lua.luaL_checkinteger(T, 2);
      return unpack(state, T, limit, optionalInteger(state, T, 3, 0));
    },
  });
}

function optionalInteger(state: LuaState, L: number, arg: number, otherwise: number): number {
  return state.lua.lua_type(L, arg) <= 0 ? otherwise : state.lua.luaL_checkinteger(L, arg);
}

class Packer {
  private readonly state: LuaState;
  private readonly writer = new ByteWriter();

  constructor(state: LuaState) {
    this.state = state;
  }

  pack(L: number): number {
    const { state, writer } = this;
    const { lua } = state;
    const n = lua.lua_gettop(L);
    if (n === 0) state.argumentError(L, 0, 'MessagePack pack needs input.');
    if (lua.lua_checkstack(L, n) === 0) state.argumentError(L, 0, 'Too many arguments for MessagePack pack.');
    writer.reset();
    writer.onProgress = () => state.onWork?.(L);
    try {
      for (let i = 1; i <= n; i++) {
        lua.lua_pushvalue(L, i);
        this.value(L, 0);
      }
    } catch (error) {
      if (!(error instanceof TooLong)) throw error;
      state.fail(L, 'not enough memory');
    }
    state.pushBytes(L, writer.bytes, 0, writer.length);
    return 1;
  }

  /** The value on top, which is popped. */
  private value(L: number, level: number): void {
    const { state, writer } = this;
    const { lua } = state;
    switch (lua.lua_type(L, -1)) {
      case LUA_TSTRING: {
        const at = state.bytesAt(L, -1);
        this.header(state.length, 0xa0, 31, 0xd9, 0xda, 0xdb);
        writer.copy(state.u8, at, state.length);
        break;
      }
      case LUA_TBOOLEAN:
        writer.byte(lua.lua_toboolean(L, -1) !== 0 ? 0xc3 : 0xc2);
        break;
      case LUA_TNUMBER:
        this.number(lua.lua_tonumber(L, -1));
        break;
      case LUA_TTABLE:
        if (level === MAX_NESTING) writer.byte(0xc0);
        else if (this.isArray(L)) this.array(L, level + 1);
        else this.map(L, level + 1);
        break;
      default:
        writer.byte(0xc0);
    }
    state.pop(L, 1);
  }

  private number(value: number): void {
    const { writer } = this;
    if (Number.isInteger(value) && value >= -INT64_LIMIT && value < INT64_LIMIT) this.integer(value);
    else if (Math.fround(value) === value) {
      writer.byte(0xca);
      writer.f32(value);
    } else {
      writer.byte(0xcb);
      writer.f64(value);
    }
  }

  private integer(value: number): void {
    const { writer } = this;
    if (value >= 0) {
      if (value <= 127) writer.byte(value);
      else if (value <= 0xff) this.marked(0xcc, 1, value);
      else if (value <= 0xffff) this.marked(0xcd, 2, value);
      else if (value <= UINT32_MAX) this.marked(0xce, 4, value);
      else {
        writer.byte(0xcf);
        writer.i64(BigInt(value));
      }
    } else if (value >= -32) writer.byte(value & 0xff);
    else if (value >= -128) this.marked(0xd0, 1, value);
    else if (value >= -32768) this.marked(0xd1, 2, value);
    else if (value >= -2147483648) this.marked(0xd2, 4, value);
    else {
      writer.byte(0xd3);
      writer.i64(BigInt(value));
    }
  }

  private marked(mark: number, size: 1 | 2 | 4, value: number): void {
    const { writer } = this;
    writer.byte(mark);
    if (size === 1) writer.byte(value & 0xff);
    else if (size === 2) writer.u16(value & 0xffff);
    else writer.u32(value >>> 0);
  }

  /** Length of a string, array or map: in the mark up to `most`, else behind one of three (0: there is none of that size). */
  private header(length: number, fixed: number, most: number, of8: number, of16: number, of32: number): void {
    if (length <= most) this.writer.byte(fixed | length);
    else if (of8 !== 0 && length <= 0xff) this.marked(of8, 1, length);
    else if (length <= 0xffff) this.marked(of16, 2, length);
    else this.marked(of32, 4, length);
  }

  /** The table on top has the keys 1…n and no others. */
  private isArray(L: number): boolean {
    const { state } = this;
    const { lua } = state;
    if (lua.lua_checkstack(L, 3) === 0) state.fail(L, 'stack overflow (in function table_is_an_array)');
    const top = lua.lua_gettop(L);
    let max = 0;
    let count = 0;
    lua.lua_pushnil(L);
    while (lua.lua_next(L, -2) !== 0) {
      state.pop(L, 1);
      const key = lua.lua_type(L, -1) === LUA_TNUMBER ? lua.lua_tonumber(L, -1) : 0;
      if (!(key > 0) || key !== (key | 0)) {
        lua.lua_settop(L, top);
        return false;
      }
      if (key > max) max = key;
      count++;
    }
    lua.lua_settop(L, top);
    return max === count;
  }

  private array(L: number, level: number): void {
    const { state } = this;
    const { lua } = state;
    const n = lua.lua_objlen(L, -1);
    if (lua.lua_checkstack(L, 1) === 0) state.fail(L, 'stack overflow (in function mp_encode_lua_table_as_array)');
    this.header(n, 0x90, 15, 0, 0xdc, 0xdd);
    for (let i = 1; i <= n; i++) {
      lua.lua_pushnumber(L, i);
      lua.lua_gettable(L, -2);
      this.value(L, level);
    }
  }

  private map(L: number, level: number): void {
    const { state } = this;
    const { lua } = state;
    if (lua.lua_checkstack(L, 3) === 0) state.fail(L, 'stack overflow (in function mp_encode_lua_table_as_map)');
    let n = 0;
    lua.lua_pushnil(L);
    while (lua.lua_next(L, -2) !== 0) {
      state.pop(L, 1);
      n++;
    }
    this.header(n, 0x80, 15, 0, 0xde, 0xdf);
    lua.lua_pushnil(L);
    while (lua.lua_next(L, -2) !== 0) {
      lua.lua_pushvalue(L, -2);
      this.value(L, level);
      this.value(L, level);
    }
  }
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Pushes what argument 1 holds from `offset` on, `limit` values at most: all if both are 0, else the next offset comes first. */
function unpack(state: LuaState, L: number, limit: number, offset: number): number {
  const { lua } = state;
  const at = state.checkBytes(L, 1);
  const { length } = state;
  if (offset < 0 || limit < 0) {
    state.fail(L, `Invalid request to unpack with offset of ${offset} and limit of ${length}.`);
  }
  if (offset > length) state.fail(L, `Start offset ${offset} greater than input length ${length}.`);
  const all = limit === 0 && offset === 0;
  const most = all ? 0x7fff_ffff : limit;
  lua.lua_settop(L, 1);
  const reader = new Unpacker(state, L, at + offset, at + length);
  let n = 0;
  while (reader.position < reader.end && n < most) {
    reader.value();
    n++;
  }
  if (all) return n;
  if (lua.lua_checkstack(L, 1) === 0) state.fail(L, 'stack overflow (in function mp_unpack_full)');
  lua.lua_pushnumber(L, reader.position === reader.end ? -1 : reader.position - at);
  lua.lua_insert(L, 2);
  return n + 1;
}

class Unpacker {
  position: number;
  readonly end: number;
  private readonly state: LuaState;
  private readonly L: number;

  constructor(state: LuaState, L: number, position: number, end: number) {
    this.state = state;
    this.L = L;
    this.position = position;
    this.end = end;
  }

  /** `n` bytes at `position`, which then is behind them. */
  private take(n: number): number {
    const at = this.position;
    if (n > this.end - at) this.state.fail(this.L, 'Missing bytes in input.');
    this.position = at + n;
    return at;
  }

  /** Pushes the next value. */
  value(): void {
    const { state, L } = this;
    const { lua } = state;
    if (lua.lua_checkstack(L, 1) === 0) {
      state.fail(L, 'stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)');
    }
    state.refresh();
    const mark = state.u8[this.take(1)];
    if (mark < 0x80) lua.lua_pushnumber(L, mark);
    else if (mark < 0x90) this.map(mark & 15);
    else if (mark < 0xa0) this.array(mark & 15);
    else if (mark < 0xc0) this.string(mark & 31);
    else if (mark >= 0xe0) lua.lua_pushnumber(L, mark - 256);
    else this.marked(mark);
  }

  /** What has a mark of its own: constants, numbers, and what is too long for a length in the mark. */
  private marked(mark: number): void {
    const { state, L } = this;
    const { lua } = state;
    if (mark === 0xc0) lua.lua_pushnil(L);
    else if (mark === 0xc2 || mark === 0xc3) lua.lua_pushboolean(L, mark & 1);
    else if (mark >= 0xca && mark <= 0xd3) lua.lua_pushnumber(L, this.number(mark));
    else if (mark >= 0xd9 && mark <= 0xdb) this.string(this.length(1 << (mark - 0xd9)));
    else if (mark === 0xdc || mark === 0xdd) this.array(this.length(2 << (mark - 0xdc)));
    else if (mark === 0xde || mark === 0xdf) this.map(this.length(2 << (mark - 0xde)));
    else state.fail(L, 'Bad data format in input.');
  }

  /** 0xca … 0xd3: floats, unsigned and signed integers. */
  private number(mark: number): number {
    const { dv } = this.state;
    switch (mark) {
      case 0xca:
        return dv.getFloat32(this.take(4));
      case 0xcb:
        return dv.getFloat64(this.take(8));
      case 0xcf:
        return Number(dv.getBigInt64(this.take(8))); // a Lua integer is signed
      case 0xd0:
        return dv.getInt8(this.take(1));
      case 0xd1:
        return dv.getInt16(this.take(2));
      case 0xd2:
        return dv.getInt32(this.take(4));
      case 0xd3:
        return Number(dv.getBigInt64(this.take(8)));
      default:
        return this.length(1 << (mark - 0xcc));
    }
  }

  /** An unsigned number of 1, 2 or 4 bytes. */
  private length(bytes: number): number {
    const at = this.take(bytes);
    const { dv } = this.state;
    if (bytes === 1) return dv.getUint8(at);
    return bytes === 2 ? dv.getUint16(at) : dv.getUint32(at);
  }

  private string(length: number): void {
    this.state.lua.lua_pushlstring(this.L, this.take(length), length);
  }

  private array(n: number): void {
    const { state, L } = this;
    const { lua } = state;
    lua.lua_createtable(L, 0, 0);
    if (lua.lua_checkstack(L, 1) === 0) state.fail(L, 'stack overflow (in function mp_decode_to_lua_array)');
    for (let i = 1; i <= n; i++) {
      lua.lua_pushnumber(L, i);
      this.value();
      lua.lua_settable(L, -3);
    }
  }

  private map(n: number): void {
    const { state, L } = this;
    const { lua } = state;
    lua.lua_createtable(L, 0, 0);
    for (let i = 0; i < n; i++) {
      this.value();
      this.value();
      lua.lua_settable(L, -3);
    }
  }
}
