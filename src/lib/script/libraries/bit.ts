/**
 * The library `bit` (Mike Pall's BitOp): operations on 32 bits, results signed. Numbers come in modulo 2^32, fractions rounded
 * to the nearest even integer.
 */
import type { LuaFunction, LuaState } from '../lua-state.ts';
import { LUA_TNIL, LUA_TNUMBER } from '../lua-types.ts';

/** Adding it to a double moves the integer part to the low bits of the mantissa, rounded. */
const ROUNDER = 2 ** 52 + 2 ** 51;
const rounded = new Float64Array(1);
const roundedBits = new Int32Array(rounded.buffer);
const HEX_DIGITS = 8;

/** The low 32 bits of a number, as BitOp takes them. */
function toBit(value: number): number {
  rounded[0] = value + ROUNDER;
  return roundedBits[0];
}

const swap = (x: number): number => (x >>> 24) | ((x >>> 8) & 0xff00) | ((x << 8) & 0xff_0000) | (x << 24);

function hex(value: number, digits: number): string {
  const n = Math.min(Math.abs(digits), HEX_DIGITS);
  const text = (value >>> 0)
    .toString(16)
    .padStart(HEX_DIGITS, '0')
    .slice(HEX_DIGITS - n);
  return digits < 0 ? text.toUpperCase() : text;
}

/** Pushes the library's table. */
export function addBit(state: LuaState): void {
  const { lua, L } = state;
  const argument = (T: number, i: number): number => {
    const isNumber = lua.lua_type(T, i) === LUA_TNUMBER;
    return toBit(isNumber ? lua.lua_tonumber(T, i) : lua.luaL_checknumber(T, i));
  };
  const result = (T: number, value: number): number => {
    lua.lua_pushnumber(T, value);
    return 1;
  };
  const unary =
    (operation: (a: number) => number): LuaFunction =>
    (T) =>
      result(T, operation(argument(T, 1)));
  const shift =
    (operation: (a: number, n: number) => number): LuaFunction =>
    (T) => {
      const a = argument(T, 1);
      return result(T, operation(a, argument(T, 2)));
    };
  const folding =
    (operation: (a: number, b: number) => number): LuaFunction =>
    (T) => {
      let value = argument(T, 1);
      const n = lua.lua_gettop(T);
      for (let i = 2; i <= n; i++) value = operation(value, argument(T, i));
      return result(T, value);
    };
  lua.lua_createtable(L, 0, 12);
  state.setFunctions(L, {
    tobit: unary((a) => a),
    bnot: unary((a) => ~a),
    bswap: unary(swap),
    band: folding((a, b) => a & b),
    bor: folding((a, b) => a | b),
    bxor: folding((a, b) => a ^ b),
    lshift: shift((a, n) => a << n),
    rshift: shift((a, n) => (a >>> n) | 0),
    arshift: shift((a, n) => a >> n),
    rol: shift((a, n) => (a << n) | (a >>> -n)),
    ror: shift((a, n) => (a >>> n) | (a << -n)),
    tohex: (T) => {
      const value = argument(T, 1);
      const digits = lua.lua_type(T, 2) <= LUA_TNIL ? HEX_DIGITS : argument(T, 2);
      state.pushText(T, hex(value, digits));
      return 1;
    },
  });
}
