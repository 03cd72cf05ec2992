/**
 * Scripts of EVAL: the cache by SHA1, compiled when they are first called, and how one is called.
 *
 *   body ──hash──▶ known bodies ──▶ Script { sha, flags, code, function in the state } ──▶ KEYS, ARGV ──▶ machine.answer
 *
 * SHA1 is computed once for a body: the next EVAL of it is found by a fast hash and compared byte by byte. The cache outlives
 * a Lua state: when a new one had to be made, scripts are compiled again.
 */
import { createHash } from 'node:crypto';
import { integerArgument } from '../engine/arguments.ts';
import type { Engine } from '../engine/engine.ts';
import { hashBytes } from '../store/hash.ts';
import type { ScriptHost } from './host.ts';
import { LUA_REGISTRYINDEX } from './lua-state.ts';
import { ScriptMachine } from './machine.ts';
import type { Drand48 } from './prng.ts';
import { SCRIPT_ALLOW_OOM, SCRIPT_COMPAT, SCRIPT_NO_WRITES, ScriptRun } from './run.ts';
import { readScript } from './shebang.ts';

const SHA_LENGTH = 40;
const NO_SCRIPT = 'NOSCRIPT No matching script. Please use EVAL.';

interface Script {
  readonly sha: string;
  readonly shaBytes: Uint8Array;
  readonly body: Uint8Array;
  readonly flags: number;
  readonly code: Uint8Array;
  /** The state that it is compiled in, and where in its registry. */
  machine: ScriptMachine | null;
  reference: number;
}

export class Scripts {
  readonly run = new ScriptRun();
  private readonly host: ScriptHost;
  private readonly random: Drand48;
  private readonly hashKey: Int32Array;
  private machine: ScriptMachine | null = null;
  private bySha = new Map<string, Script>();
  /** By fast hash of the body; of two with the same hash, the later one. */
  private byHash = new Map<number, Script>();
  /** By fast hash of the SHA1's digits. */
  private byShaHash = new Map<number, Script>();
  /** The one that was asked for last. */
  private latest: Script | null = null;
  /** Bytes of the bodies. */
  bodyBytes = 0;
  /** A script runs. */
  running = false;

  constructor(host: ScriptHost, random: Drand48) {
    this.host = host;
    this.random = random;
    this.hashKey = host.engine.databases[0].hashKey;
  }

  get count(): number {
    return this.bySha.size;
  }

  /** Bytes that the state holds; 0 before the first script. */
  get memoryBytes(): number {
    return this.machine?.state.usedBytes ?? 0;
  }

  has(sha: string): boolean {
    return this.bySha.has(sha.toLowerCase());
  }

  /** SCRIPT FLUSH */
  flush(): void {
    this.bySha = new Map();
    this.byHash = new Map();
    this.byShaHash = new Map();
    this.latest = null;
    this.bodyBytes = 0;
    this.machine?.dispose();
    this.machine = null;
  }

  // ── finding and compiling ────────────────────────────────────────────────────────────────────────────────────────────

  /** The script whose body is argument `i`; null when it can't be made: the error has been written. */
  private ofBody(engine: Engine, i: number): Script | null {
    const offset = engine.argOffset[i];
    const length = engine.argLength[i];
    const { memory } = engine;
    const { latest } = this;
    if (latest !== null && latest.body.length === length && same(latest.body, memory.u8, offset)) return latest;
    const hash = hashBytes(memory.dv, offset, length, this.hashKey);
    const known = this.byHash.get(hash);
    if (known !== undefined && known.body.length === length && same(known.body, memory.u8, offset)) {
      this.latest = known;
      return known;
    }
    const body = memory.u8.slice(offset, offset + length);
    const sha = createHash('sha1').update(body).digest('hex');
    const script = this.bySha.get(sha) ?? this.add(engine, sha, body);
    if (script !== null) this.byHash.set(hash, script);
    return script;
  }

  /** The script whose SHA1 is argument `i`. */
  private ofSha(engine: Engine, i: number): Script | undefined {
    const { memory } = engine;
    const offset = engine.argOffset[i];
    const { latest } = this;
    if (latest !== null && same(latest.shaBytes, memory.u8, offset)) return latest;
    const hash = hashBytes(memory.dv, offset, SHA_LENGTH, this.hashKey);
    let known = this.byShaHash.get(hash);
    if (known === undefined || !same(known.shaBytes, memory.u8, offset)) {
      known = this.bySha.get(engine.text(i).toLowerCase());
      if (known === undefined || !same(known.shaBytes, memory.u8, offset)) return known; // in capitals
      this.byShaHash.set(hash, known);
    }
    this.latest = known;
    return known;
  }

  private add(engine: Engine, sha: string, body: Uint8Array): Script | null {
    const read = readScript(body);
    if ('error' in read) {
      engine.reply.error(read.error);
      return null;
    }
    const script: Script = { sha, shaBytes: Buffer.from(sha), body, ...read, machine: null, reference: 0 };
    if (!this.compile(engine, script)) return null;
    this.bySha.set(sha, script);
    this.bodyBytes += body.length;
    return script;
  }

  /** The state that is in use, a new one if need be. */
  private theMachine(): ScriptMachine {
    if (this.machine === null || this.machine.broken) {
      this.machine?.dispose();
      this.machine = new ScriptMachine(this.host, this.run, this.random);
    }
    return this.machine;
  }

  /** Compiles the script in the state that is in use; false when it is no Lua: the error has been written. */
  private compile(engine: Engine, script: Script): boolean {
    try {
      return this.compileIn(this.theMachine(), engine, script);
    } catch (error) {
      this.failed(error);
      return false;
    }
  }

  private compileIn(machine: ScriptMachine, engine: Engine, script: Script): boolean {
    const { state } = machine;
    const { lua, L } = state;
    const code = script.code[0] === 27 ? Buffer.concat([Buffer.from(' '), script.code]) : script.code;
    if (state.load(L, code, '@user_script') !== 0) {
      engine.reply.error(`ERR Error compiling script (new function): ${state.text(L, -1)}`);
      machine.clearStack();
      return false;
    }
    script.reference = lua.luaL_ref(L, LUA_REGISTRYINDEX);
    script.machine = machine;
    return true;
  }

  // ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** SCRIPT LOAD: answers with the SHA1 of argument `i`. */
  load(engine: Engine, i: number): void {
    const script = this.ofBody(engine, i);
    if (script !== null) engine.reply.bulkText(script.sha);
  }

  /** EVAL, EVAL_RO: argument 1 is the body. */
  eval(engine: Engine, arg: number, argc: number, readOnly: boolean): void {
    const keys = keyCount(engine, arg, argc);
    if (keys < 0) return;
    const script = this.ofBody(engine, arg + 1);
    if (script !== null) this.callScript(engine, script, arg, argc, keys, readOnly);
  }

  /** EVALSHA, EVALSHA_RO: argument 1 is the SHA1. */
  evalSha(engine: Engine, arg: number, argc: number, readOnly: boolean): void {
    if (engine.argLength[arg + 1] !== SHA_LENGTH) {
      engine.reply.error(NO_SCRIPT);
      return;
    }
    const keys = keyCount(engine, arg, argc);
    if (keys < 0) return;
    const script = this.ofSha(engine, arg + 1);
    if (script === undefined) engine.reply.error(NO_SCRIPT);
    else this.callScript(engine, script, arg, argc, keys, readOnly);
  }

  private callScript(engine: Engine, script: Script, arg: number, argc: number, keys: number, readOnly: boolean): void {
    if (!mayRun(this.host, engine, script.flags, readOnly)) return;
    const { run } = this;
    const { client, db } = engine;
    const { database } = client;
    this.running = true;
    try {
      const machine = this.theMachine();
      if (script.machine === machine || this.compile(engine, script)) {
        machine.setArguments(engine, arg + 3, keys, argc - 3 - keys);
        machine.sandbox.push(machine.state.L, script.reference);
        run.name = script.sha;
        run.isEval = true;
        run.arg = arg;
        run.argc = argc;
        run.flags = script.flags;
        run.readOnly = readOnly || (script.flags & SCRIPT_NO_WRITES) !== 0;
        run.allowOom = (script.flags & SCRIPT_ALLOW_OOM) !== 0;
        machine.answer(0);
      }
    } catch (error) {
      this.failed(error);
    }
    this.running = false;
    client.database = database; // SELECT in a script is the script's alone
    engine.db = db;
  }

  /** Whatever comes out of the interpreter that is no Lua error ends its state, not the server. */
  private failed(error: unknown): void {
    if (this.machine === null) {
      this.running = false;
      throw error;
    }
    this.machine.fail(error);
  }
}

/** Numkeys, argument 2; -1 when it is wrong: the error has been written. */
export function keyCount(engine: Engine, arg: number, argc: number): number {
  const keys = integerArgument(engine, arg + 2);
  if (Number.isNaN(keys)) return -1;
  if (keys > argc - 3) engine.reply.error("ERR Number of keys can't be greater than number of args");
  else if (keys < 0) engine.reply.error("ERR Number of keys can't be negative");
  else return keys;
  return -1;
}

/** What the flags of a script with a shebang, or of a function, ask before it begins. The error has been written on false. */
export function mayRun(host: ScriptHost, engine: Engine, flags: number, readOnly: boolean): boolean {
  if ((flags & SCRIPT_COMPAT) !== 0) return true;
  if (readOnly && (flags & SCRIPT_NO_WRITES) === 0) {
    engine.reply.error('ERR Can not execute a script with write flag using *_ro command.');
    return false;
  }
  if ((flags & (SCRIPT_ALLOW_OOM | SCRIPT_NO_WRITES)) === 0 && host.outOfMemory()) {
    engine.reply.error("OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'");
    return false;
  }
  return true;
}

/** Are the bytes at `offset` these? */
export function same(bytes: Uint8Array, u8: Uint8Array, offset: number): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== u8[offset + i]) return false;
  return true;
}
