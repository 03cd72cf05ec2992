/**
 * A Lua state with everything in it that scripts of one kind need (EVAL has one, functions have another), and how one of them
 * is run: with the error handler below it, the hook that looks at the clock, and whatever goes wrong ending as a reply.
 *
 *   call(function, arguments) ──ok──▶ ReplyWriter
 *                             ──error──▶ -ERR … script: NAME, on @user_script:LINE.
 *                             ──the instance is broken, or holds too much memory──▶ a new one is made for the next script
 */

import type { Engine } from '../engine/engine.ts';
import type { ScriptHost } from './host.ts';
import { addBit } from './libraries/bit.ts';
import { addCjson } from './libraries/cjson.ts';
import { addCmsgpack } from './libraries/cmsgpack.ts';
import { addStruct } from './libraries/struct.ts';
import { LUA_GCCOLLECT, LUA_MASKCOUNT, LUA_MASKLINE, LuaState } from './lua-state.ts';
import { ReplyWriter } from './lua-to-resp.ts';
import { LUA_TNIL, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE } from './lua-types.ts';
import type { Drand48 } from './prng.ts';
import { addLogAndVersion, addReplies, pushError } from './redis-api.ts';
import { CommandCaller } from './redis-call.ts';
import type { ScriptRun } from './run.ts';
import { Sandbox } from './sandbox.ts';

/** The most that one state may take; beyond it, Lua says "not enough memory". */
const LIMIT_BYTES = 512 << 20;
/** A state that holds more than this after a script is replaced: WebAssembly's memory never shrinks. */
const KEEP_BYTES = 64 << 20;
/** Scripts that others wait for without end, as busy-reply-threshold 0 has it, keep a server from stopping for so long. */
const STOP_AFTER_MS = 5000;
/** At the bottom of the stack, always: the error handler, the globals, and names of two of them. */
const HANDLER_SLOT = 1;
const GLOBALS_SLOT = 2;
const KEYS_SLOT = 3;
const ARGV_SLOT = 4;
const OWN_SLOTS = 4;
/** Slots of the stack that are there without asking. */
const ROOM = 256;
/** So many arguments are put into a table at once. */
const MANY_ARGUMENTS = 100;
/** Instructions between two looks at the clock. */
const HOOK_COUNT = 100_000;

export class ScriptMachine {
  readonly state: LuaState;
  readonly sandbox: Sandbox;
  readonly writer: ReplyWriter;
  /** Useless from now on: the next script needs another one. */
  broken = false;
  private readonly host: ScriptHost;
  private readonly run: ScriptRun;
  private readonly caller: CommandCaller;
  private readonly hook: number;
  private hookIsLines = false;
  /** A library is loaded, and may take so long; 0: none is. */
  private loadTimeoutMs = 0;
  /** Between `begin` and `end`. */
  private nested = false;

  constructor(host: ScriptHost, run: ScriptRun, random: Drand48) {
    this.host = host;
    this.run = run;
    this.state = new LuaState(LIMIT_BYTES);
    const { state } = this;
    const { lua, L } = state;
    this.sandbox = new Sandbox(state, random);
    this.writer = new ReplyWriter(state, host.engine.reply, () => host.failed(run.arg, run.argc));
    this.caller = new CommandCaller(state, host, run);
    this.addLibraries();
    this.addRedis();
    this.sandbox.seal();
    state.onWork = (T) => this.look(T);
    this.hook = state.hook((T) => this.look(T));
    lua.lua_sethook(L, this.hook, LUA_MASKCOUNT, HOOK_COUNT);
    lua.lua_settop(L, 0);
    this.sandbox.push(L, this.sandbox.errorHandler);
    this.sandbox.push(L, this.sandbox.globals);
    state.pushText(L, 'KEYS');
    state.pushText(L, 'ARGV');
    lua.lua_checkstack(L, ROOM);
    lua.lua_gc(L, LUA_GCCOLLECT, 0);
  }

  private addLibraries(): void {
    const { sandbox, state } = this;
    for (const [name, add] of Object.entries({
      cjson: addCjson,
      cmsgpack: addCmsgpack,
      struct: addStruct,
      bit: addBit,
    })) {
      add(state);
      sandbox.addLibrary(name);
    }
    state.lua.lua_createtable(state.L, 0, 1);
    state.setFunctions(state.L, {
      clock: (L) => {
        state.lua.lua_pushnumber(L, performance.now() / 1000);
        return 1;
      },
    });
    sandbox.addLibrary('os');
  }

  private addRedis(): void {
    const { sandbox, state, host, caller, writer } = this;
    const { lua, L } = state;
    lua.lua_createtable(L, 0, 24);
    addLogAndVersion(state, L, host);
    addReplies(state, L, (protocol) => {
      caller.protocol = protocol;
      writer.protocol = protocol;
    });
    state.setFunctions(L, {
      call: (T) => caller.call(T, true),
      pcall: (T) => caller.call(T, false),
      acl_check_cmd: (T) => caller.mayCall(T),
    });
    sandbox.addLibrary('redis');
  }

  /** Gives back what it holds outside of Lua. */
  dispose(): void {
    this.broken = true;
    this.caller.release();
  }

  /** Nothing is left on the stack but what is always there. */
  clearStack(): void {
    this.state.keep(this.state.L, OWN_SLOTS);
  }

  /** The globals KEYS and ARGV of an EVAL: `keys` arguments from `first` on, and `others` behind them. */
  setArguments(engine: Engine, first: number, keys: number, others: number): void {
    const { state } = this;
    const { lua, L } = state;
    state.pushSlot(L, KEYS_SLOT);
    this.pushArguments(engine, first, keys);
    lua.lua_rawset(L, GLOBALS_SLOT);
    state.pushSlot(L, ARGV_SLOT);
    this.pushArguments(engine, first + keys, others);
    lua.lua_rawset(L, GLOBALS_SLOT);
  }

  /** Pushes arguments [first, first + n) as a table. */
  pushArguments(engine: Engine, first: number, n: number): void {
    const { state } = this;
    const { lua, L } = state;
    const { u8 } = engine.memory;
    if (n > MANY_ARGUMENTS) {
      lua.lua_createtable(L, n, 0);
      for (let i = 0; i < n; i++) {
        state.pushBytes(L, u8, engine.argOffset[first + i], engine.argLength[first + i]);
        lua.lua_rawseti(L, -2, i + 1);
      }
      return;
    }
    for (let i = 0; i < n; i++) state.pushBytes(L, u8, engine.argOffset[first + i], engine.argLength[first + i]);
    lua.lua_createtable(L, n, 0);
    if (n > 0) state.fillTable(L, n);
  }

  /**
   * Calls the function that is on the stack below `args` arguments, as `this.run` says, and answers the client. Nothing of it
   * is left on the stack afterwards.
   */
  answer(args: number): void {
    const { state, run } = this;
    const { lua, L } = state;
    this.begin();
    const status = lua.lua_pcall(L, args, 1, HANDLER_SLOT);
    this.end();
    if (status === 0) this.writer.write(L);
    else this.answerError(L, run.name);
    this.clearStack();
    this.settle();
  }

  /** Runs the code of a library, which is on the stack, for so long at most. null, or its error. */
  load(timeoutMs: number): string | null {
    const { state, run } = this;
    const { lua, L } = state;
    this.begin();
    run.isEval = false;
    this.loadTimeoutMs = timeoutMs;
    const status = lua.lua_pcall(L, 0, 0, HANDLER_SLOT);
    this.loadTimeoutMs = 0;
    this.end();
    let error: string | null = null;
    if (status !== 0) {
      if (lua.lua_type(L, -1) === LUA_TTABLE) state.getField(L, -1, 'err');
      error = lua.lua_isstring(L, -1) !== 0 ? state.text(L, -1) : 'ERR unknown error';
    }
    this.clearStack();
    return error;
  }

  private begin(): void {
    const { run, host, caller, writer } = this;
    run.wrote = false;
    run.busy = false;
    run.killed = false;
    run.outOfMemory = host.outOfMemory();
    run.startedMs = host.startedUs() / 1000;
    caller.reset();
    writer.reset();
    writer.protocol = 2;
    this.nested = true;
    host.nest(1);
  }

  private end(): void {
    this.leave();
    if (!this.hookIsLines) return;
    this.hookIsLines = false;
    this.state.lua.lua_sethook(this.state.L, this.hook, LUA_MASKCOUNT, HOOK_COUNT);
  }

  private leave(): void {
    if (this.nested) this.host.nest(-1);
    this.nested = false;
  }

  /** Between scripts: a state that grew too large is not kept. */
  private settle(): void {
    if (this.state.memoryBytes > KEEP_BYTES) this.broken = true;
  }

  /** An exception that is no Lua error came out of the interpreter: out of stack, or an assertion of it failed. */
  fail(error: unknown): void {
    const { host, run } = this;
    const { reply } = host.engine;
    this.broken = true;
    this.caller.abandon();
    this.leave();
    const overflow = error instanceof RangeError;
    host.log(3, `A script ended its Lua state: ${error}`);
    reply.error(
      `ERR ${overflow ? 'C stack overflow' : 'not enough memory'} script: ${run.name}, on @${run.isEval ? 'user_script' : 'user_function'}.`,
    );
  }

  /** The error on top of the stack, as the client's answer. */
  private answerError(L: number, name: string): void {
    const { state } = this;
    const { lua } = state;
    let text = 'ERR unknown error';
    let counted = false;
    let place = '';
    if (lua.lua_type(L, -1) === LUA_TTABLE) {
      state.getField(L, -1, 'err');
      if (lua.lua_isstring(L, -1) !== 0) text = state.textToNul(L, -1);
      state.pop(L, 1);
      const line = state.getField(L, -1, 'line') === LUA_TNUMBER ? String(lua.lua_tonumber(L, -1)) : '';
      const source = state.getField(L, -2, 'source') === LUA_TSTRING ? state.text(L, -1) : '';
      if (line !== '' && source !== '') place = `${source}:${line}`;
      counted = state.getField(L, -3, 'ignore_error_stats_update') !== LUA_TNIL && lua.lua_toboolean(L, -1) !== 0;
      state.pop(L, 3);
    } else if (lua.lua_isstring(L, -1) !== 0) text = `ERR ${state.textToNul(L, -1)}`;
    this.writer.answer(place === '' ? text : `${text} script: ${name}, on ${place}.`, counted);
  }

  /** The hook: every 100,000 instructions. */
  private look(L: number): void {
    const { host, run } = this;
    const threshold = host.busyThresholdMs();
    const elapsed = host.engine.clock.nowUs() / 1000 - run.startedMs;
    if (this.loadTimeoutMs > 0) {
      if (elapsed > this.loadTimeoutMs) this.stop(L, 'FUNCTION LOAD timeout');
      return;
    }
    if (threshold > 0 && elapsed >= threshold) {
      if (!run.busy) {
        run.busy = true;
        host.log(
          3,
          `Slow script detected: still in execution after ${Math.floor(elapsed)} milliseconds. You can try killing the script using the ${run.isEval ? 'SCRIPT KILL' : 'FUNCTION KILL'} command. Script name is: ${run.name}.`,
        );
      }
      if (!run.killed) host.busyTurn();
    }
    const stop = host.stopRequest();
    if (stop > 1 || (stop > 0 && elapsed >= (threshold || STOP_AFTER_MS))) run.killed = true;
    if (run.killed) this.stop(L, `Script killed by user with ${run.isEval ? 'SCRIPT' : 'FUNCTION'} KILL.`);
  }

  /** Ends the script that runs. */
  private stop(L: number, message: string): never {
    const { state } = this;
    // From now on before each line, so that a script that catches the error does not get far.
    this.hookIsLines = true;
    state.lua.lua_sethook(L, this.hook, LUA_MASKLINE, 0);
    pushError(state, L, message);
    return state.raise(L);
  }
}
