/**
 * Where Lua 5.1 keeps its values in the instance's memory (lobject.h and lstate.h, compiled for 32-bit addresses). Reading and
 * copying values there costs a memory access where a call into WebAssembly and its checks would cost 10 to 30 ns, and most of a
 * short script's time is such calls (measured: EVAL "return 1" from 1.2 to 0.4 µs).
 *
 *   lua_State   │ … │ 8: top │ 12: base │ …            base ─▶ │ TValue │ TValue │ … ◀─ top       the stack
 *   TValue      │ 0: number (double), boolean, or the object's address │ 8: type │ – │   16 bytes
 *   TString     │ … │ 8: hash │ 12: length │ 16: bytes …
 *   Table       │ … │ 7: log2 of nodes │ 8: metatable │ 12: array │ 16: nodes │ … │ 28: size of array │
 */
import type { LuaState } from './lua-state.ts';
import { LUA_TNUMBER, LUA_TSTRING } from './lua-types.ts';
import { LuaPanic } from './lua-wasm.ts';

export const STATE_TOP = 8;
export const STATE_BASE = 12;
export const VALUE_BYTES = 16;
export const VALUE_TYPE = 8;
export const STRING_LENGTH = 12;
export const STRING_BYTES = 16;
export const TABLE_ARRAY = 12;
export const TABLE_NODES = 16;
export const TABLE_ARRAY_SIZE = 28;

/** Holds the interpreter to what is written above. Throws LuaPanic when it is built otherwise. */
export function checkLayout(state: LuaState): void {
  const { lua, L } = state;
  const before = lua.lua_gettop(L);
  lua.lua_createtable(L, 2, 0);
  lua.lua_pushnumber(L, 12.5);
  lua.lua_rawseti(L, -2, 1);
  state.pushText(L, 'layout');
  lua.lua_pushvalue(L, -1);
  lua.lua_rawseti(L, -3, 2);
  state.refresh();
  const { i32, f64, u8 } = state;
  const top = i32[(L + STATE_TOP) >> 2];
  const string = i32[(top - VALUE_BYTES) >> 2];
  const table = i32[(top - 2 * VALUE_BYTES) >> 2];
  const array = i32[(table + TABLE_ARRAY) >> 2];
  const bytes = Buffer.from(u8.subarray(string + STRING_BYTES, string + STRING_BYTES + 7)).toString('latin1');
  const facts = [
    top - i32[(L + STATE_BASE) >> 2] === (before + 2) * VALUE_BYTES,
    i32[(top - VALUE_BYTES + VALUE_TYPE) >> 2] === LUA_TSTRING,
    lua.lua_topointer(L, -2) === table,
    i32[(string + STRING_LENGTH) >> 2] === 6 && bytes === 'layout\0',
    i32[(table + TABLE_ARRAY_SIZE) >> 2] === 2,
    f64[array >> 3] === 12.5 && i32[(array + VALUE_TYPE) >> 2] === LUA_TNUMBER,
    i32[(array + VALUE_BYTES) >> 2] === string,
    i32[(table + TABLE_NODES) >> 2] === noNodes(state),
  ];
  lua.lua_settop(L, before);
  if (facts.includes(false)) throw new LuaPanic(`Lua is laid out otherwise: ${facts.indexOf(false)}`);
}

/** The address of the nodes of all tables that have none. */
export function noNodes(state: LuaState): number {
  const { lua, L } = state;
  lua.lua_createtable(L, 0, 0);
  state.refresh();
  const nodes = state.i32[(lua.lua_topointer(L, -1) + TABLE_NODES) >> 2];
  lua.lua_settop(L, -2);
  return nodes;
}
