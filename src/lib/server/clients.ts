/**
 * The clients of a shard: by id, in the order in which they came, with the line that CLIENT LIST prints for each, and the
 * limit on what may wait in their send queues.
 */
import {
  CLIENT_BLOCKED,
  CLIENT_CLOSE_AFTER_REPLY,
  CLIENT_CLOSING,
  CLIENT_DIRTY_CAS,
  CLIENT_MONITOR,
  CLIENT_MULTI,
  CLIENT_NO_EVICT,
  CLIENT_NO_TOUCH,
  CLIENT_PAUSED,
  CLIENT_PUBSUB,
  CLIENT_TRACKING,
  CLIENT_TRACKING_BCAST,
  CLIENT_TRACKING_BROKEN_REDIR,
  type Client,
} from '../engine/client.ts';
import { commands } from '../engine/command-table.ts';
import { OUTPUT_NORMAL, OUTPUT_PUBSUB, type OutputLimit } from './config.ts';
import type { Session } from './session.ts';

/** What may wait for a client that has yet to authenticate, whatever the limits are: it needs no more than error replies. */
const UNAUTHENTICATED_OUTPUT_BYTES = 65_536;

/** What the objects of an idle client take, roughly. */
const CLIENT_OBJECT_BYTES = 1024;

export class Clients {
  /** Those that sent MONITOR. */
  readonly monitors = new Set<Client>();
  private readonly byId = new Map<number, Client>();
  /** When the clients over their soft output limit went over it, ms. */
  private readonly softSinceMs = new Map<Client, number>();

  get size(): number {
    return this.byId.size;
  }

  add(client: Client): void {
    this.byId.set(client.id, client);
  }

  remove(client: Client): void {
    this.byId.delete(client.id);
    this.monitors.delete(client);
    this.softSinceMs.delete(client);
  }

  get(id: number): Client | undefined {
    return this.byId.get(id);
  }

  /** In the order in which they came. Clients may be removed while it is walked. */
  all(): IterableIterator<Client> {
    return this.byId.values();
  }

  /** True when the client must be closed: more (`waiting` bytes) waits for it than its class may have (client-output-buffer-limit). */
  overOutputLimit(client: Client, waiting: number, limits: readonly OutputLimit[], nowMs: number): boolean {
    if (!client.authenticated && waiting > UNAUTHENTICATED_OUTPUT_BYTES) return true;
    const limit = limits[(client.flags & CLIENT_PUBSUB) === 0 ? OUTPUT_NORMAL : OUTPUT_PUBSUB];
    if (limit.hardBytes > 0 && waiting >= limit.hardBytes) return true;
    if (limit.softBytes === 0 || waiting < limit.softBytes) {
      if (this.softSinceMs.size > 0) this.softSinceMs.delete(client);
      return false;
    }
    const sinceMs = this.softSinceMs.get(client);
    if (sinceMs === undefined) {
      this.softSinceMs.set(client, nowMs);
      return false;
    }
    return nowMs - sinceMs > limit.softSeconds * 1000;
  }
}

/** `master`, `replica` … as CLIENT LIST TYPE and CLIENT KILL TYPE name them. */
export type ClientType = 'normal' | 'replica' | 'pubsub' | 'master';

export function parseClientType(name: string): ClientType | null {
  const lower = name.toLowerCase();
  if (lower === 'slave') return 'replica';
  return lower === 'normal' || lower === 'replica' || lower === 'pubsub' || lower === 'master' ? lower : null;
}

export function clientType(client: Client): ClientType {
  return (client.flags & CLIENT_PUBSUB) === 0 ? 'normal' : 'pubsub';
}

/** The letters of a client's state. */
function flagLetters(client: Client): string {
  let letters = '';
  if ((client.flags & CLIENT_MONITOR) !== 0) letters += 'O';
  if ((client.flags & CLIENT_PUBSUB) !== 0) letters += 'P';
  if ((client.flags & CLIENT_MULTI) !== 0) letters += 'x';
  if ((client.flags & (CLIENT_BLOCKED | CLIENT_PAUSED)) !== 0) letters += 'b';
  if ((client.flags & CLIENT_TRACKING) !== 0) letters += 't';
  if ((client.flags & CLIENT_TRACKING_BROKEN_REDIR) !== 0) letters += 'R';
  if ((client.flags & CLIENT_TRACKING_BCAST) !== 0) letters += 'B';
  if ((client.flags & CLIENT_DIRTY_CAS) !== 0) letters += 'd';
  if ((client.flags & CLIENT_CLOSE_AFTER_REPLY) !== 0) letters += 'c';
  if ((client.flags & CLIENT_CLOSING) !== 0) letters += 'A';
  if ((client.flags & CLIENT_NO_EVICT) !== 0) letters += 'e';
  if ((client.flags & CLIENT_NO_TOUCH) !== 0) letters += 'T';
  return letters === '' ? 'N' : letters;
}

/** `client|list`, `get`, or NULL before the first command. */
function lastCommandName(client: Client): string {
  if (client.lastCommand < 0) return 'NULL';
  const command = commands[client.lastCommand];
  return command.subcommands.get(client.lastSubcommand)?.fullName ?? command.fullName;
}

/** One line of CLIENT LIST, without its newline. */
export function describeClient(client: Client, nowMs: number): string {
  const { stream, transaction, waiting, subscriptions, redirect } = client as Session;
  const { queue } = stream;
  const seconds = (sinceMs: number): number => Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
  const buffered = queue.bufferCount * queue.capacity;
  return [
    `id=${client.id}`,
    `addr=${stream.remoteAddress()}`,
    `laddr=${stream.localAddress()}`,
    `fd=${stream.descriptor()}`,
    `name=${client.name}`,
    `age=${seconds(client.createdMs)}`,
    `idle=${seconds(client.lastCommandMs)}`,
    `flags=${flagLetters(client)}`,
    `db=${client.database}`,
    `sub=${subscriptions?.channels.size ?? 0}`,
    `psub=${subscriptions?.patterns.size ?? 0}`,
    `ssub=${subscriptions?.shards.size ?? 0}`,
    `multi=${transaction === null ? -1 : transaction.commands.count}`,
    `qbuf=${client.queryBytes}`,
    `qbuf-free=${Math.max(0, client.queryPeakBytes - client.queryBytes)}`,
    `argv-mem=${waiting === null ? 0 : waiting.command.bytes}`,
    `multi-mem=${transaction === null ? 0 : transaction.bytes}`,
    `rbs=${queue.capacity}`,
    `rbp=${queue.capacity}`,
    `obl=${queue.bytes}`,
    `oll=${Math.max(0, queue.bufferCount - 1)}`,
    `omem=${buffered + queue.backlogBytes}`,
    `tot-mem=${clientMemoryBytes(client)}`,
    `events=${stream.wantsDrain ? 'rw' : 'r'}`,
    `cmd=${lastCommandName(client)}`,
    `user=${client.user}`,
    `redir=${(client.flags & CLIENT_TRACKING) === 0 ? -1 : redirect}`,
    `resp=${client.protocol}`,
    `lib-name=${client.libraryName}`,
    `lib-ver=${client.libraryVersion}`,
  ].join(' ');
}

/** What a client costs: its objects, its incomplete request, the commands kept for later, the replies that wait. */
export function clientMemoryBytes(client: Client): number {
  const { stream, transaction, waiting } = client as Session;
  const { queue } = stream;
  const kept = (transaction?.commands.memoryBytes ?? 0) + (waiting?.command.memoryBytes ?? 0);
  return CLIENT_OBJECT_BYTES + client.queryBytes + kept + queue.bufferCount * queue.capacity + queue.backlogBytes;
}
