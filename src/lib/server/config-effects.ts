/**
 * What changing a parameter changes: at start-up for the values that the configuration came with, and by CONFIG SET from then
 * on. Parameters that the code reads when it needs them (timeout, slowlog-log-slower-than …) need nothing here.
 */
import type { ServerContext } from './context.ts';

export function applyConfig(context: ServerContext): void {
  const { config, engine, clients } = context;
  const effects: Record<string, () => string | null> = {
    maxmemory: () => {
      const limit = config.maxMemoryBytes;
      engine.evictor.limitBytes = limit === 0 ? Number.POSITIVE_INFINITY : limit;
      if (limit !== 0 && engine.arena.usedBytes > limit) {
        context.log(
          'warning',
          `WARNING: the new maxmemory value set via CONFIG SET (${limit}) is smaller than the current memory usage ` +
            `(${engine.arena.usedBytes}). This will result in key eviction and/or the inability to accept new write ` +
            'commands depending on the maxmemory-policy.',
        );
      }
      return null;
    },
    'maxmemory-policy': () => {
      engine.evictor.setPolicy(config.text('maxmemory-policy'));
      return null;
    },
    'maxmemory-samples': () => {
      engine.evictor.samples = config.number('maxmemory-samples');
      return null;
    },
    'maxmemory-eviction-tenacity': () => {
      engine.evictor.setTenacity(config.number('maxmemory-eviction-tenacity'));
      return null;
    },
    'lfu-log-factor': () => {
      engine.evictor.lfuLogFactor = config.number('lfu-log-factor');
      return null;
    },
    'lfu-decay-time': () => {
      engine.evictor.lfuDecayMinutes = config.number('lfu-decay-time');
      return null;
    },
    'proto-max-bulk-len': () => {
      engine.maxStringBytes = config.maxBulkBytes;
      return null;
    },
    'hll-sparse-max-bytes': () => {
      engine.hllSparseMaxBytes = config.number('hll-sparse-max-bytes');
      return null;
    },
    'stream-node-max-bytes': () => {
      engine.values.streams.log.nodeMaxBytes = config.number('stream-node-max-bytes');
      return null;
    },
    'stream-node-max-entries': () => {
      engine.values.streams.log.nodeMaxEntries = config.number('stream-node-max-entries');
      return null;
    },
    'hash-max-listpack-entries': () => {
      engine.values.hashes.maxPackedFields = config.number('hash-max-listpack-entries');
      return null;
    },
    'hash-max-listpack-value': () => {
      engine.values.hashes.maxPackedLength = config.number('hash-max-listpack-value');
      return null;
    },
    'list-max-listpack-size': () => {
      engine.values.list.fill = config.number('list-max-listpack-size');
      return null;
    },
    'list-compress-depth': () => {
      engine.values.list.depth = config.number('list-compress-depth');
      return null;
    },
    rdbcompression: () => {
      engine.rdb.compression = config.isYes('rdbcompression');
      return null;
    },
    'dump-payload-version': () => {
      engine.rdb.version = config.number('dump-payload-version');
      return null;
    },
    'notify-keyspace-events': () => {
      context.notifications.configure(config.text('notify-keyspace-events'));
      context.keyEvents.refresh();
      return null;
    },
    'set-max-intset-entries': () => {
      engine.values.sets.limits.intsetEntries = config.number('set-max-intset-entries');
      return null;
    },
    'set-max-listpack-entries': () => {
      engine.values.sets.limits.listpackEntries = config.number('set-max-listpack-entries');
      return null;
    },
    'set-max-listpack-value': () => {
      engine.values.sets.limits.listpackLength = config.number('set-max-listpack-value');
      return null;
    },
    'zset-max-listpack-entries': () => {
      engine.values.sortedSets.limits.maxPackedMembers = config.number('zset-max-listpack-entries');
      return null;
    },
    'zset-max-listpack-value': () => {
      engine.values.sortedSets.limits.maxPackedLength = config.number('zset-max-listpack-value');
      return null;
    },
    'zset-index': () => {
      engine.values.sortedSets.limits.skiplists = config.text('zset-index') === 'skiplist';
      return null;
    },
    'slowlog-max-len': () => {
      context.slowlog.trim(config.slowlogMaxLength);
      return null;
    },
    requirepass: () => {
      // Without a password everybody is in, also those who came while there was one.
      if (!context.authRequired()) for (const client of clients.all()) client.authenticated = true;
      return null;
    },
  };
  for (const [name, effect] of Object.entries(effects)) {
    effect();
    config.onChange(name, effect);
  }
  for (const [name, error] of Object.entries(REFUSED)) config.onChange(name, () => error);
}

const NO_TLS = 'Unable to update TLS configuration. Check server logs.';

/** What can't be changed while the server runs, in redis-server's words for a change that failed. */
const REFUSED: Readonly<Record<string, string>> = {
  port: 'Unable to listen on this port. Check server logs.',
  bind: 'Failed to bind to specified addresses.',
  appendonly: 'Unable to turn on AOF. Check server logs.',
  'tls-port': NO_TLS,
  'tls-cluster': NO_TLS,
  'tls-replication': NO_TLS,
};
