/**
 * What a script returns becomes its reply:
 *
 *   string ─▶ bulk     number ─▶ integer, truncated      true ─▶ :1 (#t after setresp(3))      false, nil, others ─▶ null
 *   table with err, ok, double, map, set, big_number, verbatim_string ─▶ that type, else an array up to the first nil
 *
 * Tables are read raw: metamethods don't run. How deep they may nest is what Lua's stack holds, as in Redis.
 */
import type { Reply } from '../resp/reply.ts';
import {
  STRING_BYTES,
  STRING_LENGTH,
  TABLE_ARRAY,
  TABLE_ARRAY_SIZE,
  TABLE_NODES,
  VALUE_BYTES,
  VALUE_TYPE,
} from './lua-layout.ts';
import type { LuaState } from './lua-state.ts';
import { LUA_TBOOLEAN, LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE } from './lua-types.ts';

const INT64_MIN = -(2n ** 63n);
const INT64_LIMIT = 2 ** 63;
const SLOTS = 4;
/** Maps and sets in each other: as many as JavaScript's stack bears in any case. */
const MAX_NESTING = 200;

export class ReplyWriter {
  /** What redis.setresp chose: 2 or 3. */
  protocol = 2;
  private readonly state: LuaState;
  private readonly reply: Reply;

  private readonly failed: () => void;
  /** Of each array that is being written: its elements, and how many of them are left. */
  private readonly frames: number[] = [];
  private nesting = 0;

  /** @param failed is told of each error that was counted where it was made, and is not counted once more */
  constructor(state: LuaState, reply: Reply, failed: () => void) {
    this.state = state;
    this.reply = reply;
    this.failed = failed;
  }

  /** Writes the value on top of the stack, and pops it. */
  write(L: number): void {
    const { lua } = this.state;
    const { frames } = this;
    const base = frames.length;
    this.begin(L);
    while (frames.length > base) {
      // Arrays nest as deep as Lua's stack is, deeper than JavaScript's: their places are kept here.
      const left = frames[frames.length - 1];
      if (left === 0) {
        frames.length -= 2;
        this.state.pop(L, 1);
        continue;
      }
      frames[frames.length - 1] = left - 1;
      lua.lua_rawgeti(L, -1, frames[frames.length - 2] - left + 1);
      this.begin(L);
    }
  }

  /** Nothing is left of a reply that an exception ended. */
  reset(): void {
    if (this.frames.length > 0) this.frames.length = 0;
    this.nesting = 0;
  }

  /** Writes the value on top and pops it; of an array only the head: it stays, and its elements are to follow. */
  private begin(L: number): void {
    const { state } = this;
    const at = state.topValue(L);
    if (state.i32[(at + VALUE_TYPE) >> 2] !== LUA_TTABLE) this.scalar(at);
    else {
      const table = state.i32[at >> 2];
      const n = state.i32[(table + TABLE_NODES) >> 2] === state.noNodes ? this.scalars(table) : -1;
      if (n < 0) {
        this.nested(L);
        return;
      }
      this.reply.array(n);
      const array = state.i32[(table + TABLE_ARRAY) >> 2];
      for (let i = 0; i < n; i++) this.scalar(array + i * VALUE_BYTES);
    }
    state.pop(L, 1);
  }

  /** How many elements an array has, when none of them is a table; -1 otherwise. `table` has no other fields. */
  private scalars(table: number): number {
    const { i32 } = this.state;
    const array = i32[(table + TABLE_ARRAY) >> 2];
    const size = i32[(table + TABLE_ARRAY_SIZE) >> 2];
    for (let i = 0; i < size; i++) {
      const type = i32[(array + i * VALUE_BYTES + VALUE_TYPE) >> 2];
      if (type === LUA_TNIL) return i;
      if (type === LUA_TTABLE) return -1;
    }
    return size;
  }

  /** The value at address `at`, which is no table. */
  private scalar(at: number): void {
    const { state, reply } = this;
    const { i32 } = state;
    switch (i32[(at + VALUE_TYPE) >> 2]) {
      case LUA_TSTRING: {
        const string = i32[at >> 2];
        reply.bulkView(state.dv, string + STRING_BYTES, i32[(string + STRING_LENGTH) >> 2]);
        return;
      }
      case LUA_TNUMBER:
        this.integer(state.f64[at >> 3]);
        return;
      case LUA_TBOOLEAN:
        this.boolean(i32[at >> 2] !== 0);
        return;
      default:
        reply.nil();
    }
  }

  /** The table on top: of an array, its head only. */
  private nested(L: number): void {
    const { state, reply } = this;
    if (state.lua.lua_checkstack(L, SLOTS) !== 0 && this.nesting <= MAX_NESTING) this.table(L);
    else {
      reply.error('ERR reached lua stack limit');
      state.pop(L, 1);
    }
  }

  private integer(value: number): void {
    if (Number.isSafeInteger(value)) this.reply.integer(value);
    else if (Math.abs(value) < INT64_LIMIT) this.reply.integer64(BigInt(Math.trunc(value)));
    else this.reply.integer64(INT64_MIN); // what x86-64 makes of a double that is no 64-bit integer
  }

  private boolean(value: boolean): void {
    const { reply } = this;
    if (this.protocol !== 2) reply.boolean(value);
    else if (value) reply.integer(1);
    else reply.nil();
  }

  /** The table on top; pops it. */
  private table(L: number): void {
    const { state, reply } = this;
    const { lua } = state;
    if (this.field(L, 'err', LUA_TSTRING)) {
      state.pop(L, 1);
      this.error(L);
      return;
    }
    if (this.field(L, 'ok', LUA_TSTRING)) reply.simple(line(state.textToNul(L, -1)));
    else if (this.field(L, 'double', LUA_TNUMBER)) reply.double(lua.lua_tonumber(L, -1));
    else if (this.field(L, 'map', LUA_TTABLE)) this.entries(L, true);
    else if (this.field(L, 'set', LUA_TTABLE)) this.entries(L, false);
    else if (this.field(L, 'big_number', LUA_TSTRING)) reply.bigNumber(line(state.text(L, -1)));
    else if (this.field(L, 'verbatim_string', LUA_TTABLE)) {
      if (!this.verbatim(L)) {
        state.pop(L, 1);
        this.array(L);
        return;
      }
    } else {
      this.array(L);
      return;
    }
    state.pop(L, 2);
  }

  /** Pushes field `name` of the table on top; false, and nothing is pushed, when it has another type. */
  private field(L: number, name: string, type: number): boolean {
    const { state } = this;
    const has = state.getField(L, -1, name);
    if (has === type) return true;
    state.pop(L, 1);
    return false;
  }

  /** An error table, on top: its message; counted unless the command that failed was. Pops it. */
  private error(L: number): void {
    const { state } = this;
    state.getField(L, -1, 'ignore_error_stats_update');
    const ignored = state.lua.lua_toboolean(L, -1) !== 0;
    state.pop(L, 1);
    state.getField(L, -1, 'err');
    const text = state.textToNul(L, -1);
    state.pop(L, 2);
    this.answer(text, ignored);
  }

  /** Writes an error; one that was `counted` before counts as a failed call only. */
  answer(text: string, counted: boolean): void {
    const { reply } = this;
    const { errors } = reply;
    reply.error(text);
    if (!counted) return;
    reply.errors = errors;
    this.failed();
  }

  /** The table on top, as a map or, its keys alone, as a set. */
  private entries(L: number, map: boolean): void {
    const { state, reply } = this;
    const { lua } = state;
    let n = 0;
    lua.lua_pushnil(L);
    while (lua.lua_next(L, -2) !== 0) {
      state.pop(L, 1);
      n++;
    }
    if (map) reply.map(n);
    else reply.set(n);
    this.nesting++;
    lua.lua_pushnil(L);
    while (lua.lua_next(L, -2) !== 0) {
      if (!map) state.pop(L, 1);
      lua.lua_pushvalue(L, map ? -2 : -1);
      this.write(L);
      if (map) this.write(L);
    }
    this.nesting--;
  }

  private verbatim(L: number): boolean {
    const { state, reply } = this;
    const format = state.getField(L, -1, 'format') === LUA_TSTRING ? state.text(L, -1) : null;
    const string = state.getField(L, -2, 'string') === LUA_TSTRING ? Buffer.from(state.copy(L, -1)) : null;
    state.pop(L, 2);
    if (format === null || string === null) return false;
    reply.verbatimBytes(format.slice(0, 3).padEnd(3), string);
    return true;
  }

  /** The head of the array on top, which stays for its elements. */
  private array(L: number): void {
    const { state } = this;
    const { lua } = state;
    let n = 0;
    for (;;) {
      lua.lua_rawgeti(L, -1, n + 1);
      const type = lua.lua_type(L, -1);
      state.pop(L, 1);
      if (type === LUA_TNIL) break;
      n++;
    }
    this.reply.array(n);
    this.frames.push(n, n);
  }
}

/** A line of the protocol can't hold a line break. */
function line(text: string): string {
  return text.replace(/[\r\n]/g, ' ');
}
