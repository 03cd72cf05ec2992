/**
 * The world that a script sees: Lua's base, table, string, math and coroutine without what reaches outside, and every table
 * of it read-only. Stock Lua 5.1 has no read-only tables, so a protected table is an empty one in front of the real one:
 *
 *   string ─▶ {} ──__index──▶ { format, rep, … }        writing: __newindex raises
 *   _G     ─▶ {} ──__index──▶ { redis, KEYS, … } ──__index──▶ raises "nonexistent global variable"
 *
 * What would see or get past the empty table (next, pairs, rawset, rawget, setmetatable, getmetatable and some of `table`)
 * looks first whether its argument is one.
 */
import { LUA_GLOBALSINDEX, LUA_REGISTRYINDEX, type LuaFunction, type LuaState } from './lua-state.ts';
import { LUA_TFUNCTION, LUA_TLIGHTUSERDATA, LUA_TNIL, LUA_TSTRING, LUA_TTABLE } from './lua-types.ts';
import { type Drand48, RANDOM_MAX } from './prng.ts';

const READONLY = 'Attempt to modify a readonly table';
/** Globals of the base library that stay. */
const BASE_KEPT = [
  ...['_G', '_VERSION', 'assert', 'collectgarbage', 'coroutine', 'error', 'gcinfo', 'getmetatable', 'ipairs', 'load'],
  ...['loadstring', 'next', 'pairs', 'pcall', 'rawequal', 'rawget', 'rawset', 'select', 'setmetatable', 'tonumber'],
  ...['tostring', 'type', 'unpack', 'xpcall', 'string', 'table', 'math'],
];
/** Functions that change their first argument: refused for a protected table (which has no elements to sort or remove). */
const CHANGING = ['insert'];
/** Functions that read it raw, or find nothing in it to change: they get the real table. */
const READING = ['foreach', 'foreachi', 'concat', 'getn', 'maxn', 'remove', 'sort'];
const ESC = 27;

/** What the error of a script becomes: a table with message, and the place where it was raised. */
const ERROR_HANDLER = `
local getinfo, type, tostring = ...
return function(e)
  local place = getinfo(2, 'nSl')
  if place and place.what == 'C' then place = getinfo(3, 'nSl') end
  if type(e) ~= 'table' then e = { err = 'ERR ' .. tostring(e) } end
  if place then
    e['source'] = place.source
    e['line'] = place.currentline
  end
  return e
end`;

export class Sandbox {
  private readonly random: Drand48;
  private readonly state: LuaState;
  /** Registry reference of { [empty table] = real table }. */
  private readonly realOf: number;
  /** Addresses of the empty tables. */
  private readonly protectedTables = new Set<number>();
  /** Registry references: the real globals, what stands for _G, and the metatables that may be looked at. */
  readonly globals: number;
  private readonly globalsFront: number;
  private stringMeta = 0;
  private globalsMeta = 0;
  private readonly readonlyError: number;
  /** Registry reference of the error handler. */
  readonly errorHandler: number;

  constructor(state: LuaState, random: Drand48) {
    const { lua, L } = state;
    this.state = state;
    this.random = random;
    lua.lua_createtable(L, 0, 0);
    this.realOf = this.keep();
    this.readonlyError = state.cFunction((T) => state.fail(T, READONLY));
    for (const name of ['luaopen_base', 'luaopen_table', 'luaopen_string', 'luaopen_math', 'luaopen_debug'] as const) {
      const open = lua[name];
      state.pushFunction(L, (T) => open(T));
      lua.lua_call(L, 0, 0);
    }
    lua.lua_pushvalue(L, LUA_GLOBALSINDEX);
    this.errorHandler = this.makeErrorHandler();
    this.prune();
    this.guard();
    this.globals = this.keep();
    lua.lua_createtable(L, 0, 0);
    this.globalsFront = this.keep();
  }

  /** Pops what is on top into the registry; returns its reference. */
  keep(): number {
    return this.state.lua.luaL_ref(this.state.L, LUA_REGISTRYINDEX);
  }

  push(L: number, reference: number): void {
    this.state.lua.lua_rawgeti(L, LUA_REGISTRYINDEX, reference);
  }

  /** Takes the table on top as library `name`: a global, read-only. */
  addLibrary(name: string): void {
    const { state } = this;
    const { L } = state;
    this.protect(L);
    this.push(L, this.globals);
    state.lua.lua_insert(L, -2);
    state.setField(L, -2, name);
    state.pop(L, 1);
  }

  /** Replaces the table on top by the empty one in front of it. */
  protect(L: number): void {
    const { state } = this;
    const { lua } = state;
    lua.lua_createtable(L, 0, 0); // real, front
    this.cover(L);
    lua.lua_remove(L, -2);
  }

  /** Stack: real, front. Makes `front` stand for `real`. */
  private cover(L: number): void {
    const { state } = this;
    const { lua } = state;
    lua.lua_createtable(L, 0, 2);
    lua.lua_pushvalue(L, -3);
    state.setField(L, -2, '__index');
    lua.lua_pushcclosure(L, this.readonlyError, 0);
    state.setField(L, -2, '__newindex');
    lua.lua_setmetatable(L, -2);
    this.push(L, this.realOf);
    lua.lua_pushvalue(L, -2);
    lua.lua_pushvalue(L, -4);
    lua.lua_rawset(L, -3);
    state.pop(L, 1);
    this.protectedTables.add(lua.lua_topointer(L, -1));
  }

  /** Everything is there: protects the libraries of Lua's own and the globals. */
  seal(): void {
    const { state } = this;
    const { lua, L } = state;
    this.push(L, this.globals);
    for (const name of ['table', 'math', 'coroutine', 'string']) {
      state.getField(L, -1, name);
      this.protect(L);
      if (name === 'string') this.sealStrings(L);
      state.setField(L, -2, name);
    }
    this.push(L, this.globalsFront);
    lua.lua_pushvalue(L, -1);
    state.setField(L, -3, '_G');
    this.cover(L);
    lua.lua_replace(L, LUA_GLOBALSINDEX); // real globals are left
    lua.lua_createtable(L, 0, 1);
    state.pushFunction(L, (T) => this.noSuchGlobal(T));
    state.setField(L, -2, '__index');
    lua.lua_pushvalue(L, -1);
    this.protect(L);
    this.globalsMeta = this.keep();
    lua.lua_setmetatable(L, -2);
    state.pop(L, 1);
    lua.lua_pushlightuserdata(L, 0);
    lua.lua_createtable(L, 0, 1);
    state.pushFunction(L, (T) => this.pointerName(T));
    state.setField(L, -2, '__tostring');
    lua.lua_setmetatable(L, -2);
    state.pop(L, 1);
  }

  /** What globals are looked up in from now on. */
  setGlobals(reference: number): void {
    const { state } = this;
    const { lua, L } = state;
    this.push(L, this.globalsFront);
    lua.lua_getmetatable(L, -1);
    this.push(L, reference);
    state.setField(L, -2, '__index');
    state.pop(L, 2);
  }

  /** What the table on top does not have is an error when it is asked for. */
  refuseMissing(L: number): void {
    const { state } = this;
    const { lua } = state;
    lua.lua_createtable(L, 0, 1);
    state.pushFunction(L, (T) => this.noSuchGlobal(T));
    state.setField(L, -2, '__index');
    lua.lua_setmetatable(L, -2);
  }

  /** Stack: the front of `string`. Strings' metatable indexes it, and may be looked at. */
  private sealStrings(L: number): void {
    const { state } = this;
    const { lua } = state;
    state.pushText(L, '');
    lua.lua_createtable(L, 0, 1);
    lua.lua_pushvalue(L, -3);
    state.setField(L, -2, '__index');
    lua.lua_pushvalue(L, -1);
    this.protect(L);
    this.stringMeta = this.keep();
    lua.lua_setmetatable(L, -2);
    state.pop(L, 1);
  }

  private noSuchGlobal(L: number): number {
    const { state } = this;
    return state.fail(L, `Script attempted to access nonexistent global variable '${state.text(L, 2)}'`);
  }

  private pointerName(L: number): number {
    const { state } = this;
    const pointer = state.lua.lua_topointer(L, 1);
    state.pushText(L, pointer === 0 ? 'userdata: (nil)' : `userdata: 0x${pointer.toString(16)}`);
    return 1;
  }

  private makeErrorHandler(): number {
    const { state } = this;
    const { lua, L } = state;
    if (state.load(L, Buffer.from(ERROR_HANDLER), '@err_handler_def') !== 0) throw new Error(state.text(L, -1));
    state.getField(L, LUA_GLOBALSINDEX, 'debug');
    state.getField(L, -1, 'getinfo');
    lua.lua_remove(L, -2);
    state.getField(L, LUA_GLOBALSINDEX, 'type');
    state.getField(L, LUA_GLOBALSINDEX, 'tostring');
    lua.lua_call(L, 3, 1);
    lua.lua_pushvalue(L, -1);
    state.setField(L, LUA_GLOBALSINDEX, '__redis__err__handler');
    return this.keep();
  }

  /** Removes what the base library has and scripts don't. Stack: globals. */
  private prune(): void {
    const { state } = this;
    const { lua, L } = state;
    const names: string[] = [];
    lua.lua_pushnil(L);
    while (lua.lua_next(L, -2) !== 0) {
      state.pop(L, 1);
      names.push(state.text(L, -1));
    }
    for (const name of names) {
      if (BASE_KEPT.includes(name) || name === '__redis__err__handler') continue;
      lua.lua_pushnil(L);
      state.setField(L, -2, name);
    }
  }

  // ── functions of Lua's that must know protected tables ─────────────────────────────────────────────────────────────────

  /** The address of the C function `library.name`; stack: globals. */
  private original(library: string, name: string): (L: number) => number {
    const { state } = this;
    const { lua, L } = state;
    if (library === '') lua.lua_pushvalue(L, -1);
    else state.getField(L, -1, library);
    state.getField(L, -1, name);
    const index = lua.lua_tocfunction(L, -1);
    state.pop(L, 2);
    return lua.__indirect_function_table.get(index) as (L: number) => number;
  }

  private replace(library: string, name: string, fn: LuaFunction): void {
    const { state } = this;
    const { L } = state;
    if (library === '') state.lua.lua_pushvalue(L, -1);
    else state.getField(L, -1, library);
    state.pushFunction(L, fn);
    state.setField(L, -2, name);
    state.pop(L, 1);
  }

  /** True when the value at `index` is a protected table. */
  isProtected(L: number, index: number): boolean {
    const { lua } = this.state;
    return lua.lua_type(L, index) === LUA_TTABLE && this.protectedTables.has(lua.lua_topointer(L, index));
  }

  /** Argument 1, if it is a protected table, becomes the real one. */
  private unveil(L: number): void {
    if (!this.isProtected(L, 1)) return;
    const { lua } = this.state;
    this.push(L, this.realOf);
    lua.lua_pushvalue(L, 1);
    lua.lua_rawget(L, -2);
    lua.lua_replace(L, 1);
    this.state.pop(L, 1);
  }

  /** Raises, without a position, as Redis does where C code changes a table. */
  private refuseChange(L: number): never {
    this.state.pushText(L, READONLY);
    return this.state.raise(L);
  }

  private guard(): void {
    const changing = (library: string, name: string): void => {
      const call = this.original(library, name);
      this.replace(library, name, (L) => (this.isProtected(L, 1) ? this.refuseChange(L) : call(L)));
    };
    const reading = (library: string, name: string): void => {
      const call = this.original(library, name);
      this.replace(library, name, (L) => {
        this.unveil(L);
        return call(L);
      });
    };
    this.guardPairs();
    for (const name of CHANGING) changing('table', name);
    for (const name of READING) reading('table', name);
    changing('', 'rawset');
    changing('', 'setmetatable');
    for (const name of ['next', 'rawget', 'unpack']) reading('', name);
    const { state } = this;
    const metatable = this.original('', 'getmetatable');
    this.replace('', 'getmetatable', (L) => this.getMetatable(L, metatable));
    this.replace('', 'loadstring', (L) => this.loadString(L));
    this.replace('', 'load', (L) => this.loadPieces(L));
    this.replace('', 'pcall', (L) => this.protectedCall(L));
    this.replace('string', 'rep', (L) => this.repeat(L));
    this.replace('math', 'random', (L) => this.mathRandom(L));
    this.replace('math', 'randomseed', (L) => {
      this.random.seed(state.lua.luaL_checkinteger(L, 1));
      return 0;
    });
  }

  /** `pairs` hands out Lua's own `next`: only its start costs more. */
  private guardPairs(): void {
    const { state } = this;
    const { lua } = state;
    state.getField(state.L, -1, 'next');
    const next = this.keep();
    const checktype = lua.luaL_checktype;
    this.replace('', 'pairs', (L) => {
      checktype(L, 1, LUA_TTABLE);
      this.unveil(L);
      this.push(L, next);
      lua.lua_pushvalue(L, 1);
      lua.lua_pushnil(L);
      return 3;
    });
  }

  private getMetatable(L: number, original: (L: number) => number): number {
    const { lua } = this.state;
    const type = lua.lua_type(L, 1);
    if (type === LUA_TSTRING) this.push(L, this.stringMeta);
    else if (type === LUA_TLIGHTUSERDATA) lua.lua_pushnil(L);
    else if (!this.isProtected(L, 1)) return original(L);
    else {
      this.push(L, this.globalsFront);
      const globals = lua.lua_rawequal(L, 1, -1) !== 0;
      if (globals) this.push(L, this.globalsMeta);
      else lua.lua_pushnil(L);
    }
    return 1;
  }

  /** Compiled code is not accepted: only the compiler makes code that can't break the interpreter. */
  private loadCode(L: number, code: Uint8Array, chunkName: string): number {
    const { state } = this;
    const source = code[0] === ESC ? Buffer.concat([Buffer.from(' '), code]) : code;
    if (state.load(L, source, chunkName) === 0) return 1;
    state.lua.lua_pushnil(L);
    state.lua.lua_insert(L, -2);
    return 2;
  }

  private loadString(L: number): number {
    const { state } = this;
    const at = state.checkBytes(L, 1);
    const code = state.u8.slice(at, at + state.length);
    let chunkName = state.text(L, 1);
    if (state.lua.lua_type(L, 2) > LUA_TNIL) {
      state.checkBytes(L, 2);
      chunkName = state.text(L, 2);
    }
    return this.loadCode(L, code, chunkName.split('\0')[0]);
  }

  /** load(function): the pieces until nil or ''. An error on the way passes the script's error handler, as it does in Redis. */
  private loadPieces(L: number): number {
    const { state } = this;
    const { lua } = state;
    lua.luaL_checktype(L, 1, LUA_TFUNCTION);
    const named = lua.lua_type(L, 2) > LUA_TNIL;
    if (named) state.checkBytes(L, 2);
    const chunkName = named ? state.text(L, 2).split('\0')[0] : '=(load)';
    lua.lua_settop(L, 1);
    this.push(L, this.errorHandler);
    const pieces: Uint8Array[] = [];
    for (;;) {
      lua.lua_pushvalue(L, 1);
      if (lua.lua_pcall(L, 0, 1, 2) !== 0) break;
      if (lua.lua_type(L, -1) === LUA_TNIL) return this.loadCode(L, Buffer.concat(pieces), chunkName);
      if (lua.lua_isstring(L, -1) === 0) {
        lua.lua_settop(L, 2);
        lua.luaL_where(L, 1);
        state.pushText(L, 'reader function must return a string');
        lua.lua_concat(L, 2);
        lua.lua_call(L, 1, 1);
        break;
      }
      const piece = state.copy(L, -1);
      state.pop(L, 1);
      if (piece.length === 0) return this.loadCode(L, Buffer.concat(pieces), chunkName);
      pieces.push(piece);
    }
    lua.lua_pushnil(L);
    lua.lua_insert(L, -2);
    return 2;
  }

  /** pcall of scripts: an error that is a table with a field `err` is handed out as that message. */
  private protectedCall(L: number): number {
    const { state } = this;
    const { lua } = state;
    if (lua.lua_gettop(L) === 0) {
      lua.lua_pushboolean(L, 0);
      return 1;
    }
    const status = lua.lua_pcall(L, lua.lua_gettop(L) - 1, -1, 0);
    if (status !== 0 && lua.lua_type(L, -1) === LUA_TTABLE) {
      state.getField(L, -1, 'err');
      if (lua.lua_isstring(L, -1) !== 0) lua.lua_replace(L, -2);
      else state.pop(L, 1);
    }
    lua.lua_pushboolean(L, status === 0 ? 1 : 0);
    lua.lua_insert(L, 1);
    return lua.lua_gettop(L);
  }

  /** string.rep by doubling: Lua's own adds byte by byte, 60 ns each, which for a large one keeps everybody waiting. */
  private repeat(L: number): number {
    const { state } = this;
    const { lua } = state;
    state.checkBytes(L, 1);
    const n = lua.luaL_checkinteger(L, 2);
    const from = state.bytesAt(L, 1);
    const { length } = state;
    const total = n > 0 ? n * length : 0;
    if (total === 0) {
      state.pushText(L, '');
      return 1;
    }
    const at = total < state.limitBytes ? lua.malloc(total) : 0;
    if (at === 0) state.fail(L, 'not enough memory');
    state.refresh();
    state.u8.copyWithin(at, from, from + length);
    for (let done = length; done < total; done *= 2) {
      state.u8.copyWithin(at + done, at, at + Math.min(done, total - done));
    }
    lua.lua_pushlstring(L, at, total);
    lua.free(at);
    return 1;
  }

  private mathRandom(L: number): number {
    const { state } = this;
    const { lua } = state;
    const drawn = (this.random.next() % RANDOM_MAX) / RANDOM_MAX;
    const n = lua.lua_gettop(L);
    if (n > 2) state.fail(L, 'wrong number of arguments');
    if (n === 0) {
      lua.lua_pushnumber(L, drawn);
      return 1;
    }
    const low = n === 1 ? 1 : lua.luaL_checkinteger(L, 1);
    const high = lua.luaL_checkinteger(L, n);
    if (low > high) state.argumentError(L, n, 'interval is empty');
    lua.lua_pushnumber(L, Math.floor(drawn * ((high - low + 1) | 0)) + low);
    return 1;
  }
}
