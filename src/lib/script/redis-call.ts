/**
 * redis.call, redis.pcall and redis.acl_check_cmd: arguments are written into packet memory as a client's would lie there,
 * checked in redis-server's order, run by the host, and the reply, captured, becomes a Lua value.
 *
 *   Lua strings, numbers ──▶ extent in packet memory ──▶ engine.argOffset[batch.args …] ──▶ checks ──▶ host.call
 */
import {
  COMMAND_CONTAINER,
  COMMAND_DENY_OOM,
  COMMAND_NO_SCRIPT,
  COMMAND_WRITE,
  type Command,
  commandFirstKey,
  commands,
  lookup,
} from '../engine/command-table.ts';
import { subcommandOf } from '../engine/dispatch-table.ts';
import { formatDouble } from '../resp/number.ts';
import { ReplyCapture } from './capture.ts';
import type { ScriptHost } from './host.ts';
import { STATE_BASE, STRING_BYTES, STRING_LENGTH, VALUE_BYTES, VALUE_TYPE } from './lua-layout.ts';
import type { LuaState } from './lua-state.ts';
import { LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE } from './lua-types.ts';
import { pushError } from './redis-api.ts';
import { ReplyReader } from './resp-to-lua.ts';
import type { ScriptRun } from './run.ts';

const ARGUMENT_BYTES = 65_536;
/** Behind each argument: word-wise reads may run over its end. */
const GAP_BYTES = 8;
const TAIL_BYTES = 64;

/** Commands without the flag that replicas hear of all the same: no command for a read-only script. */
const MAY_REPLICATE = ['publish', 'spublish', 'pfcount'];

const NO_ARGUMENTS = 'Please specify at least one argument for this redis lib call';
const NOT_STRINGS = 'Lua redis lib command arguments must be strings or integers';
const UNKNOWN = 'ERR Unknown Redis command called from script';
const WRONG_ARITY = 'ERR Wrong number of args calling Redis command from script';
const NOT_FROM_SCRIPT = 'ERR This Redis command is not allowed from script';
const READ_ONLY = 'ERR Write commands are not allowed from read-only scripts.';
const OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";
const NO_PACKET_MEMORY = 'no memory for the arguments of this command';

export class CommandCaller {
  /** What redis.setresp chose for replies. */
  protocol = 2;
  private readonly state: LuaState;
  private readonly host: ScriptHost;
  private readonly run: ScriptRun;
  private readonly reader: ReplyReader;
  private capture: ReplyCapture | null = null;
  /** Extent for arguments, and, while a call needs more, a larger one. */
  private extent = 0;
  private larger = 0;
  private largerBytes = 0;
  private running = false;
  /** Where the arguments of the command that runs begin. */
  private base = 0;

  constructor(state: LuaState, host: ScriptHost, run: ScriptRun) {
    this.state = state;
    this.host = host;
    this.run = run;
    this.reader = new ReplyReader(state);
  }

  /** Before a script runs: nothing is left of one that an error ended in the middle. */
  reset(): void {
    this.protocol = 2;
    this.running = false;
    this.releaseLarger();
    if (this.capture !== null && this.capture.queue.totalBytes > 0) this.capture.release();
  }

  /** An exception came out of the command that runs: replies go to the client again. */
  abandon(): void {
    if (!this.running) return;
    this.running = false;
    const { engine } = this.host;
    engine.reply.restore();
    engine.batch.args = this.base;
  }

  /** The packet memory goes back: the state that this serves is given up. */
  release(): void {
    const { extents } = this.host.engine.memory;
    if (this.extent !== 0) extents.free(this.extent, ARGUMENT_BYTES);
    this.capture?.dispose();
    this.extent = 0;
    this.capture = null;
  }

  /** redis.call (`raise`) and redis.pcall. */
  call(L: number, raise: boolean): number {
    const { state } = this;
    const n = state.slots(L);
    if (n === 0) return this.refuse(L, raise, NO_ARGUMENTS);
    if (this.running) return this.refuse(L, raise, 'Recursive call detected');
    const wrong = this.placeArguments(L, n);
    if (wrong !== '') return this.refuse(L, raise, wrong);
    const failed = this.execute(L, n);
    this.releaseLarger();
    return raise && failed ? state.raise(L) : 1;
  }

  /** redis.acl_check_cmd: there is one user, who may run every command. */
  mayCall(L: number): number {
    const { state, host } = this;
    const n = state.slots(L);
    if (n === 0) return this.refuse(L, true, NO_ARGUMENTS);
    const wrong = this.placeArguments(L, n);
    if (wrong !== '') return this.refuse(L, true, wrong);
    const { engine } = host;
    const arg = engine.batch.args;
    const id = lookup(engine.memory, engine.argOffset[arg], engine.argLength[arg]);
    const known = id >= 0 && this.resolve(id, arg, n) !== undefined;
    this.releaseLarger();
    if (!known) return this.refuse(L, true, 'Invalid command passed to redis.acl_check_cmd()');
    state.lua.lua_pushboolean(L, 1);
    return 1;
  }

  private refuse(L: number, raise: boolean, message: string): number {
    pushError(this.state, L, message);
    return raise ? this.state.raise(L) : 1;
  }

  // ── arguments ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Writes the Lua arguments 1…n behind those of the batch; '' or what is wrong with them. */
  private placeArguments(L: number, n: number): string {
    const { state, host } = this;
    const { engine } = host;
    const { batch, memory } = engine;
    const base = batch.args;
    if (base + n > batch.argOffset.length) batch.grow(base + n);
    engine.argOffset = batch.argOffset;
    engine.argLength = batch.argLength;
    if (!this.room(L, n)) return NO_PACKET_MEMORY;
    let at = this.larger !== 0 ? this.larger : this.extent;
    const to = memory.u8;
    const { i32, u8 } = state;
    let slot = i32[(L + STATE_BASE) >> 2];
    for (let i = 1; i <= n; i++, slot += VALUE_BYTES) {
      const type = i32[(slot + VALUE_TYPE) >> 2];
      let length: number;
      if (type === LUA_TNUMBER) {
        length = this.placeNumber(at, state.f64[slot >> 3]);
      } else if (type === LUA_TSTRING) {
        const string = i32[slot >> 2];
        const from = string + STRING_BYTES;
        length = i32[(string + STRING_LENGTH) >> 2];
        if (length <= 48) for (let k = 0; k < length; k++) to[at + k] = u8[from + k];
        else to.set(u8.subarray(from, from + length), at);
      } else {
        this.releaseLarger();
        return NOT_STRINGS;
      }
      batch.argOffset[base + i - 1] = at;
      batch.argLength[base + i - 1] = length;
      at += length + GAP_BYTES;
    }
    return '';
  }

  /** Digits of a number at `at`; how many. */
  private placeNumber(at: number, value: number): number {
    const { u8 } = this.host.engine.memory;
    if (value >= 0 && value < 10 && Math.floor(value) === value) {
      u8[at] = 48 + value;
      return 1;
    }
    const text = numberText(value);
    for (let k = 0; k < text.length; k++) u8[at + k] = text.charCodeAt(k);
    return text.length;
  }

  /** Room for n arguments; false when there is no memory for them. */
  private room(L: number, n: number): boolean {
    const { state } = this;
    const { extents } = this.host.engine.memory;
    if (this.extent === 0) this.extent = extents.alloc(ARGUMENT_BYTES);
    if (this.extent === 0) return false;
    const { i32 } = state;
    let bytes = TAIL_BYTES;
    let slot = i32[(L + STATE_BASE) >> 2];
    for (let i = 1; i <= n; i++, slot += VALUE_BYTES) {
      const isString = i32[(slot + VALUE_TYPE) >> 2] === LUA_TSTRING;
      bytes += (isString ? i32[(i32[slot >> 2] + STRING_LENGTH) >> 2] : 32) + GAP_BYTES;
    }
    if (bytes <= ARGUMENT_BYTES) return true;
    this.larger = extents.alloc(bytes);
    this.largerBytes = bytes;
    return this.larger !== 0;
  }

  private releaseLarger(): void {
    if (this.larger === 0) return;
    this.host.engine.memory.extents.free(this.larger, this.largerBytes);
    this.larger = 0;
  }

  // ── checks and the call ──────────────────────────────────────────────────────────────────────────────────────────────

  /** The command that is meant, the subcommand of a container; undefined when there is none. */
  private resolve(id: number, arg: number, argc: number): Command | undefined {
    const command = commands[id];
    if ((command.flags & COMMAND_CONTAINER) === 0 || argc === 1) return command;
    return subcommandOf(this.host.engine, id, arg);
  }

  /** '' when the command may run; `writes` is set then. */
  private checks(command: Command | undefined, argc: number): string {
    const { run } = this;
    if (command === undefined) return UNKNOWN;
    if (!command.admits(argc)) return WRONG_ARITY;
    const { flags } = command;
    if ((flags & COMMAND_NO_SCRIPT) !== 0) return NOT_FROM_SCRIPT;
    if (run.readOnly && ((flags & COMMAND_WRITE) !== 0 || MAY_REPLICATE.includes(command.fullName))) return READ_ONLY;
    if ((flags & COMMAND_DENY_OOM) !== 0 && !run.allowOom && !run.wrote && run.outOfMemory) return OUT_OF_MEMORY;
    return '';
  }

  /** Runs the command that was placed; pushes its reply. True when that is an error. */
  private execute(L: number, argc: number): boolean {
    const { host, state, run } = this;
    const { engine } = host;
    const { batch } = engine;
    const arg = batch.args;
    const id = lookup(engine.memory, engine.argOffset[arg], engine.argLength[arg]);
    const command = id < 0 ? undefined : this.resolve(id, arg, argc);
    const wrong = this.checks(command, argc);
    if (wrong !== '') {
      host.rejected(command === undefined ? -1 : id, arg, argc, wrong);
      pushError(state, L, `-${wrong}`, true);
      return true;
    }
    this.capture ??= ReplyCapture.create(engine.memory);
    const { capture } = this;
    if (capture === null) {
      pushError(state, L, NO_PACKET_MEMORY);
      return true;
    }
    if (((command as Command).flags & COMMAND_WRITE) !== 0) run.wrote = true;
    const key = commandFirstKey[id];
    const hash = key > 0 && key < argc ? engine.db.hash(engine.argOffset[arg + key], engine.argLength[arg + key]) : 0;
    batch.args = arg + argc;
    this.base = arg;
    this.running = true;
    engine.reply.divert(capture.queue, this.protocol);
    host.call(id, arg, argc, hash);
    engine.reply.restore();
    this.running = false;
    batch.args = arg;
    return this.pushReply(L, capture);
  }

  private pushReply(L: number, capture: ReplyCapture): boolean {
    const { state } = this;
    if (!capture.take()) {
      capture.release();
      pushError(state, L, 'no memory for the reply of this command');
      return true;
    }
    if (capture.length === 0) {
      capture.release();
      state.lua.lua_pushboolean(L, 0); // a command that leaves its client without an answer
      return false;
    }
    const failed = capture.bytes[capture.offset] === 45; // '-'
    this.reader.push(L, capture.bytes, capture.offset);
    capture.release();
    return failed && state.lua.lua_type(L, -1) === LUA_TTABLE;
  }
}

/** A number as an argument: an integer without an exponent within ±2^62, else its shortest digits. */
export function numberText(value: number): string {
  if (Number.isSafeInteger(value)) return String(value === 0 ? 0 : value);
  if (Number.isInteger(value) && Math.abs(value) <= 2 ** 62) return BigInt(value).toString();
  return formatDouble(value);
}
