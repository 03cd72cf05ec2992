/**
 * Libraries of functions (FUNCTION LOAD, FCALL): code that is run once, when it is loaded, and registers functions by name.
 *
 *   #!lua name=mylib          ─▶ Library { name, code }          while it loads, its globals are `redis` alone, and that has
 *   redis.register_function   ─▶ LibraryFunction { name, flags }   only register_function, log and the version
 *
 * The libraries outlive a Lua state: when a new one had to be made, they are loaded again into it.
 */
import { integerAt } from '../engine/arguments.ts';
import type { Engine } from '../engine/engine.ts';
import type { ScriptHost } from './host.ts';
import { LUA_REGISTRYINDEX, type LuaState } from './lua-state.ts';
import { LUA_TFUNCTION, LUA_TNIL, LUA_TSTRING, LUA_TTABLE } from './lua-types.ts';
import { ScriptMachine } from './machine.ts';
import type { Drand48 } from './prng.ts';
import { addLogAndVersion, raiseError } from './redis-api.ts';
import { SCRIPT_ALLOW_OOM, SCRIPT_NO_WRITES, ScriptRun, scriptFlag } from './run.ts';
import { mayRun, same } from './scripts.ts';
import { readShebang } from './shebang.ts';

const LOAD_TIMEOUT_MS = 500;
const NAME_RULE =
  'Library names can only contain letters, numbers, or underscores(_) and must be at least one character long';
const REGISTER = 'redis.register_function';

export interface LibraryFunction {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly description: string | null;
  readonly flags: number;
  readonly library: Library;
  /** Where it is in the registry of the state. */
  readonly reference: number;
}

export interface Library {
  readonly name: string;
  /** With its shebang, as it was given. */
  readonly code: Uint8Array;
  functions: Map<string, LibraryFunction>;
}

/** What is wrong with a library: the text of the error, without its code. */
export class LibraryError extends Error {}

export class Functions {
  readonly run = new ScriptRun();
  /** A function runs. */
  running = false;
  private readonly host: ScriptHost;
  private readonly random: Drand48;
  private machine: ScriptMachine | null = null;
  private loadGlobals = 0;
  private libraries = new Map<string, Library>();
  private byName = new Map<string, LibraryFunction>();
  /** The function that was called last. */
  private latest: LibraryFunction | null = null;
  /** The library whose code runs. */
  private loading: Library | null = null;

  constructor(host: ScriptHost, random: Drand48) {
    this.host = host;
    this.random = random;
  }

  get libraryCount(): number {
    return this.libraries.size;
  }

  get functionCount(): number {
    return this.byName.size;
  }

  get memoryBytes(): number {
    return this.machine?.state.usedBytes ?? 0;
  }

  /** Bytes of the libraries' code. */
  get codeBytes(): number {
    let bytes = 0;
    for (const { code } of this.libraries.values()) bytes += code.length;
    return bytes;
  }

  all(): Iterable<Library> {
    return this.libraries.values();
  }

  // ── the state ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private theMachine(): ScriptMachine {
    if (this.machine === null || this.machine.broken) {
      this.machine?.dispose();
      this.machine = new ScriptMachine(this.host, this.run, this.random);
      this.loadGlobals = this.makeLoadGlobals(this.machine);
      this.reload();
    }
    return this.machine;
  }

  /** The libraries, loaded again into a new state. */
  private reload(): void {
    const libraries = [...this.libraries.values()];
    this.forgetAll();
    for (const library of libraries) {
      try {
        this.join([this.compile(library.code)]);
      } catch (error) {
        if (!(error instanceof LibraryError)) throw error;
        this.host.log(3, `Library ${library.name} could not be loaded again: ${error.message}`);
      }
    }
  }

  private forgetAll(): void {
    this.libraries = new Map();
    this.byName = new Map();
    this.latest = null;
  }

  /** FUNCTION FLUSH */
  flush(): void {
    this.forgetAll();
    this.machine?.dispose();
    this.machine = null;
  }

  /** What the code of a library sees while it is loaded. */
  private makeLoadGlobals(machine: ScriptMachine): number {
    const { state, sandbox } = machine;
    const { lua, L } = state;
    lua.lua_createtable(L, 0, 1);
    lua.lua_createtable(L, 0, 8);
    addLogAndVersion(state, L, this.host);
    state.setFunctions(L, { register_function: (T) => this.register(state, T) });
    sandbox.refuseMissing(L);
    sandbox.protect(L);
    state.setField(L, -2, 'redis');
    sandbox.refuseMissing(L);
    return sandbox.keep();
  }

  // ── loading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** FUNCTION LOAD: the library's name. Throws a LibraryError. */
  load(code: Uint8Array, replace: boolean): string {
    const { name } = readMetadata(code);
    if (this.libraries.has(name) && !replace) throw new LibraryError(`Library '${name}' already exists`);
    const library = this.compile(code);
    const old = this.libraries.get(name);
    for (const known of library.functions.keys()) {
      const other = this.byName.get(known);
      if (other !== undefined && other.library !== old) throw new LibraryError(`Function ${known} already exists`);
    }
    this.join([library]);
    return name;
  }

  /** Makes the libraries those that are called; one of the same name goes. */
  private join(libraries: readonly Library[]): void {
    for (const library of libraries) {
      this.delete(library.name);
      this.libraries.set(library.name, library);
      for (const [name, made] of library.functions) this.byName.set(name, made);
    }
  }

  /** FUNCTION DELETE; false when there is none. */
  delete(name: string): boolean {
    const library = this.libraries.get(name);
    if (library === undefined) return false;
    this.libraries.delete(name);
    this.latest = null;
    for (const { name: known, reference } of library.functions.values()) {
      this.byName.delete(known);
      const state = this.machine?.state;
      state?.lua.luaL_unref(state.L, LUA_REGISTRYINDEX, reference);
    }
    return true;
  }

  /**
   * FUNCTION RESTORE: all of them, or, when one of them can't be, none (a LibraryError). `flush` takes the place of all
   * libraries, `replace` of those of the same names.
   */
  restore(codes: readonly Uint8Array[], policy: 'flush' | 'append' | 'replace'): void {
    const libraries = new Map<string, Library>();
    for (const code of codes) {
      const { name } = readMetadata(code);
      if (libraries.has(name)) throw new LibraryError(`Library '${name}' already exists`);
      libraries.set(name, this.compile(code));
    }
    const replaced = new Set<Library | undefined>(policy === 'flush' ? this.libraries.values() : []);
    for (const name of libraries.keys()) {
      const old = this.libraries.get(name);
      if (old === undefined || policy === 'flush') continue;
      if (policy === 'append') throw new LibraryError(`Library ${name} already exists`);
      replaced.add(old);
    }
    const names = new Set<string>();
    for (const library of libraries.values()) {
      for (const name of library.functions.keys()) {
        const other = this.byName.get(name);
        const taken = names.has(name) || (other !== undefined && !replaced.has(other.library));
        if (taken) throw new LibraryError(`Function ${name} already exists`);
        names.add(name);
      }
    }
    for (const old of replaced) if (old !== undefined) this.delete(old.name);
    this.join([...libraries.values()]);
  }

  /** Runs the code of a library, which registers its functions. Throws a LibraryError. */
  private compile(code: Uint8Array): Library {
    const metadata = readMetadata(code);
    const machine = this.theMachine();
    const { state } = machine;
    const { L } = state;
    if (state.load(L, metadata.code, '@user_function') !== 0) {
      const text = state.text(L, -1);
      machine.clearStack();
      throw new LibraryError(`Error compiling function: ${text}`);
    }
    const library: Library = { name: metadata.name, code, functions: new Map() };
    this.loading = library;
    machine.sandbox.setGlobals(this.loadGlobals);
    const error = machine.load(LOAD_TIMEOUT_MS);
    machine.sandbox.setGlobals(machine.sandbox.globals);
    this.loading = null;
    if (error !== null) throw new LibraryError(`Error registering functions: ${error}`);
    if (library.functions.size === 0) throw new LibraryError('No functions registered');
    return library;
  }

  // ── redis.register_function ──────────────────────────────────────────────────────────────────────────────────────────

  private register(state: LuaState, L: number): number {
    const { lua } = state;
    const { loading } = this;
    if (loading === null) raiseError(state, L, `${REGISTER} can only be called on FUNCTION LOAD command`);
    const n = lua.lua_gettop(L);
    if (n < 1 || n > 2) raiseError(state, L, `wrong number of arguments to ${REGISTER}`);
    const wanted: Registration = { name: null, callback: 0, description: null, flags: 0 };
    if (n === 1) readNamed(state, L, wanted);
    else readPositional(state, L, wanted);
    const name = wanted.name ?? '';
    if (!isName(name)) raiseError(state, L, NAME_RULE);
    if (loading.functions.has(name)) raiseError(state, L, 'Function already exists in the library');
    lua.lua_pushvalue(L, wanted.callback);
    const reference = lua.luaL_ref(L, LUA_REGISTRYINDEX);
    const { description, flags } = wanted;
    loading.functions.set(name, {
      name,
      bytes: Buffer.from(name, 'latin1'),
      description,
      flags,
      library: loading,
      reference,
    });
    return 0;
  }

  // ── calling ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** FCALL, FCALL_RO */
  call(engine: Engine, arg: number, argc: number, readOnly: boolean): void {
    const made = this.named(engine, arg + 1);
    if (made === undefined) {
      engine.reply.error('ERR Function not found');
      return;
    }
    const keys = integerAt(engine.memory.u8, engine.argOffset[arg + 2], engine.argLength[arg + 2]);
    if (Number.isNaN(keys)) engine.reply.error('ERR Bad number of keys provided');
    else if (keys > argc - 3) engine.reply.error("ERR Number of keys can't be greater than number of args");
    else if (keys < 0) engine.reply.error("ERR Number of keys can't be negative");
    else if (mayRun(this.host, engine, made.flags, readOnly)) {
      this.callFunction(engine, made, arg, argc, keys, readOnly);
    }
  }

  /** The function that argument `i` names. */
  private named(engine: Engine, i: number): LibraryFunction | undefined {
    const { memory } = engine;
    const { latest } = this;
    const offset = engine.argOffset[i];
    if (latest !== null && latest.bytes.length === engine.argLength[i] && same(latest.bytes, memory.u8, offset)) {
      return latest;
    }
    const made = this.byName.get(engine.text(i));
    if (made !== undefined) this.latest = made;
    return made;
  }

  private callFunction(
    engine: Engine,
    made: LibraryFunction,
    arg: number,
    argc: number,
    keys: number,
    readOnly: boolean,
  ): void {
    const { run } = this;
    const { flags, name } = made;
    run.name = name;
    run.isEval = false;
    run.flags = flags;
    run.readOnly = readOnly || (flags & SCRIPT_NO_WRITES) !== 0;
    run.allowOom = (flags & SCRIPT_ALLOW_OOM) !== 0;
    run.arg = arg;
    run.argc = argc;
    const { client, db } = engine;
    const { database } = client;
    this.running = true;
    try {
      const machine = this.theMachine();
      const current = this.latest === made ? made : this.byName.get(name); // a new machine has loaded all of them again
      if (current === undefined) engine.reply.error('ERR Function not found');
      else {
        machine.sandbox.push(machine.state.L, current.reference);
        machine.pushArguments(engine, arg + 3, keys);
        machine.pushArguments(engine, arg + 3 + keys, argc - 3 - keys);
        machine.answer(2);
      }
    } catch (error) {
      this.failed(engine, error);
    }
    this.running = false;
    client.database = database;
    engine.db = db;
  }

  private failed(engine: Engine, error: unknown): void {
    if (error instanceof LibraryError) engine.reply.error(`ERR ${error.message}`);
    else if (this.machine === null) {
      this.running = false;
      throw error;
    } else this.machine.fail(error);
  }

  /** Whatever comes out of the interpreter that is no Lua error ends its state, not the server. */
  guarded(engine: Engine, work: () => void): void {
    this.running = true;
    const { database } = engine.client;
    const { db } = engine;
    try {
      work();
    } catch (error) {
      this.failed(engine, error);
    } finally {
      this.running = false;
      this.loading = null;
      engine.client.database = database;
      engine.db = db;
    }
  }
}

/** What register_function was called with. */
interface Registration {
  name: string | null;
  /** Stack index of the function. */
  callback: number;
  description: string | null;
  flags: number;
}

function readPositional(state: LuaState, L: number, into: Registration): void {
  const { lua } = state;
  if (lua.lua_isstring(L, 1) === 0) raiseError(state, L, `first argument to ${REGISTER} must be a string`);
  if (lua.lua_type(L, 2) !== LUA_TFUNCTION) raiseError(state, L, `second argument to ${REGISTER} must be a function`);
  into.name = state.text(L, 1);
  into.callback = 2;
}

/** register_function{function_name=, callback=, flags=, description=} */
function readNamed(state: LuaState, L: number, into: Registration): void {
  const { lua } = state;
  if (lua.lua_type(L, 1) !== LUA_TTABLE) {
    const only = 'is only applicable to Lua table (representing named arguments).';
    raiseError(state, L, `calling ${REGISTER} with a single argument ${only}`);
  }
  lua.lua_pushnil(L); // place of the callback
  lua.lua_pushnil(L);
  while (lua.lua_next(L, 1) !== 0) {
    if (lua.lua_isstring(L, -2) === 0) raiseError(state, L, `named argument key given to ${REGISTER} is not a string`);
    lua.lua_pushvalue(L, -2); // reading a number as text would change the key
    const key = state.text(L, -1).toLowerCase();
    state.pop(L, 1);
    readField(state, L, key, into);
    state.pop(L, 1);
  }
  if (into.name === null) raiseError(state, L, `${REGISTER} must get a function name argument`);
  if (into.callback === 0) raiseError(state, L, `${REGISTER} must get a callback argument`);
}

/** The field's value is on top. */
function readField(state: LuaState, L: number, key: string, into: Registration): void {
  const { lua } = state;
  const isString = lua.lua_isstring(L, -1) !== 0;
  switch (key) {
    case 'function_name':
      if (!isString) raiseError(state, L, `function_name argument given to ${REGISTER} must be a string`);
      into.name = state.text(L, -1);
      return;
    case 'description':
      if (!isString) raiseError(state, L, `description argument given to ${REGISTER} must be a string`);
      into.description = state.text(L, -1);
      return;
    case 'callback':
      if (lua.lua_type(L, -1) !== LUA_TFUNCTION) {
        raiseError(state, L, `callback argument given to ${REGISTER} must be a function`);
      }
      lua.lua_pushvalue(L, -1);
      lua.lua_replace(L, 2);
      into.callback = 2;
      return;
    case 'flags':
      if (lua.lua_type(L, -1) !== LUA_TTABLE) {
        raiseError(state, L, `flags argument to ${REGISTER} must be a table representing function flags`);
      }
      into.flags = readFlags(state, L);
      return;
    default:
      raiseError(state, L, `unknown argument given to ${REGISTER}`);
  }
}

/** The flags in the table on top. */
function readFlags(state: LuaState, L: number): number {
  const { lua } = state;
  let flags = 0;
  for (let i = 1; ; i++) {
    lua.lua_rawgeti(L, -1, i);
    const type = lua.lua_type(L, -1);
    const flag = type === LUA_TSTRING ? scriptFlag(state.text(L, -1)) : 0;
    state.pop(L, 1);
    if (type === LUA_TNIL) return flags;
    if (flag === 0) raiseError(state, L, 'unknown flag given');
    flags |= flag;
  }
}

function isName(name: string): boolean {
  return /^[a-zA-Z0-9_]+$/.test(name);
}

/** Name and code of a library, from its shebang. */
function readMetadata(body: Uint8Array): { name: string; code: Uint8Array } {
  const shebang = readShebang(body);
  if (shebang === 'none') throw new LibraryError('Missing library metadata');
  if (shebang === 'incomplete') throw new LibraryError('Invalid library metadata');
  let name: string | null = null;
  for (const word of shebang.words) {
    if (!/^name=/i.test(word)) throw new LibraryError(`Invalid metadata value given: ${word}`);
    if (name !== null) throw new LibraryError('Invalid metadata value, name argument was given multiple times');
    name = word.slice('name='.length);
  }
  if (name === null) throw new LibraryError('Library name was not given');
  if (!isName(name)) throw new LibraryError(NAME_RULE);
  if (shebang.engine.toLowerCase() !== '#!lua') throw new LibraryError(`Engine '${shebang.engine.slice(2)}' not found`);
  return { name, code: shebang.code };
}
