/**
 * What commands know of the client that sent them: one object for each connection, made by the session, listed in
 * `Clients`. Transport and buffers are behind `stream`; nothing here depends on which transport it is.
 */
import type { Stream } from '../link/stream.ts';

/** Flags of a client. */
export const CLIENT_MONITOR = 1;
/** Close once the replies written so far are sent. */
export const CLIENT_CLOSE_AFTER_REPLY = 2;
/** CLIENT REPLY OFF. */
export const CLIENT_REPLY_OFF = 4;
/** CLIENT REPLY SKIP: the next command's reply is left out. */
export const CLIENT_REPLY_SKIP_NEXT = 8;
/** The reply of the command that runs now is left out. */
export const CLIENT_REPLY_SKIP = 16;
export const CLIENT_NO_EVICT = 32;
export const CLIENT_NO_TOUCH = 64;
/** Held back by CLIENT PAUSE: its commands wait. */
export const CLIENT_PAUSED = 128;
/** Subscribed to at least one channel (RESP2 restricts its commands). */
export const CLIENT_PUBSUB = 256;
/** Closed by CLIENT KILL, a limit or an error: executes nothing more. */
export const CLIENT_CLOSING = 512;
/** Between MULTI and EXEC: its commands are queued. */
export const CLIENT_MULTI = 1024;
/** A key that it watches was changed: EXEC fails. */
export const CLIENT_DIRTY_CAS = 2048;
/** A command was refused while queueing: EXEC aborts. */
export const CLIENT_DIRTY_EXEC = 4096;
/** Waits for a key, or for time. */
export const CLIENT_BLOCKED = 8192;
/** CLIENT TRACKING is on: it is told when keys change that it has read … */
export const CLIENT_TRACKING = 1 << 14;
/** … or any below its prefixes. */
export const CLIENT_TRACKING_BCAST = 1 << 15;
/** Only keys of commands after CLIENT CACHING YES. */
export const CLIENT_TRACKING_OPTIN = 1 << 16;
/** All but keys of commands after CLIENT CACHING NO. */
export const CLIENT_TRACKING_OPTOUT = 1 << 17;
/** Not of its own changes. */
export const CLIENT_TRACKING_NOLOOP = 1 << 18;
/** CLIENT CACHING was given for the next command. */
export const CLIENT_TRACKING_CACHING = 1 << 19;
/** The client that was to be told in its place is gone. */
export const CLIENT_TRACKING_BROKEN_REDIR = 1 << 20;

export class Client {
  readonly id: number;
  readonly stream: Stream;
  /** RESP version, 2 or 3. */
  protocol = 2;
  /** Selected database. */
  database = 0;
  flags = 0;
  /** False while AUTH is still required. */
  authenticated: boolean;
  user = 'default';
  name = '';
  libraryName = '';
  libraryVersion = '';
  readonly createdMs: number;
  lastCommandMs: number;
  /** Command table id of the last command, -1 before the first. */
  lastCommand = -1;
  /** Name of the last subcommand, for CLIENT LIST (`client|list`), or ''. */
  lastSubcommand = '';
  totalCommands = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Bytes of incomplete requests held now, and the most there were. */
  queryBytes = 0;
  queryPeakBytes = 0;

  constructor(id: number, stream: Stream, nowMs: number, authenticated: boolean) {
    this.id = id;
    this.stream = stream;
    this.createdMs = nowMs;
    this.lastCommandMs = nowMs;
    this.authenticated = authenticated;
  }
}
