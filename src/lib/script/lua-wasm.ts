/**
 * Lua 5.1 as a WebAssembly instance: the compiled interpreter of the package `wasmoon-lua5.1`, instantiated by hand and
 * synchronously, when the first script comes (about 12 ms). None of the package's JavaScript is used.
 *
 *   lua_error ─▶ longjmp ─▶ JavaScript exception (a number) ─▶ caught in invoke_vii, where lua_pcall called setjmp
 *
 * What the interpreter asks of a system is answered here: memory up to a limit (beyond it Lua says "not enough memory"), and
 * nothing else; there are no files, and `exit` (Lua's panic) is an exception that ends the instance.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// @types/node leaves WebAssembly to the DOM library, which has no place here.
interface WasmTable {
  readonly length: number;
  get(index: number): (...args: number[]) => number;
  set(index: number, value: unknown): void;
  grow(by: number): number;
}
interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
type WasmModule = object;
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => WasmModule;
  Instance: new (
    module: WasmModule,
    imports: Record<string, Record<string, unknown>>,
  ) => { readonly exports: Record<string, unknown> };
};

const PAGE_BYTES = 65_536;
/** -ENOSYS, as Emscripten's system calls answer. */
const NO_SUCH_CALL = -52;
const WASM_FILE = 'wasmoon-lua5.1/dist/liblua5.1.wasm';

type N = number;

/** What the instance exports of Lua's C interface; addresses are bytes in its memory, `L` is a lua_State. */
export interface LuaExports {
  memory: WasmMemory;
  __indirect_function_table: WasmTable;
  __wasm_call_ctors(): void;
  setThrew(threw: N, value: N): void;
  stackSave(): N;
  stackRestore(sp: N): void;
  malloc(bytes: N): N;
  free(at: N): void;
  luaL_newstate(): N;
  luaL_argerror(L: N, arg: N, message: N): N;
  luaL_checkinteger(L: N, arg: N): N;
  luaL_checklstring(L: N, arg: N, length: N): N;
  luaL_checknumber(L: N, arg: N): N;
  luaL_checktype(L: N, arg: N, type: N): void;
  luaL_checkany(L: N, arg: N): void;
  luaL_loadbuffer(L: N, code: N, length: N, name: N): N;
  luaL_optinteger(L: N, arg: N, otherwise: N): N;
  luaL_ref(L: N, table: N): N;
  luaL_unref(L: N, table: N, ref: N): void;
  luaL_where(L: N, level: N): void;
  luaopen_base(L: N): N;
  luaopen_table(L: N): N;
  luaopen_string(L: N): N;
  luaopen_math(L: N): N;
  luaopen_debug(L: N): N;
  lua_call(L: N, args: N, results: N): void;
  lua_checkstack(L: N, slots: N): N;
  lua_close(L: N): void;
  lua_concat(L: N, n: N): void;
  lua_createtable(L: N, array: N, record: N): void;
  lua_error(L: N): N;
  lua_gc(L: N, what: N, data: N): N;
  lua_getfield(L: N, index: N, name: N): void;
  lua_getmetatable(L: N, index: N): N;
  lua_gettop(L: N): N;
  lua_insert(L: N, index: N): void;
  lua_isnumber(L: N, index: N): N;
  lua_isstring(L: N, index: N): N;
  lua_next(L: N, index: N): N;
  lua_objlen(L: N, index: N): N;
  lua_pcall(L: N, args: N, results: N, handler: N): N;
  lua_pushboolean(L: N, value: N): void;
  lua_pushcclosure(L: N, fn: N, upvalues: N): void;
  lua_pushlightuserdata(L: N, pointer: N): void;
  lua_pushlstring(L: N, at: N, length: N): void;
  lua_pushnil(L: N): void;
  lua_pushnumber(L: N, value: N): void;
  lua_pushvalue(L: N, index: N): void;
  lua_rawequal(L: N, a: N, b: N): N;
  lua_rawget(L: N, index: N): void;
  lua_rawgeti(L: N, index: N, n: N): void;
  lua_rawset(L: N, index: N): void;
  lua_rawseti(L: N, index: N, n: N): void;
  lua_remove(L: N, index: N): void;
  lua_replace(L: N, index: N): void;
  lua_setfenv(L: N, index: N): N;
  lua_setfield(L: N, index: N, name: N): void;
  lua_sethook(L: N, hook: N, mask: N, count: N): N;
  lua_setmetatable(L: N, index: N): N;
  lua_settop(L: N, index: N): void;
  lua_gettable(L: N, index: N): void;
  lua_settable(L: N, index: N): void;
  lua_toboolean(L: N, index: N): N;
  lua_tocfunction(L: N, index: N): N;
  lua_tointeger(L: N, index: N): N;
  lua_tolstring(L: N, index: N, length: N): N;
  lua_tonumber(L: N, index: N): N;
  lua_topointer(L: N, index: N): N;
  lua_type(L: N, index: N): N;
  lua_xmove(from: N, to: N, n: N): void;
}

/** The instance is of no use any more: Lua panicked outside of a protected call. */
export class LuaPanic extends Error {}

let compiled: WasmModule | null = null;
const bridges = new Map<string, WasmModule>();

/** An instance of its own memory: `limitBytes` of it at most. */
export function instantiateLua(limitBytes: number): LuaExports {
  if (compiled === null) {
    const file = createRequire(import.meta.url).resolve(WASM_FILE);
    compiled = new WebAssembly.Module(readFileSync(file));
  }
  const env = imports(() => exported, limitBytes);
  const instance = new WebAssembly.Instance(compiled, { env, wasi_snapshot_preview1: env });
  const exported = instance.exports as unknown as LuaExports;
  exported.__wasm_call_ctors();
  return exported;
}

function imports(lua: () => LuaExports, limitBytes: number): Record<string, unknown> {
  const refuse = (): number => NO_SUCH_CALL;
  const nothing = (): number => 0;
  /** What lua_pcall has run, by table index: to fetch it from the table takes as long as a short script. */
  const protectedFunctions: (((a: number, b: number) => number) | undefined)[] = [];
  return {
    invoke_vii: (index: number, a: number, b: number): void => {
      const exported = lua();
      const sp = exported.stackSave();
      try {
        const known = protectedFunctions[index];
        if (known !== undefined) known(a, b);
        else {
          protectedFunctions[index] = exported.__indirect_function_table.get(index);
          protectedFunctions[index](a, b);
        }
      } catch (error) {
        exported.stackRestore(sp);
        if (typeof error !== 'number') throw error;
        exported.setThrew(1, 0);
      }
    },
    _emscripten_throw_longjmp: (): never => {
      throw Number.POSITIVE_INFINITY;
    },
    emscripten_resize_heap: (bytes: number): number => grow(lua().memory, bytes >>> 0, limitBytes),
    emscripten_memcpy_js: (to: number, from: number, n: number): void => {
      new Uint8Array(lua().memory.buffer).copyWithin(to >>> 0, from >>> 0, (from >>> 0) + (n >>> 0));
    },
    emscripten_date_now: () => Date.now(),
    exit: (code: number): never => {
      throw new LuaPanic(`Lua ended with ${code}`);
    },
    environ_sizes_get: (count: number, bytes: number): number => {
      const view = new DataView(lua().memory.buffer);
      view.setInt32(count, 0, true);
      view.setInt32(bytes, 0, true);
      return 0;
    },
    environ_get: nothing,
    fd_write: refuse,
    fd_read: refuse,
    fd_close: refuse,
    fd_seek: refuse,
    strftime: nothing,
    _emscripten_get_now_is_monotonic: nothing,
    _emscripten_system: refuse,
    _tzset_js: nothing,
    _mktime_js: refuse,
    _localtime_js: nothing,
    _gmtime_js: nothing,
    __syscall_openat: refuse,
    __syscall_fcntl64: refuse,
    __syscall_ioctl: refuse,
    __syscall_dup3: refuse,
    __syscall_unlinkat: refuse,
    __syscall_rmdir: refuse,
    __syscall_renameat: refuse,
    __syscall_readlinkat: refuse,
  };
}

/** The interpreter wants its memory to be `bytes` long: 1 when it is now. */
function grow(memory: WasmMemory, bytes: number, limitBytes: number): number {
  const has = memory.buffer.byteLength;
  if (bytes > limitBytes) return 0;
  // Somewhat more than was asked for, so that a growing script doesn't come for every page.
  const wanted = Math.min(limitBytes, Math.max(bytes, has + (has >> 3)));
  try {
    memory.grow(Math.ceil((wanted - has) / PAGE_BYTES));
    return 1;
  } catch {
    return 0;
  }
}

/** A JavaScript function as a C function (`int f(lua_State *)`) or a hook (`void f(lua_State *, lua_Debug *)`): its table index. */
export function addFunction(
  lua: LuaExports,
  fn: (L: number, ar: number) => unknown,
  kind: 'function' | 'hook',
): number {
  const table = lua.__indirect_function_table;
  const index = table.grow(1);
  const instance = new WebAssembly.Instance(bridge(kind), { e: { f: fn } });
  table.set(index, instance.exports.f);
  return index;
}

/** A table holds only functions of WebAssembly: a module that imports one of JavaScript and exports it again is the bridge. */
function bridge(kind: 'function' | 'hook'): WasmModule {
  let module = bridges.get(kind);
  if (module === undefined) {
    const type = kind === 'function' ? [0x60, 1, 0x7f, 1, 0x7f] : [0x60, 2, 0x7f, 0x7f, 0];
    const bytes = [
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // magic, version
      ...[1, type.length + 1, 1, ...type], // types
      ...[2, 7, 1, 1, 0x65, 1, 0x66, 0, 0], // import "e" "f": function of type 0
      ...[7, 5, 1, 1, 0x66, 0, 0], // export "f": function 0
    ];
    module = new WebAssembly.Module(Uint8Array.from(bytes));
    bridges.set(kind, module);
  }
  return module;
}
