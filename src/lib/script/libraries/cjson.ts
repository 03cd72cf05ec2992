/**
 * The library `cjson` (version 2.1.0 of Mark Pulford's, as Redis has it): its table, its settings, and `new` for a copy with
 * settings of its own. Encoding and decoding are in the files beside this one.
 */
import type { LuaFunction, LuaState } from '../lua-state.ts';
import { LUA_TBOOLEAN, LUA_TNIL } from '../lua-types.ts';
import { JsonDecoder } from './cjson-decode.ts';
import { JsonEncoder } from './cjson-encode.ts';
import { JsonSettings } from './cjson-settings.ts';

const MAX_INT = 0x7fff_ffff;
/** Pushes the library's table. */
export function addCjson(state: LuaState): void {
  const { lua, L } = state;
  const settings = new JsonSettings();
  const encoder = new JsonEncoder(state, settings);
  const decoder = new JsonDecoder(state, settings);
  const functions = settingFunctions(state, settings);
  lua.lua_createtable(L, 0, 16);
  state.setFunctions(L, {
    ...functions,
    encode: (T) => encoder.encode(T),
    decode: (T) => decoder.decode(T),
    new: (T) => {
      const { L: main } = state;
      addCjson(state);
      if (T !== main) lua.lua_xmove(main, T, 1);
      return 1;
    },
  });
  lua.lua_pushlightuserdata(L, 0);
  state.setField(L, -2, 'null');
  state.pushText(L, 'cjson');
  state.setField(L, -2, '_NAME');
  state.pushText(L, '2.1.0');
  state.setField(L, -2, '_VERSION');
}

type NumberSetting = 'sparseRatio' | 'sparseSafe' | 'encodeMaxDepth' | 'decodeMaxDepth' | 'precision';
type ChoiceSetting = 'sparseConvert' | 'encodeInvalidNumbers' | 'decodeInvalidNumbers' | 'keepBuffer';

function settingFunctions(state: LuaState, settings: JsonSettings): Record<string, LuaFunction> {
  const { lua } = state;
  /** At most so many arguments; what is missing counts as nil. */
  const atMost = (L: number, n: number): void => {
    if (lua.lua_gettop(L) > n) state.argumentError(L, n + 1, 'found too many arguments');
    lua.lua_settop(L, n);
  };
  const integer = (L: number, arg: number, name: NumberSetting, min: number, max: number): void => {
    if (lua.lua_type(L, arg) !== LUA_TNIL) {
      const value = lua.luaL_checkinteger(L, arg);
      if (value < min || value > max) state.argumentError(L, 1, `expected integer between ${min} and ${max}`);
      settings[name] = value;
    }
    lua.lua_pushnumber(L, settings[name]);
  };
  const choice = (L: number, arg: number, name: ChoiceSetting, names: readonly string[]): void => {
    const type = lua.lua_type(L, arg);
    if (type === LUA_TBOOLEAN) settings[name] = lua.lua_toboolean(L, arg);
    else if (type !== LUA_TNIL) {
      state.checkBytes(L, arg);
      const text = state.text(L, arg);
      const index = names.indexOf(text);
      if (index < 0) state.argumentError(L, arg, `invalid option '${text}'`);
      settings[name] = index;
    }
    if (settings[name] < 2) lua.lua_pushboolean(L, settings[name]);
    else state.pushText(L, names[settings[name]]);
  };
  const number =
    (name: NumberSetting, min: number, max: number): LuaFunction =>
    (L) => {
      atMost(L, 1);
      integer(L, 1, name, min, max);
      return 1;
    };
  const choices =
    (name: ChoiceSetting, names: readonly string[]): LuaFunction =>
    (L) => {
      atMost(L, 1);
      choice(L, 1, name, names);
      return 1;
    };
  return {
    encode_sparse_array: (L) => {
      atMost(L, 3);
      choice(L, 1, 'sparseConvert', ['off', 'on']);
      integer(L, 2, 'sparseRatio', 0, MAX_INT);
      integer(L, 3, 'sparseSafe', 0, MAX_INT);
      return 3;
    },
    encode_max_depth: number('encodeMaxDepth', 1, MAX_INT),
    decode_max_depth: number('decodeMaxDepth', 1, MAX_INT),
    encode_number_precision: number('precision', 1, 14),
    encode_keep_buffer: choices('keepBuffer', ['off', 'on']),
    encode_invalid_numbers: choices('encodeInvalidNumbers', ['off', 'on', 'null']),
    decode_invalid_numbers: choices('decodeInvalidNumbers', ['off', 'on']),
  };
}
