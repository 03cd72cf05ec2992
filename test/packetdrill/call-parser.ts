/**
 * A system call of a script, with its result:
 *
 *   connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
 *   ...0.200 accept(3, ..., ...) = 4                 blocks, and returns at 0.200
 *   poll([{fd=3, events=POLLIN, revents=0}], 1, 0) = 0
 */
import type { Cursor } from './cursor.ts';
import type { CallAction, Expression, StructField } from './script.ts';

const OPEN: Expression = { kind: 'open' };

export function parseCall(cursor: Cursor): CallAction {
  const endUs = cursor.take('ellipsis') ? cursor.seconds() : null;
  const name = cursor.expect('word', 'a system call').text;
  cursor.expectMark('(');
  const parameters = cursor.isMark(')') ? [] : parseExpressions(cursor);
  cursor.expectMark(')');
  cursor.expectMark('=');
  const result = parseExpression(cursor);
  const errno = cursor.is('word') ? cursor.next().text : null;
  skipNote(cursor);
  return { kind: 'call', name, arguments: parameters, endUs, result, errno };
}

/** `(Operation now in progress)`: for readers. */
function skipNote(cursor: Cursor): void {
  if (!cursor.takeMark('(')) return;
  while (!cursor.takeMark(')')) {
    if (cursor.ended) cursor.fail("')'");
    cursor.next();
  }
}

function parseExpressions(cursor: Cursor): Expression[] {
  const items: Expression[] = [];
  do items.push(parseExpression(cursor));
  while (cursor.takeMark(','));
  return items;
}

export function parseExpression(cursor: Cursor): Expression {
  const first = parseTerm(cursor);
  if (!cursor.isMark('|')) return first;
  const terms = [first];
  while (cursor.takeMark('|')) terms.push(parseTerm(cursor));
  return { kind: 'or', terms };
}

function parseTerm(cursor: Cursor): Expression {
  const token = cursor.token;
  switch (token.kind) {
    case 'ellipsis':
      cursor.next();
      return OPEN;
    case 'integer':
      cursor.next();
      return { kind: 'number', value: Number(token.text) };
    case 'string':
      return parseString(cursor);
    case 'word':
      return parseWord(cursor);
    default:
      if (cursor.takeMark('[')) return parseList(cursor);
      if (cursor.takeMark('{')) return parseStruct(cursor);
      return cursor.fail('a value');
  }
}

/** One after another they are one; `"abc"...` leaves its rest open. */
function parseString(cursor: Cursor): Expression {
  let value = '';
  while (cursor.is('string')) value += cursor.next().text;
  cursor.take('ellipsis');
  return { kind: 'string', value };
}

/** A constant, or a function of constants: `htons(8080)`. */
function parseWord(cursor: Cursor): Expression {
  const name = cursor.next().text;
  if (!cursor.takeMark('(')) return { kind: 'word', name };
  const parameters = cursor.isMark(')') ? [] : parseExpressions(cursor);
  cursor.expectMark(')');
  return { kind: 'function', name, arguments: parameters };
}

function parseList(cursor: Cursor): Expression {
  const items = cursor.isMark(']') ? [] : parseExpressions(cursor);
  cursor.expectMark(']');
  return { kind: 'list', items };
}

function parseStruct(cursor: Cursor): Expression {
  const fields: StructField[] = [];
  if (!cursor.isMark('}')) {
    do fields.push(parseField(cursor, fields.length));
    while (cursor.takeMark(','));
  }
  cursor.expectMark('}');
  return { kind: 'struct', fields };
}

/** `events=POLLIN`, `msg_iov(1)=[…]`, or a value alone, which is named by its place. */
function parseField(cursor: Cursor, place: number): StructField {
  if (cursor.is('word') && cursor.peek(1).text === '=') {
    const name = cursor.next().text;
    cursor.next();
    return { name, value: parseExpression(cursor) };
  }
  const value = parseExpression(cursor);
  if (value.kind !== 'function' || !cursor.takeMark('=')) return { name: String(place), value };
  return { name: value.name, value: parseExpression(cursor) };
}
