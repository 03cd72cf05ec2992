/**
 * Where the fields of a stream's objects in the arena are, in 32-bit words. Everything hangs from the root:
 *
 *   root ─┬─ tree of nodes ──▶ node: a listpack of entries (log.ts)
 *         └─ groups by name ─▶ group ─┬─ tree of pending entries ─▶ NACK: when, how often and to whom it was delivered
 *                                     └─ consumers by name ─▶ consumer ── tree of its pending entries ─▶ the same NACKs
 *
 *   root      length │ – │ entries added, 2 │ last ID, 4 │ first ID, 4 │ largest deleted ID, 4 │ tree, 4 │ groups, 3 │ –
 *   group     name's length │ consumers, 3 │ last ID, 4 │ entries read, 2 │ tree, 4 │ name …
 *   consumer  name's length │ – │ seen, 2 │ active, 2 │ tree, 4 │ name …
 *   NACK      time, low │ time, high 11; count, high 21 │ consumer │ count, low
 *   node      bytes allocated │ listpack …
 *
 * 64-bit fields have the low word first. Times are ms since 1970.
 */
import { ID_WORDS } from './id.ts';
import { TREE_WORDS } from './id-tree.ts';

export const ROOT_LENGTH = 0;
export const ROOT_ADDED = 2;
export const ROOT_LAST = 4;
export const ROOT_FIRST = ROOT_LAST + ID_WORDS;
export const ROOT_DELETED = ROOT_FIRST + ID_WORDS;
export const ROOT_NODES = ROOT_DELETED + ID_WORDS;
export const ROOT_GROUPS = ROOT_NODES + TREE_WORDS;
export const ROOT_WORDS = 24;

export const GROUP_CONSUMERS = 1;
export const GROUP_LAST = 4;
export const GROUP_READ = GROUP_LAST + ID_WORDS;
export const GROUP_PENDING = GROUP_READ + 2;
export const GROUP_WORDS = GROUP_PENDING + TREE_WORDS;

export const CONSUMER_SEEN = 2;
export const CONSUMER_ACTIVE = 4;
export const CONSUMER_PENDING = 6;
export const CONSUMER_WORDS = CONSUMER_PENDING + TREE_WORDS;

export const NACK_BYTES = 16;
export const NACK_TIME = 0;
export const NACK_HIGH = 1;
export const NACK_CONSUMER = 2;
export const NACK_COUNT = 3;

/** A node's listpack begins here, in bytes. */
export const NODE_LISTPACK = 4;
