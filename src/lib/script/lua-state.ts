/**
 * One Lua state and the way bytes go in and out of it: strings are bytes in the instance's memory, never JavaScript text, so
 * whatever a client stored passes unchanged.
 *
 *   JavaScript bytes ──▶ scratch (in Lua's memory) ──▶ lua_pushlstring        lua_tolstring ──▶ address, `length` ──▶ u8
 *
 * Functions that Lua calls get the lua_State that calls them (a coroutine has one of its own) and return how many results
 * they pushed. They raise errors by `fail`, which leaves by an exception: nothing may be half done then. The views are
 * replaced when the memory grows: whoever keeps one across a call that allocates, asks `refresh` first.
 */

import { checkLayout, noNodes, STATE_BASE, STATE_TOP, TABLE_ARRAY, VALUE_BYTES, VALUE_TYPE } from './lua-layout.ts';
import { LUA_TBOOLEAN, LUA_TNUMBER, LUA_TTABLE } from './lua-types.ts';
import { addFunction, instantiateLua, type LuaExports, LuaPanic } from './lua-wasm.ts';

export const LUA_REGISTRYINDEX = -10000;
export const LUA_GLOBALSINDEX = -10002;
export const LUA_MULTRET = -1;

export const LUA_OK = 0;
export const LUA_ERRMEM = 4;

export const LUA_GCCOLLECT = 2;
export const LUA_GCCOUNT = 3;

export const LUA_MASKLINE = 4;
export const LUA_MASKCOUNT = 8;

/** What a Lua function of ours returns: how many results it pushed. */
export type LuaFunction = (L: number) => number;

const SCRATCH_BYTES = 65_536;
/** Names that go in and out as C strings: fields and messages. */
const NAME_BYTES = 1024;

export class LuaState {
  readonly lua: LuaExports;
  /** The most that its memory may grow to. */
  readonly limitBytes: number;
  /** Told by libraries that work for long, now and then: looks at the clock, and may end the script. */
  onWork: ((L: number) => void) | null = null;
  /** The main lua_State. */
  readonly L: number;
  /** Lua's memory. */
  u8: Uint8Array;
  dv: DataView;
  i32: Int32Array;
  f64: Float64Array;
  /** The nodes of a table that is nothing but an array. */
  readonly noNodes: number;
  /** Where a call that returns a length puts it. */
  private readonly lengthAt: number;
  private readonly nameAt: number;
  private readonly scratchAt: number;
  /** Addresses of field names that are used often, as C strings. */
  private readonly names = new Map<string, number>();
  /** Bytes of the string that `bytesAt` found. */
  length = 0;

  /** Throws LuaPanic when there is not even memory to begin with. */
  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
    this.lua = instantiateLua(limitBytes);
    this.u8 = new Uint8Array(this.lua.memory.buffer);
    this.dv = new DataView(this.lua.memory.buffer);
    this.i32 = new Int32Array(this.lua.memory.buffer);
    this.f64 = new Float64Array(this.lua.memory.buffer);
    this.L = this.lua.luaL_newstate();
    this.lengthAt = this.lua.malloc(16);
    this.nameAt = this.lua.malloc(NAME_BYTES);
    this.scratchAt = this.lua.malloc(SCRATCH_BYTES + 16);
    if (this.L === 0 || this.scratchAt === 0) throw new LuaPanic('no memory for a Lua state');
    this.refresh();
    this.noNodes = noNodes(this);
    checkLayout(this);
  }

  /** The views again, when Lua's memory has grown. */
  refresh(): void {
    if (this.u8.length !== 0) return; // a view of memory that has grown is empty
    this.u8 = new Uint8Array(this.lua.memory.buffer);
    this.dv = new DataView(this.lua.memory.buffer);
    this.i32 = new Int32Array(this.lua.memory.buffer);
    this.f64 = new Float64Array(this.lua.memory.buffer);
  }

  /** Bytes of WebAssembly memory that the state holds. */
  get memoryBytes(): number {
    this.refresh();
    return this.u8.length;
  }

  /** Bytes that Lua's values take. */
  get usedBytes(): number {
    return this.lua.lua_gc(this.L, LUA_GCCOUNT, 0) * 1024;
  }

  // ── into Lua ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A C string of a field's name; kept for the life of the state: names of ours only. */
  name(text: string): number {
    const known = this.names.get(text);
    if (known !== undefined) return known;
    const bytes = Buffer.from(`${text}\0`, 'latin1');
    const at = this.lua.malloc(bytes.length);
    if (at === 0) throw new LuaPanic('no memory for a name');
    this.refresh();
    this.u8.set(bytes, at);
    this.names.set(text, at);
    return at;
  }

  /** Pushes bytes [offset, offset + length) of `from` as a string. */
  pushBytes(L: number, from: Uint8Array, offset: number, length: number): void {
    const { lua } = this;
    this.refresh();
    let at = this.scratchAt;
    if (length > SCRATCH_BYTES) {
      at = lua.malloc(length);
      if (at === 0) this.fail(L, 'not enough memory');
      this.refresh();
    }
    const { u8 } = this;
    if (length <= 48) for (let i = 0; i < length; i++) u8[at + i] = from[offset + i];
    else u8.set(from.subarray(offset, offset + length), at);
    lua.lua_pushlstring(L, at, length);
    if (length > SCRATCH_BYTES) lua.free(at);
  }

  /** Pushes what is in stack slot `index`, counted from 1 at the bottom, where there is room for it. */
  pushSlot(L: number, index: number): void {
    this.refresh();
    const { i32 } = this;
    const to = i32[(L + STATE_TOP) >> 2] >> 2;
    const from = (i32[(L + STATE_BASE) >> 2] + (index - 1) * VALUE_BYTES) >> 2;
    i32[to] = i32[from];
    i32[to + 1] = i32[from + 1];
    i32[to + 2] = i32[from + 2];
    i32[(L + STATE_TOP) >> 2] += VALUE_BYTES;
  }

  /** lua_pushnumber, where there is room on the stack. */
  pushNumber(L: number, value: number): void {
    this.refresh();
    const { i32 } = this;
    const top = i32[(L + STATE_TOP) >> 2];
    this.f64[top >> 3] = value;
    i32[(top + VALUE_TYPE) >> 2] = LUA_TNUMBER;
    i32[(L + STATE_TOP) >> 2] = top + VALUE_BYTES;
  }

  /** lua_pushboolean, where there is room on the stack. */
  pushBoolean(L: number, value: boolean): void {
    this.refresh();
    const { i32 } = this;
    const top = i32[(L + STATE_TOP) >> 2];
    i32[top >> 2] = value ? 1 : 0;
    i32[(top + VALUE_TYPE) >> 2] = LUA_TBOOLEAN;
    i32[(L + STATE_TOP) >> 2] = top + VALUE_BYTES;
  }

  /** The `n` values below the table on top, an array of just that size and new, become its elements; it stays in their place. */
  fillTable(L: number, n: number): void {
    this.refresh();
    const { i32 } = this;
    const at = i32[(L + STATE_TOP) >> 2] - VALUE_BYTES;
    const first = at - n * VALUE_BYTES;
    const table = i32[at >> 2];
    // No barrier for the collector: it has not seen the table yet.
    const words = (n * VALUE_BYTES) >> 2;
    for (let i = 0, to = i32[(table + TABLE_ARRAY) >> 2] >> 2; i < words; i++) i32[to + i] = i32[(first >> 2) + i];
    i32[first >> 2] = table;
    i32[(first + VALUE_TYPE) >> 2] = LUA_TTABLE;
    i32[(L + STATE_TOP) >> 2] = first + VALUE_BYTES;
  }

  /** Sets field `name`, one of ours, of the table at `index`, which has no metatable, to what is on top; pops it. */
  setOwnField(L: number, index: number, name: string): void {
    this.lua.lua_setfield(L, index, this.name(name));
  }

  /** Pushes a JavaScript string, each of its characters (below 256) as one byte. */
  pushText(L: number, text: string): void {
    if (text.length > SCRATCH_BYTES) {
      const bytes = Buffer.from(text, 'latin1');
      this.pushBytes(L, bytes, 0, bytes.length);
      return;
    }
    this.refresh();
    const { u8, scratchAt } = this;
    for (let i = 0; i < text.length; i++) u8[scratchAt + i] = text.charCodeAt(i);
    this.lua.lua_pushlstring(L, scratchAt, text.length);
  }

  /** Sets field `name` of the table at `index` to what is on top, without metamethods; pops it. */
  setField(L: number, index: number, name: string): void {
    const { lua } = this;
    this.pushText(L, name);
    lua.lua_insert(L, -2);
    lua.lua_rawset(L, index < 0 && index > LUA_REGISTRYINDEX ? index - 1 : index);
  }

  /** Pushes field `name` of the table at `index`, without metamethods; returns its type. */
  getField(L: number, index: number, name: string): number {
    const { lua } = this;
    this.pushText(L, name);
    lua.lua_rawget(L, index < 0 && index > LUA_REGISTRYINDEX ? index - 1 : index);
    return lua.lua_type(L, -1);
  }

  /** The table index of a C function that is `fn`; make each one once for a state. */
  cFunction(fn: LuaFunction): number {
    return addFunction(this.lua, fn, 'function');
  }

  hook(fn: (L: number) => void): number {
    return addFunction(this.lua, fn, 'hook');
  }

  /** Pushes `fn`. */
  pushFunction(L: number, fn: LuaFunction): void {
    this.lua.lua_pushcclosure(L, this.cFunction(fn), 0);
  }

  /** Makes `functions` fields of the table on top. */
  setFunctions(L: number, functions: Readonly<Record<string, LuaFunction>>): void {
    for (const [name, fn] of Object.entries(functions)) {
      this.pushFunction(L, fn);
      this.setField(L, -2, name);
    }
  }

  // ── out of Lua ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Address of the string (or number, which becomes one) at `index`, its bytes in `length`; 0 when it is neither. */
  bytesAt(L: number, index: number): number {
    const at = this.lua.lua_tolstring(L, index, this.lengthAt);
    this.refresh();
    this.length = at === 0 ? 0 : this.dv.getUint32(this.lengthAt, true);
    return at;
  }

  /** As bytesAt, for argument `arg`: raises Lua's error when it is no string. */
  checkBytes(L: number, arg: number): number {
    const at = this.lua.luaL_checklstring(L, arg, this.lengthAt);
    this.refresh();
    this.length = this.dv.getUint32(this.lengthAt, true);
    return at;
  }

  /** The string at `index` as JavaScript text, a character for each byte; '' when it is none. */
  text(L: number, index: number): string {
    const at = this.bytesAt(L, index);
    return Buffer.from(this.u8.buffer, at, this.length).toString('latin1');
  }

  /** As text, up to the first NUL: what C makes of it. */
  textToNul(L: number, index: number): string {
    const text = this.text(L, index);
    const end = text.indexOf('\0');
    return end < 0 ? text : text.slice(0, end);
  }

  /** A copy of the string at `index`. */
  copy(L: number, index: number): Uint8Array {
    const at = this.bytesAt(L, index);
    return this.u8.slice(at, at + this.length);
  }

  pop(L: number, n: number): void {
    this.refresh();
    this.i32[(L + STATE_TOP) >> 2] -= n * VALUE_BYTES;
  }

  /** lua_gettop: how many values the function that runs has on its stack. */
  slots(L: number): number {
    this.refresh();
    return (this.i32[(L + STATE_TOP) >> 2] - this.i32[(L + STATE_BASE) >> 2]) / VALUE_BYTES;
  }

  /** Address of the value on top, for this.i32 and this.f64. */
  topValue(L: number): number {
    this.refresh();
    return this.i32[(L + STATE_TOP) >> 2] - VALUE_BYTES;
  }

  /** Leaves the lowest `n` values on the stack. */
  keep(L: number, n: number): void {
    this.refresh();
    this.i32[(L + STATE_TOP) >> 2] = this.i32[(L + STATE_BASE) >> 2] + n * VALUE_BYTES;
  }

  /** `index` counted from the bottom. */
  absolute(L: number, index: number): number {
    return index > 0 || index <= LUA_REGISTRYINDEX ? index : this.lua.lua_gettop(L) + index + 1;
  }

  // ── errors, and running ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Raises an error in Lua, with the position of the caller in front, as luaL_error does. */
  fail(L: number, message: string): never {
    this.lua.luaL_where(L, 1);
    this.pushText(L, message);
    this.lua.lua_concat(L, 2);
    return this.raise(L);
  }

  /** Raises what is on top of the stack. */
  raise(L: number): never {
    this.lua.lua_error(L);
    throw new LuaPanic('lua_error returned');
  }

  /** Raises Lua's error for argument `arg`. */
  argumentError(L: number, arg: number, message: string): never {
    this.refresh();
    const bytes = Buffer.from(`${message.slice(0, NAME_BYTES - 1)}\0`, 'latin1');
    this.u8.set(bytes, this.nameAt);
    this.lua.luaL_argerror(L, arg, this.nameAt);
    throw new LuaPanic('luaL_argerror returned');
  }

  /** Compiles Lua source; pushes the function, or the message of a status that is not LUA_OK. */
  load(L: number, code: Uint8Array, chunkName: string): number {
    const { lua } = this;
    const at = lua.malloc(code.length + 1);
    const name = lua.malloc(chunkName.length + 1);
    if (at === 0 || name === 0) {
      lua.free(at);
      lua.free(name);
      this.pushText(L, 'not enough memory');
      return LUA_ERRMEM;
    }
    this.refresh();
    this.u8.set(code, at);
    this.u8.set(Buffer.from(`${chunkName}\0`, 'latin1'), name);
    const status = lua.luaL_loadbuffer(L, at, code.length, name);
    lua.free(at);
    lua.free(name);
    return status;
  }
}
