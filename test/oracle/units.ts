/**
 * What a stream consists of, and how it is written down: units that belong together (a SPOP and the DEL that makes both sides
 * alike again, a whole transaction), which may be left out of a failing stream one by one.
 */

/** Words are text with one character for each byte. */
export type Command = readonly string[];

/** Commands of one client, which are sent together with those of the unit before and after it. */
export interface CommandsUnit {
  readonly kind: 'commands';
  readonly client: number;
  readonly commands: readonly Command[];
  /** The client may be blocked afterwards, so nothing of it may follow in the same go. */
  readonly alone?: true;
  /** So much time goes by afterwards: what has a deadline of a few ms is over. Not within a transaction. */
  readonly pauseMs?: number;
  /** What is sent after that time. */
  readonly after?: readonly Command[];
}

export type Unit =
  | CommandsUnit
  /** A SCAN, SSCAN, HSCAN or ZSCAN from its beginning to its end; the cursor stands at word `cursor`. */
  | { readonly kind: 'scan'; readonly words: Command; readonly cursor: number }
  /** DUMP of one key, RESTORE of another: each side what it dumped itself, or both what redis-server dumped. */
  | { readonly kind: 'transfer'; readonly from: string; readonly restore: Command; readonly own: boolean }
  /** CLIENT UNBLOCK of one of the clients. */
  | { readonly kind: 'unblock'; readonly client: number; readonly error: boolean };

/** Stands for the payload in the RESTORE of a transfer. */
export const PAYLOAD = '<payload>';

/** A stream with what it runs on. */
export interface Stream {
  readonly protocol: number;
  /** CONFIG SET on both sides before the stream. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** Sets that are no listpacks, as in Redis 7.0. */
  readonly plainSets: boolean;
  /** Events of all keys are listened to. */
  readonly events: boolean;
  readonly units: readonly Unit[];
}

export const commandCount = (unit: Unit): number => (unit.kind === 'commands' ? unit.commands.length : 1);
