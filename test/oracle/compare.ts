/**
 * Are the replies to a command the same, but for what may differ? Knows what each client has queued since MULTI, so that EXEC's
 * replies are compared each by the rules of its command, and what a script runs.
 */
import type { Differences } from './differences.ts';
import type { Command } from './units.ts';
import { canonical, parseValue, type Value } from './value.ts';

/** A client as the comparison sees it. */
export class ClientView {
  /** Commands since MULTI; null when there is none. */
  queue: Command[] | null = null;
  /** What it sent last. */
  last: Command = [];

  /** The command was answered. */
  note(words: Command, reply: string): void {
    const name = words[0]?.toLowerCase() ?? '';
    this.last = words;
    if (this.queue === null) {
      if (name === 'multi' && reply.startsWith('+OK')) this.queue = [];
    } else if (reply.startsWith('+QUEUED')) this.queue.push(words);
    else if (name === 'exec' || name === 'discard' || name === 'reset') this.queue = null;
  }
}

/** The command that a script of the mix runs; other commands as they are. */
export function innerCommand(words: Command): Command {
  if (!/^eval(_ro)?$/i.test(words[0] ?? '') || !/unpack\(ARGV/.test(words[1] ?? '')) return words;
  const keys = Number(words[2]);
  if (keys === 0) return words.slice(3);
  return [words[4] ?? '', words[3] ?? '', ...words.slice(5)];
}

export function sameReply(
  differences: Differences,
  client: ClientView,
  words: Command,
  ours: string,
  theirs: string,
): boolean {
  if (ours === theirs) return true;
  const [a, b] = [parseValue(ours), parseValue(theirs)];
  if (client.queue !== null && words[0]?.toLowerCase() === 'exec') return sameExec(differences, client.queue, a, b);
  return allowed(differences, words, a, b);
}

function sameExec(differences: Differences, queue: readonly Command[], ours: Value, theirs: Value): boolean {
  const [a, b] = [ours.items, theirs.items];
  if (a === null || b === null || a.length !== b.length || a.length !== queue.length) return false;
  return queue.every((words, i) => canonical(a[i]) === canonical(b[i]) || allowed(differences, words, a[i], b[i]));
}

function allowed(differences: Differences, words: Command, ours: Value, theirs: Value): boolean {
  const inner = innerCommand(words);
  return differences.allow(inner, ours, theirs) || (inner !== words && differences.allow(words, ours, theirs));
}
