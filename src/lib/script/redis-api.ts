/**
 * The table `redis` of scripts, without what calls commands (redis-call.ts): replies made by hand, hashing, the log, the
 * version. What replication would need (set_repl, replicate_commands) is accepted and has nothing to do.
 */
import { createHash } from 'node:crypto';
import type { ScriptHost, ScriptLogLevel } from './host.ts';
import type { LuaFunction, LuaState } from './lua-state.ts';
import { LUA_TNUMBER, LUA_TSTRING } from './lua-types.ts';

const REPL_ALL = 3;
const CONSTANTS: Readonly<Record<string, number>> = {
  LOG_DEBUG: 0,
  LOG_VERBOSE: 1,
  LOG_NOTICE: 2,
  LOG_WARNING: 3,
};
const REPLICATION_CONSTANTS: Readonly<Record<string, number>> = {
  REPL_NONE: 0,
  REPL_AOF: 1,
  REPL_SLAVE: 2,
  REPL_REPLICA: 2,
  REPL_ALL,
};

/**
 * Pushes an error as a table. `message` is either `-CODE text` or text alone, whose code then is ERR.
 *
 * @param counted the error was counted already, where it was raised
 */
export function pushError(state: LuaState, L: number, message: string, counted = false): void {
  const { lua } = state;
  let text = `ERR ${message}`;
  if (message.startsWith('-')) {
    const trimmed = message.slice(1).replace(/[\r\n]+$/, '');
    text = trimmed.includes(' ') ? trimmed : `ERR ${trimmed}`;
  }
  lua.lua_createtable(L, 0, 2);
  state.pushText(L, text);
  state.setField(L, -2, 'err');
  if (counted) {
    lua.lua_pushboolean(L, 1);
    state.setField(L, -2, 'ignore_error_stats_update');
  }
}

/** Raises such an error. */
export function raiseError(state: LuaState, L: number, message: string): never {
  pushError(state, L, message);
  return state.raise(L);
}

/** Sets numbers as fields of the table on top. */
function setNumbers(state: LuaState, L: number, numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    state.lua.lua_pushnumber(L, value);
    state.setField(L, -2, name);
  }
}

/** redis.log and the version: libraries of functions have these while they are loaded, too. Into the table on top. */
export function addLogAndVersion(state: LuaState, L: number, host: ScriptHost): void {
  const [major, minor, patch] = host.version.split('.').map(Number);
  setNumbers(state, L, CONSTANTS);
  setNumbers(state, L, { REDIS_VERSION_NUM: (major << 16) | (minor << 8) | patch });
  state.pushText(L, host.version);
  state.setField(L, -2, 'REDIS_VERSION');
  state.setFunctions(L, { log: (T) => log(state, T, host) });
}

/** Everything else that calls no command. `setProtocol` is told of redis.setresp. Into the table on top. */
export function addReplies(state: LuaState, L: number, setProtocol: (protocol: number) => void): void {
  const functions: Record<string, LuaFunction> = {
    error_reply: (T) => errorReply(state, T),
    status_reply: (T) => statusReply(state, T),
    sha1hex: (T) => sha1hex(state, T),
    setresp: (T) => setResp(state, T, setProtocol),
    replicate_commands: (T) => pushTrue(state, T),
    set_repl: (T) => setRepl(state, T),
    breakpoint: (T) => {
      state.lua.lua_pushboolean(T, 0);
      return 1;
    },
    debug: () => 0,
  };
  state.setFunctions(L, functions);
  setNumbers(state, L, REPLICATION_CONSTANTS);
}

function pushTrue(state: LuaState, L: number): number {
  state.lua.lua_pushboolean(L, 1);
  return 1;
}

/** True when there is just one argument, a string; otherwise an error has been pushed as the result. */
function oneString(state: LuaState, L: number): boolean {
  if (state.lua.lua_gettop(L) === 1 && state.lua.lua_type(L, 1) === LUA_TSTRING) return true;
  pushError(state, L, 'wrong number or type of arguments');
  return false;
}

function errorReply(state: LuaState, L: number): number {
  if (!oneString(state, L)) return 1;
  const text = state.text(L, 1);
  pushError(state, L, text.startsWith('-') ? text : `-${text}`);
  return 1;
}

function statusReply(state: LuaState, L: number): number {
  if (!oneString(state, L)) return 1;
  const { lua } = state;
  lua.lua_createtable(L, 0, 1);
  lua.lua_pushvalue(L, 1);
  state.setField(L, -2, 'ok');
  return 1;
}

function sha1hex(state: LuaState, L: number): number {
  if (state.lua.lua_gettop(L) !== 1) raiseError(state, L, 'wrong number of arguments');
  const at = state.bytesAt(L, 1);
  const bytes = state.u8.subarray(at, at + state.length);
  state.pushText(L, createHash('sha1').update(bytes).digest('hex'));
  return 1;
}

function setResp(state: LuaState, L: number, setProtocol: (protocol: number) => void): number {
  const { lua } = state;
  if (lua.lua_gettop(L) !== 1) raiseError(state, L, 'redis.setresp() requires one argument.');
  const protocol = Math.trunc(lua.lua_tonumber(L, 1));
  if (protocol !== 2 && protocol !== 3) raiseError(state, L, 'RESP version must be 2 or 3.');
  setProtocol(protocol);
  return 0;
}

function setRepl(state: LuaState, L: number): number {
  const { lua } = state;
  if (lua.lua_gettop(L) !== 1) raiseError(state, L, 'redis.set_repl() requires two arguments.');
  if ((lua.lua_tonumber(L, 1) & ~REPL_ALL) !== 0) {
    raiseError(state, L, 'Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.');
  }
  return 0;
}

function log(state: LuaState, L: number, host: ScriptHost): number {
  const { lua } = state;
  const n = lua.lua_gettop(L);
  if (n < 2) raiseError(state, L, 'redis.log() requires two arguments or more.');
  const type = lua.lua_type(L, 1);
  if (type !== LUA_TNUMBER && lua.lua_isnumber(L, 1) === 0) {
    raiseError(state, L, 'First argument must be a number (log level).');
  }
  const level = Math.trunc(lua.lua_tonumber(L, 1));
  if (level < 0 || level > 3) raiseError(state, L, 'Invalid debug level.');
  const words: string[] = [];
  for (let i = 2; i <= n; i++) if (lua.lua_isstring(L, i) !== 0) words.push(state.text(L, i));
  host.log(level as ScriptLogLevel, words.join(' '));
  return 0;
}
