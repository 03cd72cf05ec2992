/**
 * One connection as the server sees it: the client that commands know, and the bytes of it that no command was made of yet.
 */
import { Client } from '../engine/client.ts';
import type { PartialCommand } from '../resp/parser.ts';
import type { Waiting } from './blocking.ts';
import type { Subscriptions } from './pubsub.ts';
import type { Transaction } from './transaction.ts';
import type { WatchedKey } from './watch.ts';

/** A client, and what its connection has not understood yet. */
export class Session extends Client {
  /** Bytes of an incomplete command (or of all that waits while the client is held), in packet memory; 0 when there is none. */
  queryOffset = 0;
  queryCapacity = 0;
  queryLength = 0;
  /** The query buffer holds the beginning of one command, and `partial` what is known of it. */
  incomplete = false;
  partial: PartialCommand | null = null;
  /** Executes nothing for now (CLIENT PAUSE, blocking commands). */
  held = false;
  peerEnded = false;
  /** The place of its command among the scripts that wait for the end of the turn; -1 when it has none there. */
  script = -1;
  /** What it is blocked for (CLIENT_BLOCKED). */
  waiting: Waiting | null = null;
  /** What it has queued since MULTI (CLIENT_MULTI). */
  transaction: Transaction | null = null;
  /** The channels that it listens to; null when there are none (CLIENT_PUBSUB). */
  subscriptions: Subscriptions | null = null;
  /** The client that is told in its place of keys that change (CLIENT TRACKING REDIRECT); 0: itself. */
  redirect = 0;
  /** The prefixes of keys that it is told of (CLIENT_TRACKING_BCAST). */
  readonly prefixes = new Set<string>();
  /** The keys that it watches. */
  watched: WatchedKey[] = [];
}
