/**
 * The script language's outer grammar: options, then events with their times. What an event does is parsed in
 * packet-parser.ts and call-parser.ts.
 *
 *   script ─▶ option* event*        event ─▶ time (packet │ call │ `shell` │ %{ code }%)
 *   time ─▶ 1.5  +1.5  1.5~2  +1.5~+2  *
 */
import { parseCall } from './call-parser.ts';
import { Cursor } from './cursor.ts';
import { tokenize } from './lexer.ts';
import { parsePacket } from './packet-parser.ts';
import { type Definitions, preprocess } from './preprocess.ts';
import { type EventTime, type Script, ScriptError, type ScriptEvent, type ScriptOption } from './script.ts';

const DEFINE_OPTION = /^\s*--define=([A-Za-z_]\w*)(?:=(.*?))?\s*$/gm;
const AT_ONCE: EventTime = { kind: 'relative', us: 0, endUs: 0 };

/** Parses a script. Throws ScriptError with the line, or Unsupported when the line is of a protocol that isn't spoken here. */
export function parseScript(file: string, text: string, defines: Definitions = new Map()): Script {
  const definitions = new Map(defines);
  for (const [, name, value] of text.matchAll(DEFINE_OPTION)) definitions.set(name, value ?? '');
  const cursor = new Cursor(tokenize(preprocess(text, definitions), definitions));
  const options: ScriptOption[] = [];
  while (cursor.is('option')) options.push(parseOption(cursor));
  const events: ScriptEvent[] = [];
  while (!cursor.ended) events.push(parseEvent(cursor));
  if (events.length === 0) throw new ScriptError(cursor.line, 'a script needs at least one event');
  return { file, options, events };
}

function parseOption(cursor: Cursor): ScriptOption {
  const { line, text: name } = cursor.next();
  if (!cursor.takeMark('=')) return { line, name, value: null };
  const parts: string[] = [];
  // A value ends where its line or the white space before the next token begins.
  do parts.push(cursor.next().text);
  while (cursor.line === line && !cursor.token.spaced && !cursor.ended && !cursor.is('option'));
  return { line, name, value: parts.join('') };
}

function parseEvent(cursor: Cursor): ScriptEvent {
  const line = cursor.line;
  const timed = !cursor.is('shell') && !cursor.is('code');
  const time = timed ? parseTime(cursor) : AT_ONCE;
  const action = parseAction(cursor);
  const outgoing = action.kind === 'packet' && action.direction === 'out';
  const isRange = time.kind !== 'any' && time.endUs !== time.us;
  if (!outgoing && (isRange || time.kind === 'any')) {
    throw new ScriptError(line, 'only a packet that the stack sends can have a time range, or any time');
  }
  return { line, time, action };
}

function parseAction(cursor: Cursor): ScriptEvent['action'] {
  if (cursor.isMark('<') || cursor.isMark('>')) return parsePacket(cursor);
  if (cursor.is('shell')) return { kind: 'shell', command: cursor.next().text };
  if (cursor.is('code')) return { kind: 'code', text: cursor.next().text };
  if (cursor.is('word') || cursor.is('ellipsis')) return parseCall(cursor);
  return cursor.fail('a packet, a system call, a `command` or %{ code }%');
}

function parseTime(cursor: Cursor): EventTime {
  if (cursor.takeMark('*')) return { kind: 'any' };
  const kind = cursor.takeMark('+') ? 'relative' : 'absolute';
  const line = cursor.line;
  const us = cursor.seconds();
  if (!cursor.takeMark('~')) return { kind, us, endUs: us };
  if (kind === 'relative') cursor.expectMark('+');
  const endUs = cursor.seconds();
  if (endUs < us) throw new ScriptError(line, 'this time range is backwards');
  return { kind, us, endUs };
}
