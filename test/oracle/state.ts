/**
 * The whole state of both servers, compared: keys of each database, their types, encodings, deadlines and contents. What
 * commands answer may be the same for a while after the data has silently parted.
 */
import { ClientView, sameReply } from './compare.ts';
import type { Differences } from './differences.ts';
import type { Command } from './units.ts';
import { parseValue } from './value.ts';

/** How both sides are asked, and what may differ. */
export interface Question {
  ours(commands: readonly Command[]): Promise<string[]>;
  theirs(commands: readonly Command[]): Promise<string[]>;
  readonly differences: Differences;
}

export interface Parted {
  readonly command: Command;
  readonly ours: string;
  readonly theirs: string;
}

/** Databases that streams reach: SELECT, MOVE and COPY know no others. */
const DATABASES = ['0', '1', '2', '15'];

const CONTENTS: Readonly<Record<string, (key: string) => Command[]>> = {
  string: (key) => [['GET', key]],
  list: (key) => [['LRANGE', key, '0', '-1']],
  set: (key) => [['SMEMBERS', key]],
  hash: (key) => [['HGETALL', key]],
  zset: (key) => [['ZRANGE', key, '0', '-1', 'WITHSCORES']],
  stream: (key) => [
    ['XRANGE', key, '-', '+'],
    ['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'],
  ],
};

/** Where the states differ; null when they don't. */
export async function compareState(question: Question): Promise<Parted | null> {
  for (const database of DATABASES) {
    const keys = await compare(question, [
      ['SELECT', database],
      ['KEYS', '*'],
    ]);
    if (!Array.isArray(keys)) return keys;
    const names = (parseValue(keys[1]).items ?? []).map(({ text }) => text);
    if (names.length === 0) continue;
    const types = await compare(
      question,
      names.map((name) => ['TYPE', name]),
    );
    if (!Array.isArray(types)) return types;
    const parted = await compare(
      question,
      names.flatMap((name, i) => [
        ['OBJECT', 'ENCODING', name],
        ['PEXPIRETIME', name],
        ['DUMP', name],
        ...(CONTENTS[types[i].slice(1, -2)]?.(name) ?? []),
      ]),
    );
    if (!Array.isArray(parted)) return parted;
  }
  await compare(question, [['SELECT', '0']]);
  return null;
}

/** Our replies when both answer the same. */
async function compare(question: Question, commands: readonly Command[]): Promise<string[] | Parted> {
  const [ours, theirs] = await Promise.all([question.ours(commands), question.theirs(commands)]);
  const client = new ClientView();
  for (const [i, words] of commands.entries()) {
    const [mine, other] = [ours[i] ?? '(nothing)', theirs[i] ?? '(nothing)'];
    if (!sameReply(question.differences, client, words, mine, other)) {
      return { command: words, ours: mine, theirs: other };
    }
  }
  return ours;
}
