/**
 * The library `struct`: C structures as strings, by a format.
 *
 *   b B h H l L T i I[n]  integers of 1, 2, 8, 8, n or 4 bytes (signed in lower case)      f d  IEEE 754
 *   c[n] s                a string of n bytes (c0: as long as it is, or as the number before says); one that ends with NUL
 *   x                     a zero byte        < > ![n]   byte order, alignment for what follows
 */
import { ByteWriter, TooLong } from '../byte-writer.ts';
import type { LuaState } from '../lua-state.ts';

const MAX_INTEGER_BYTES = 32;
const MAX_ALIGNMENT = 8;
const MAX_INT = 0x7fff_ffff;
const INTEGERS = 'bBhHlLTiI';
const SIZES: Readonly<Record<string, number>> = { b: 1, B: 1, h: 2, H: 2, l: 8, L: 8, T: 8, f: 4, d: 8, x: 1 };
const MASK64 = 2n ** 64n - 1n;

/** A format as it is read, item by item: the option, its size, and the padding in front of it. */
class Format {
  option = '';
  size = 0;
  littleEndian = true;
  private alignment = 1;
  private at = 0;
  private readonly text: string;
  private readonly state: LuaState;
  private readonly L: number;

  constructor(state: LuaState, L: number) {
    this.state = state;
    this.L = L;
    state.checkBytes(L, 1);
    this.text = state.text(L, 1).split('\0')[0];
  }

  /** The next option; false at the end. */
  next(): boolean {
    if (this.at === this.text.length) return false;
    this.option = this.text[this.at++];
    this.size = this.sizeOf(this.option);
    return true;
  }

  private sizeOf(option: string): number {
    if (option === 'c') return this.number(1);
    if (option !== 'i' && option !== 'I') return SIZES[option] ?? 0;
    const size = this.number(4);
    if (size > MAX_INTEGER_BYTES) {
      this.state.fail(this.L, `integral size ${size} is larger than limit of ${MAX_INTEGER_BYTES}`);
    }
    return size;
  }

  private number(otherwise: number): number {
    const digits = /^\d+/.exec(this.text.slice(this.at))?.[0] ?? '';
    if (digits === '') return otherwise;
    this.at += digits.length;
    const value = Number(digits);
    if (value > MAX_INT) this.state.fail(this.L, 'integral size overflow');
    return value;
  }

  /** Bytes to skip in front of the item at `position`. */
  padding(position: number): number {
    if (this.size === 0 || this.option === 'c') return 0;
    const size = Math.min(this.size, this.alignment);
    return (size - (position & (size - 1))) & (size - 1);
  }

  /** The option is no item: it changes how those behind it are read. */
  control(): void {
    switch (this.option) {
      case ' ':
        return;
      case '>':
        this.littleEndian = false;
        return;
      case '<':
        this.littleEndian = true;
        return;
      case '!': {
        const alignment = this.number(MAX_ALIGNMENT);
        if (alignment === 0 || (alignment & (alignment - 1)) !== 0) {
          this.state.fail(this.L, `alignment ${alignment} is not a power of 2`);
        }
        this.alignment = alignment;
        return;
      }
      default:
        this.state.argumentError(this.L, 1, `invalid format option '${this.option}'`);
    }
  }
}

/** A number as 64 bits, as x86-64 converts it. */
function bitsOf(value: number): bigint {
  if (!(value > -(2 ** 63) - 1025 && value < 2 ** 64)) return value >= 2 ** 64 ? 0n : 2n ** 63n;
  return BigInt(Math.trunc(value)) & MASK64;
}

/** Pushes the library's table. */
export function addStruct(state: LuaState): void {
  const { lua, L } = state;
  const writer = new ByteWriter();
  lua.lua_createtable(L, 0, 3);
  state.setFunctions(L, {
    pack: (T) => pack(state, T, writer),
    unpack: (T) => unpack(state, T),
    size: (T) => size(state, T),
  });
}

function pack(state: LuaState, L: number, writer: ByteWriter): number {
  writer.reset();
  const format = new Format(state, L);
  state.lua.lua_pushnil(L); // so that what is missing is nil in errors
  try {
    let arg = 2;
    while (format.next()) {
      for (let pad = format.padding(writer.length); pad > 0; pad--) writer.byte(0);
      if (packItem(state, L, writer, format, arg)) arg++;
    }
  } catch (error) {
    if (!(error instanceof TooLong)) throw error;
    state.fail(L, 'not enough memory');
  }
  state.pushBytes(L, writer.bytes, 0, writer.length);
  return 1;
}

/** True when the item took argument `arg`. */
function packItem(state: LuaState, L: number, writer: ByteWriter, format: Format, arg: number): boolean {
  const { option, size } = format;
  if (INTEGERS.includes(option)) {
    putInteger(writer, bitsOf(state.lua.luaL_checknumber(L, arg)), size, format.littleEndian);
    return true;
  }
  switch (option) {
    case 'x':
      writer.byte(0);
      return false;
    case 'f':
    case 'd':
      putFloat(writer, state.lua.luaL_checknumber(L, arg), size, format.littleEndian);
      return true;
    case 'c':
    case 's': {
      const at = state.checkBytes(L, arg);
      const { length } = state;
      const n = size === 0 ? length : size;
      if (length < n) state.argumentError(L, arg + 1, 'string too short');
      writer.copy(state.u8, at, n);
      if (option === 's') writer.byte(0);
      return true;
    }
    default:
      format.control();
      return false;
  }
}

function putInteger(writer: ByteWriter, bits: bigint, size: number, littleEndian: boolean): void {
  for (let i = 0; i < size; i++) {
    const place = littleEndian ? i : size - 1 - i;
    writer.byte(place < 8 ? Number((bits >> BigInt(8 * place)) & 0xffn) : 0);
  }
}

const floatBytes = new DataView(new ArrayBuffer(8));

function putFloat(writer: ByteWriter, value: number, size: number, littleEndian: boolean): void {
  if (size === 4) floatBytes.setFloat32(0, value, littleEndian);
  else floatBytes.setFloat64(0, value, littleEndian);
  for (let i = 0; i < size; i++) writer.byte(floatBytes.getUint8(i));
}

function unpack(state: LuaState, L: number): number {
  const { lua } = state;
  const format = new Format(state, L);
  const data = state.checkBytes(L, 2);
  const { length } = state;
  const first = lua.lua_type(L, 3) <= 0 ? 1 : lua.luaL_checkinteger(L, 3);
  if (first === 0) state.argumentError(L, 3, 'offset must be 1 or greater');
  let position = first > 0 ? first - 1 : Number.MAX_SAFE_INTEGER; // as an unsigned number: behind everything
  let n = 0;
  const there = (size: number): void => {
    if (size > length || position > length - size) state.argumentError(L, 2, 'data string too short');
  };
  while (format.next()) {
    position += format.padding(position);
    let { size } = format;
    const { option } = format;
    there(size);
    if (lua.lua_checkstack(L, 2) === 0) state.fail(L, 'stack overflow (too many results)');
    state.refresh();
    if (INTEGERS.includes(option)) {
      lua.lua_pushnumber(L, integerOf(state.u8, data + position, size, option, format.littleEndian));
      n++;
    } else if (option === 'f' || option === 'd') {
      const { dv } = state;
      const at = data + position;
      lua.lua_pushnumber(
        L,
        size === 4 ? dv.getFloat32(at, format.littleEndian) : dv.getFloat64(at, format.littleEndian),
      );
      n++;
    } else if (option === 'c') {
      if (size === 0) {
        if (n === 0 || lua.lua_isnumber(L, -1) === 0) state.fail(L, "format 'c0' needs a previous size");
        size = Math.trunc(lua.lua_tonumber(L, -1));
        if (!(size >= 0)) size = length + 1;
        state.pop(L, 1);
        n--;
        there(size);
      }
      lua.lua_pushlstring(L, data + position, size);
      n++;
    } else if (option === 's') {
      const end = state.u8.subarray(data + position, data + length).indexOf(0);
      if (end < 0) state.fail(L, 'unfinished string in data');
      size = end + 1;
      lua.lua_pushlstring(L, data + position, end);
      n++;
    } else if (option !== 'x') format.control();
    position += size;
  }
  lua.lua_pushnumber(L, position + 1);
  return n + 1;
}

/** An integer of any size: only its low 64 bits count, as in a C `long`. */
function integerOf(bytes: Uint8Array, at: number, size: number, option: string, littleEndian: boolean): number {
  let value = 0n;
  for (let i = 0; i < size; i++) value = (value << 8n) | BigInt(bytes[at + (littleEndian ? size - 1 - i : i)]);
  value &= MASK64;
  if (option !== option.toLowerCase()) return Number(value);
  // Sizes beyond 8 shift by their bits modulo 64, as the processor does.
  const sign = BigInt(8 * size - 1) & 63n;
  const mask = (MASK64 << sign) & MASK64;
  if ((value & mask) !== 0n) value |= mask;
  return Number(BigInt.asIntN(64, value));
}

function size(state: LuaState, L: number): number {
  const format = new Format(state, L);
  let position = 0;
  while (format.next()) {
    position += format.padding(position);
    if (format.option === 's') state.argumentError(L, 1, "option 's' has no fixed size");
    if (format.option === 'c' && format.size === 0) state.argumentError(L, 1, "option 'c0' has no fixed size");
    if (!/[a-zA-Z0-9]/.test(format.option)) format.control();
    position += format.size;
  }
  state.lua.lua_pushnumber(L, position);
  return 1;
}
