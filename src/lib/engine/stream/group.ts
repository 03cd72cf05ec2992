/** XGROUP: making and removing groups and their consumers, and setting where a group is. */
import { StreamId } from '../../store/stream/id.ts';
import { GROUP_ROOT } from '../../store/stream/streams.ts';
import { isWord, optionWord, shownText, subcommandSyntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { changed, hashOf, hasRoom, outOfMemory } from '../keys.ts';
import {
  consumerArgument,
  createStream,
  edgeArgument,
  ensureConsumer,
  groupArgument,
  idArgument,
  int64Argument,
  isByte,
  openToWrite,
} from './value.ts';

const HELP = [
  'XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'CREATE <key> <groupname> <id|$> [option]',
  '    Create a new consumer group. Options are:',
  '    * MKSTREAM',
  '      Create the empty stream if it does not exist.',
  '    * ENTRIESREAD entries_read',
  "      Set the group's entries_read counter (internal use).",
  'CREATECONSUMER <key> <groupname> <consumer>',
  '    Create a new consumer in the specified group.',
  'DELCONSUMER <key> <groupname> <consumer>',
  '    Remove the specified consumer.',
  'DESTROY <key> <groupname>',
  '    Remove the specified group.',
  'SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]',
  '    Set the current group ID and entries_read counter.',
  'HELP',
  '    Prints this help.',
];

const WORD_MKSTREAM = optionWord('MKSTREAM');
const WORD_ENTRIESREAD = optionWord('ENTRIESREAD');
const DOLLAR = 36;
/** What a group or a consumer takes beside its name. */
const GROUP_ROOM = 1024;

const id = new StreamId();
/** The ENTRIESREAD option: -1 if it isn't given. */
const entriesRead = new Int32Array(2);
let makesStream = false;
/** Words of XGROUP CREATE and SETID with all options. */
const MOST_OF_CREATE = 8;
const MOST_OF_SETID = 7;

/** Existence and arity of the subcommand are checked before. */
export function xgroup(engine: Engine, arg: number, argc: number): void {
  const name = engine.text(arg + 1).toLowerCase();
  if (name === 'help') {
    engine.reply.array(HELP.length);
    for (const line of HELP) engine.reply.simple(line);
    return;
  }
  if (!readOptions(engine, arg, argc, name)) return;
  const ref = openToWrite(engine, arg + 2, hashOf(engine, arg + 2));
  if (ref === -1) return;
  if (ref === 0 && !makesStream) {
    engine.reply.error(
      'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option ' +
        'to create an empty stream automatically.',
    );
    return;
  }
  if (name === 'create') {
    // An option that is there twice.
    if (argc > MOST_OF_CREATE) subcommandSyntaxError(engine, arg, 'XGROUP');
    else create(engine, arg, ref);
    return;
  }
  const group = groupArgument(engine, arg + 3);
  if (name === 'destroy') destroy(engine, ref, group);
  else if (group === 0) noSuchGroupIn(engine, arg + 2, arg + 3);
  else if (name === 'setid' && argc > MOST_OF_SETID) subcommandSyntaxError(engine, arg, 'XGROUP');
  else if (name === 'setid') setId(engine, arg, ref, group);
  else if (name === 'createconsumer') createConsumer(engine, arg, ref, group);
  else deleteConsumer(engine, arg, ref, group);
}

export function noSuchGroupIn(engine: Engine, key: number, group: number): void {
  engine.reply.error(
    `NOGROUP No such consumer group '${shownText(engine, group)}' for key name '${shownText(engine, key)}'`,
  );
}

/** The options of CREATE and SETID; false after an error. */
function readOptions(engine: Engine, arg: number, argc: number, name: string): boolean {
  makesStream = false;
  entriesRead.fill(-1);
  if (name !== 'create' && name !== 'setid') return true;
  for (let i = arg + 5; i < arg + argc; i++) {
    if (name === 'create' && isWord(engine, i, WORD_MKSTREAM)) makesStream = true;
    else if (i + 1 < arg + argc && isWord(engine, i, WORD_ENTRIESREAD)) {
      if (!int64Argument(engine, ++i, entriesRead)) return false;
      if (entriesRead[1] < 0 && (entriesRead[0] & entriesRead[1]) !== -1) {
        engine.reply.error('ERR value for ENTRIESREAD must be positive or -1');
        return false;
      }
    } else {
      subcommandSyntaxError(engine, arg, 'XGROUP');
      return false;
    }
  }
  return true;
}

/** XGROUP CREATE key group id|$ [MKSTREAM] [ENTRIESREAD entries-read] */
function create(engine: Engine, arg: number, found: number): void {
  const { streams } = engine.values;
  if (!isByte(engine, arg + 4, DOLLAR)) {
    if (!idArgument(engine, arg + 4, id)) return;
  } else if (found !== 0) streams.log.lastId(id);
  else id.setMin();
  if (!hasRoom(engine, engine.argLength[arg + 2] + engine.argLength[arg + 3] + GROUP_ROOM)) return;
  const ref = found === 0 ? createStream(engine, arg + 2) : found;
  if (ref === 0) return;
  if (groupArgument(engine, arg + 3) !== 0) {
    engine.reply.error('BUSYGROUP Consumer Group name already exists');
    return;
  }
  const { dv } = engine.memory;
  const made = streams.groups.create(streams.log.root, dv, engine.argOffset[arg + 3], engine.argLength[arg + 3]);
  if (made === 0) {
    if (found === 0) engine.db.remove(ref);
    outOfMemory(engine);
    return;
  }
  streams.groups.setLastId(made, id);
  streams.groups.setRead(made, entriesRead[0], entriesRead[1]);
  engine.reply.ok();
  changed(engine, engine.db, 'xgroup-create', ref);
}

/** XGROUP SETID key group id|$ [ENTRIESREAD entries-read] */
function setId(engine: Engine, arg: number, ref: number, group: number): void {
  const { log, groups } = engine.values.streams;
  if (isByte(engine, arg + 4, DOLLAR)) log.lastId(id);
  else if (!edgeArgument(engine, arg + 4, id)) return;
  groups.setLastId(group, id);
  groups.setRead(group, entriesRead[0], entriesRead[1]);
  engine.reply.ok();
  changed(engine, engine.db, 'xgroup-setid', ref);
}

/** XGROUP DESTROY key group: what is pending in it is freed in steps. */
function destroy(engine: Engine, ref: number, group: number): void {
  const { streams, reaper } = engine.values;
  if (group === 0) {
    engine.reply.integer(0);
    return;
  }
  streams.groups.detach(streams.log.root, group);
  reaper.bury(streams, group, GROUP_ROOT);
  engine.reply.integer(1);
  changed(engine, engine.db, 'xgroup-destroy', ref);
}

/** XGROUP CREATECONSUMER key group consumer */
function createConsumer(engine: Engine, arg: number, ref: number, group: number): void {
  if (consumerArgument(engine, group, arg + 4) !== 0) {
    engine.reply.integer(0);
    return;
  }
  if (!hasRoom(engine, engine.argLength[arg + 4] + GROUP_ROOM)) return;
  if (ensureConsumer(engine, ref, group, arg + 4) === 0) outOfMemory(engine);
  else engine.reply.integer(1);
}

/** XGROUP DELCONSUMER key group consumer */
function deleteConsumer(engine: Engine, arg: number, ref: number, group: number): void {
  const { groups } = engine.values.streams;
  const consumer = consumerArgument(engine, group, arg + 4);
  if (consumer === 0) {
    engine.reply.integer(0);
    return;
  }
  const pending = groups.pendingOf(consumer).size;
  groups.removeConsumer(group, consumer);
  engine.reply.integer(pending);
  changed(engine, engine.db, 'xgroup-delconsumer', ref);
}
