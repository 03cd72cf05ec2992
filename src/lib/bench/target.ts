/**
 * Servers that somebody else runs: `HOST:PORT`, with a name for the table in front if wanted: `before=127.0.0.1:6379`.
 */
import { UsageError } from '../cli/command-error.ts';
import type { Contender } from './contender.ts';
import { runningContender } from './contender.ts';

const MEND = 'rtcp bench --target 127.0.0.1:6379 --target other=127.0.0.1:6380';

/** The contenders; throws a UsageError when one is malformed or there are fewer than two. */
export function parseTargets(texts: readonly string[]): Contender[] {
  const contenders = texts.map(parseTarget);
  if (contenders.length < 2) throw new UsageError('one --target has nothing to be compared with', MEND);
  if (new Set(contenders.map((contender) => contender.name)).size < contenders.length) {
    throw new UsageError('two targets have one name', MEND);
  }
  return contenders;
}

function parseTarget(text: string): Contender {
  const match = /^(?:([\w-]+)=)?([\w.-]+):(\d{1,5})$/.exec(text);
  const port = match === null ? 0 : Number(match[3]);
  if (match === null || port < 1 || port > 65_535)
    throw new UsageError(`--target: '${text}' is not [NAME=]HOST:PORT`, MEND);
  return runningContender(match[1] ?? `${match[2]}:${port}`, match[2], port);
}
