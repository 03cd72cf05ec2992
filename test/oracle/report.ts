/** A failure as text. */
import type { Failure } from './oracle.ts';

const MOST = 1500;

const cut = (text: string): string => {
  const quoted = JSON.stringify(text);
  return quoted.length > MOST ? `${quoted.slice(0, MOST)}… (${text.length})` : quoted;
};

export function shown(failure: Failure): string {
  const command = failure.command.map((word) => cut(word)).join(' ');
  return `${failure.what} of unit ${failure.unit}: ${command}\n  ours   ${cut(failure.ours)}\n  theirs ${cut(failure.theirs)}`;
}
