/** EVAL, FCALL and their kin, SCRIPT and FUNCTION: arguments in, replies out; the work is in lib/script. */
import { shownText } from '../../engine/arguments.ts';
import type { Engine, Handler } from '../../engine/engine.ts';
import { globMatches } from '../../engine/glob.ts';
import { openPayload, reader, sealPayload, writer } from '../../engine/rdb/payload.ts';
import { Slice } from '../../engine/rdb/reader.ts';
import { type Functions, type Library, LibraryError, type LibraryFunction } from '../../script/functions.ts';
import { SCRIPT_FLAG_NAMES } from '../../script/run.ts';
import type { Scripting } from '../../script/scripting.ts';
import type { ServerContext } from '../context.ts';
import { bulkLatin1, container } from './container.ts';

/** RDB opcode of a library. */
const FUNCTION2 = 245;
const FUNCTION_PRE_GA = 246;

const SCRIPT_HELP = [
  'DEBUG (YES|SYNC|NO)',
  '    Set the debug mode for subsequent scripts executed.',
  'EXISTS <sha1> [<sha1> ...]',
  '    Return information about the existence of the scripts in the script cache.',
  'FLUSH [ASYNC|SYNC]',
  '    Flush the Lua scripts cache. Very dangerous on replicas.',
  '    When called without the optional mode argument, the behavior is determined by the',
  '    lazyfree-lazy-user-flush configuration directive. Valid modes are:',
  '    * ASYNC: Asynchronously flush the scripts cache.',
  '    * SYNC: Synchronously flush the scripts cache.',
  'KILL',
  '    Kill the currently executing Lua script.',
  'LOAD <script>',
  '    Load a script into the scripts cache without executing it.',
];

const FUNCTION_HELP = [
  'LOAD [REPLACE] <FUNCTION CODE>',
  '    Create a new library with the given library name and code.',
  'DELETE <LIBRARY NAME>',
  '    Delete the given library.',
  'LIST [LIBRARYNAME PATTERN] [WITHCODE]',
  '    Return general information on all the libraries:',
  '    * Library name',
  '    * The engine used to run the Library',
  '    * Library description',
  '    * Functions list',
  '    * Library code (if WITHCODE is given)',
  '    It also possible to get only function that matches a pattern using LIBRARYNAME argument.',
  'STATS',
  '    Return information about the current function running:',
  '    * Function name',
  '    * Command used to run the function',
  '    * Duration in MS that the function is running',
  '    If no function is running, return nil',
  '    In addition, returns a list of available engines.',
  'KILL',
  '    Kill the current running function.',
  'FLUSH [ASYNC|SYNC]',
  '    Delete all the libraries.',
  '    When called without the optional mode argument, the behavior is determined by the',
  '    lazyfree-lazy-user-flush configuration directive. Valid modes are:',
  '    * ASYNC: Asynchronously flush the libraries.',
  '    * SYNC: Synchronously flush the libraries.',
  'DUMP',
  '    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command',
  'RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]',
  '    Restore the libraries represented by the given payload, it is possible to give a restore policy to',
  '    control how to handle existing libraries (default APPEND):',
  '    * FLUSH: delete all existing libraries.',
  '    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.',
  '    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old',
  '      libraries with the new libraries (notice that even on this option there is a chance of failure',
  '      in case of functions name collision with another library).',
];

export function scriptingHandlers(context: ServerContext): Record<string, Handler> {
  const { scripting } = context;
  const { scripts, functions } = scripting;
  /** MONITOR shows the script before what it does. */
  const shown =
    (run: Handler): Handler =>
    (engine, arg, argc) => {
      context.feedMonitorsOfScript(arg, argc);
      run(engine, arg, argc);
    };
  return {
    eval: shown((engine, arg, argc) => scripts.eval(engine, arg, argc, false)),
    eval_ro: shown((engine, arg, argc) => scripts.eval(engine, arg, argc, true)),
    evalsha: shown((engine, arg, argc) => scripts.evalSha(engine, arg, argc, false)),
    evalsha_ro: shown((engine, arg, argc) => scripts.evalSha(engine, arg, argc, true)),
    fcall: shown((engine, arg, argc) => functions.call(engine, arg, argc, false)),
    fcall_ro: shown((engine, arg, argc) => functions.call(engine, arg, argc, true)),
    script: scriptHandler(scripting),
    function: functionHandler(scripting),
  };
}

// ── SCRIPT ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function scriptHandler(scripting: Scripting): Handler {
  const { scripts } = scripting;
  return container('script', SCRIPT_HELP, {
    load: (engine, arg) => scripts.load(engine, arg + 2),
    exists: (engine, arg, argc) => {
      engine.reply.array(argc - 2);
      for (let i = arg + 2; i < arg + argc; i++) engine.reply.integer(scripts.has(engine.text(i)) ? 1 : 0);
    },
    flush: (engine, arg, argc) => {
      if (argc > 3 || (argc === 3 && !isFlushMode(engine, arg + 2))) {
        engine.reply.error('ERR SCRIPT FLUSH only support SYNC|ASYNC option');
        return;
      }
      scripts.flush();
      engine.reply.ok();
    },
    kill: (engine) => kill(engine, scripting, true),
    debug: scriptDebug,
  });
}

/** The debugger itself is not there: the mode is accepted, and scripts run as ever. */
function scriptDebug(engine: Engine, arg: number): void {
  if (['yes', 'sync', 'no'].includes(engine.text(arg + 2).toLowerCase())) engine.reply.ok();
  else engine.reply.error('ERR Use SCRIPT DEBUG YES/SYNC/NO');
}

function isFlushMode(engine: Engine, i: number): boolean {
  return ['sync', 'async'].includes(engine.text(i).toLowerCase());
}

function kill(engine: Engine, scripting: Scripting, evals: boolean): void {
  const error = scripting.kill(evals);
  if (error === null) engine.reply.ok();
  else engine.reply.error(error);
}

// ── FUNCTION ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function functionHandler(scripting: Scripting): Handler {
  const { functions } = scripting;
  return container('function', FUNCTION_HELP, {
    load: (engine, arg, argc) => load(engine, functions, arg, argc),
    delete: (engine, arg) => {
      if (functions.delete(engine.text(arg + 2))) engine.reply.ok();
      else engine.reply.error('ERR Library not found');
    },
    flush: (engine, arg, argc) => {
      if (argc > 3) wrongSubcommand(engine, arg);
      else if (argc === 3 && !isFlushMode(engine, arg + 2)) {
        engine.reply.error('ERR FUNCTION FLUSH only supports SYNC|ASYNC option');
      } else {
        functions.flush();
        engine.reply.ok();
      }
    },
    kill: (engine) => kill(engine, scripting, false),
    list: (engine, arg, argc) => list(engine, functions, arg, argc),
    stats: (engine) => stats(engine, scripting),
    dump: (engine) => dump(engine, functions),
    restore: (engine, arg, argc) => restore(engine, functions, arg, argc),
  });
}

function wrongSubcommand(engine: Engine, arg: number): void {
  const name = engine.text(arg + 1);
  engine.reply.error(`ERR unknown subcommand or wrong number of arguments for '${name}'. Try FUNCTION HELP.`);
}

/** FUNCTION LOAD [REPLACE] code */
function load(engine: Engine, functions: Functions, arg: number, argc: number): void {
  for (let i = arg + 2; i < arg + argc - 1; i++) {
    const word = engine.text(i);
    if (word.toLowerCase() === 'replace') continue;
    engine.reply.error(`ERR Unknown option given: ${word}`);
    return;
  }
  const code = bytesOf(engine, arg + argc - 1);
  functions.guarded(engine, () => engine.reply.bulkText(functions.load(code, argc > 3)));
}

function bytesOf(engine: Engine, i: number): Uint8Array {
  return engine.memory.u8.slice(engine.argOffset[i], engine.argOffset[i] + engine.argLength[i]);
}

/** FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE] */
function list(engine: Engine, functions: Functions, arg: number, argc: number): void {
  let pattern = -1;
  let withCode = false;
  for (let i = arg + 2; i < arg + argc; i++) {
    const word = engine.text(i).toLowerCase();
    if (word === 'withcode' && !withCode) withCode = true;
    else if (word === 'libraryname' && pattern < 0) {
      pattern = ++i;
      if (i < arg + argc) continue;
      engine.reply.error('ERR library name argument was not given');
      return;
    } else {
      engine.reply.error(`ERR Unknown argument ${shownText(engine, i).replace(/[\r\n]/g, ' ')}`);
      return;
    }
  }
  const shown = [...functions.all()].filter((library) => pattern < 0 || matches(engine, pattern, library.name));
  engine.reply.array(shown.length);
  for (const library of shown) sayLibrary(engine, library, withCode);
}

function matches(engine: Engine, pattern: number, name: string): boolean {
  const bytes = Buffer.from(name.toLowerCase());
  const glob = Buffer.from(engine.text(pattern).toLowerCase(), 'latin1');
  return globMatches(glob, 0, glob.length, bytes, 0, bytes.length);
}

function sayLibrary(engine: Engine, library: Library, withCode: boolean): void {
  const { reply } = engine;
  reply.map(withCode ? 4 : 3);
  reply.bulkText('library_name');
  reply.bulkText(library.name);
  reply.bulkText('engine');
  reply.bulkText('LUA');
  reply.bulkText('functions');
  reply.array(library.functions.size);
  for (const made of library.functions.values()) sayFunction(engine, made);
  if (!withCode) return;
  reply.bulkText('library_code');
  reply.bulkBytes(library.code);
}

function sayFunction(engine: Engine, made: LibraryFunction): void {
  const { reply } = engine;
  reply.map(3);
  reply.bulkText('name');
  bulkLatin1(engine, made.name);
  reply.bulkText('description');
  if (made.description === null) reply.nil();
  else bulkLatin1(engine, made.description);
  reply.bulkText('flags');
  const flags = SCRIPT_FLAG_NAMES.filter(([, flag]) => (made.flags & flag) !== 0);
  reply.set(flags.length);
  for (const [name] of flags) reply.simple(name);
}

function stats(engine: Engine, scripting: Scripting): void {
  const { reply } = engine;
  const { functions, running } = scripting;
  if (running?.isEval === true && scripting.busyError !== null) {
    reply.error(scripting.busyError);
    return;
  }
  reply.map(2);
  reply.bulkText('running_script');
  if (running === null || running.isEval) reply.nil();
  else {
    reply.map(3);
    reply.bulkText('name');
    bulkLatin1(engine, running.name);
    reply.bulkText('command');
    reply.array(running.argc);
    for (let i = 0; i < running.argc; i++) bulkLatin1(engine, engine.text(running.arg + i));
    reply.bulkText('duration_ms');
    reply.integer(Math.floor(engine.clock.nowUs() / 1000 - running.startedMs));
  }
  reply.bulkText('engines');
  reply.map(1);
  reply.bulkText('LUA');
  reply.map(2);
  reply.bulkText('libraries_count');
  reply.integer(functions.libraryCount);
  reply.bulkText('functions_count');
  reply.integer(functions.functionCount);
}

/** Each library as its opcode and code, and what ends a payload. */
function dump(engine: Engine, functions: Functions): void {
  writer.begin(engine.rdb.version, engine.rdb.compression);
  for (const { code } of functions.all()) {
    writer.byte(FUNCTION2);
    writer.string(code, 0, code.length);
  }
  sealPayload();
  engine.reply.bulkBytes(writer.bytes.subarray(0, writer.length));
}

/** FUNCTION RESTORE payload [FLUSH|APPEND|REPLACE] */
function restore(engine: Engine, functions: Functions, arg: number, argc: number): void {
  if (argc > 4) {
    wrongSubcommand(engine, arg);
    return;
  }
  const policy = argc === 4 ? engine.text(arg + 3).toLowerCase() : 'append';
  if (policy !== 'flush' && policy !== 'append' && policy !== 'replace') {
    engine.reply.error('ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.');
    return;
  }
  const { memory } = engine;
  const start = engine.argOffset[arg + 2];
  const length = engine.argLength[arg + 2];
  if (!openPayload(engine, memory.u8, memory.dv, start, length)) {
    engine.reply.error('ERR DUMP payload version or checksum are wrong');
    return;
  }
  functions.guarded(engine, () => {
    functions.restore(readLibraries(start + length - FOOTER_BYTES), policy);
    engine.reply.ok();
  });
}

const FOOTER_BYTES = 10;

/** The code of each library up to `end`; a LibraryError when there is something else. */
function readLibraries(end: number): Uint8Array[] {
  const codes: Uint8Array[] = [];
  const slice = new Slice();
  while (reader.at < end) {
    const opcode = reader.byte();
    if (opcode === FUNCTION_PRE_GA) throw new LibraryError('Pre-GA function format not supported');
    if (opcode !== FUNCTION2) throw new LibraryError('given type is not a function');
    if (!reader.string(slice)) throw new LibraryError('Failed loading library data');
    codes.push(slice.bytes.slice(slice.start, slice.start + slice.length));
  }
  return codes;
}
