/**
 * The configuration parameters as data: the names, defaults, ranges and rights of redis-server 7.2 for every parameter that
 * CONFIG GET shows. Many of them steer parts that rtcp does not have, or does another way: these are kept and shown, so that
 * tools which read or write them go on working, and steer nothing. Those that steer something have a field in config.ts.
 */
import {
  addresses,
  INT_MAX,
  INT_MIN,
  integer,
  type Kind,
  keyspaceEvents,
  LONG_MAX,
  memory,
  octal,
  oneOf,
  oomScores,
  outputBufferLimits,
  percentiles,
  savePoints,
  shutdownFlags,
  string,
  UINT_MAX,
  ULONG_MAX,
  yesNo,
} from './config-kinds.ts';

/** CONFIG SET refuses it: start-up only. */
export const IMMUTABLE = 1;
/** Never shown in MONITOR, SLOWLOG or logs. */
export const SENSITIVE = 2;
/** CONFIG SET takes it only when enable-protected-configs allows it. */
export const PROTECTED = 4;
/** Answers to its exact name only, not to a pattern. */
export const HIDDEN = 8;
/** The value is several words. */
export const MULTI_ARG = 16;

export interface Parameter {
  readonly name: string;
  /** The other name that means the same. */
  readonly alias: string | null;
  readonly kind: Kind;
  /** Canonical text of the default. */
  readonly initial: string;
  readonly flags: number;
}

function parameter(names: string, kind: Kind, initial: string, flags = 0): Parameter {
  const [name, alias = null] = names.split('|');
  return { name, alias, kind, initial, flags };
}

const int = (low: number, high = INT_MAX): Kind => integer(BigInt(low), high);
const long = (low: number): Kind => integer(BigInt(low), LONG_MAX);
const bytes = (low: number, high = LONG_MAX): Kind => memory(BigInt(low), high);
const port = int(0, 65535n);
const text = string();
const protectedAction = oneOf(['no', 'yes', 'local']);

const fileName = (name: string, what: string, mayBeEmpty: boolean): Kind =>
  string((value) => {
    if (value === '' && !mayBeEmpty) return `${name} can't be empty`;
    return /[/\\]/.test(value) ? `${name} can't be a path, just a ${what}` : null;
  });

const TITLE_VARIABLES = /\{(title|listen-addr|server-mode|port|tls-port|unixsocket|config-file)\}/g;
const titleTemplate = string((value) =>
  /[{}]/.test(value.replace(TITLE_VARIABLES, '')) ? 'template format is invalid or contains unknown variables' : null,
);
const hostName = string((value) => {
  if (value.length >= 256) return 'Hostnames must be less than 256 characters';
  return /^[\w.-]*$/.test(value) ? null : 'Hostnames may only contain alphanumeric characters, hyphens or dots';
});
const EVICTION_POLICIES = [
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'noeviction',
];
const SYSLOG_FACILITIES = ['user', ...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `local${n}`)];

const connections: readonly Parameter[] = [
  parameter('port', port, '6379'),
  parameter('bind', addresses, '* -::*', MULTI_ARG),
  parameter('bind-source-addr', text, ''),
  parameter('tcp-backlog', int(0), '511', IMMUTABLE),
  parameter('tcp-keepalive', int(0), '300'),
  parameter('timeout', int(0), '0'),
  parameter('unixsocket', text, '', IMMUTABLE),
  parameter('unixsocketperm', octal, '0', IMMUTABLE),
  parameter('socket-mark-id', integer(0n, UINT_MAX), '0', IMMUTABLE),
  // redis-server's default is yes; here every client that reaches the address is served, so it says no.
  parameter('protected-mode', yesNo, 'no'),
  parameter('maxclients', integer(1n, UINT_MAX), '10000'),
  parameter('client-query-buffer-limit', bytes(1 << 20), '1073741824'),
  parameter(
    'client-output-buffer-limit',
    outputBufferLimits,
    'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60',
    MULTI_ARG,
  ),
  parameter('proto-max-bulk-len', bytes(1 << 20), '536870912'),
  parameter('maxmemory-clients', memory(0n, LONG_MAX, true), '0'),
  parameter('tracking-table-max-keys', long(0), '1000000'),
];

const general: readonly Parameter[] = [
  parameter('databases', int(1), '16', IMMUTABLE),
  parameter('dir', text, '.', PROTECTED),
  parameter('daemonize', yesNo, 'no', IMMUTABLE),
  parameter('supervised', oneOf(['upstart', 'systemd', 'auto', 'no']), 'no', IMMUTABLE),
  parameter('pidfile', text, '', IMMUTABLE),
  parameter('loglevel', oneOf(['debug', 'verbose', 'notice', 'warning']), 'notice'),
  parameter('logfile', text, '', IMMUTABLE),
  parameter('syslog-enabled', yesNo, 'no', IMMUTABLE),
  parameter('syslog-ident', text, 'redis', IMMUTABLE),
  parameter('syslog-facility', oneOf(SYSLOG_FACILITIES), 'local0', IMMUTABLE),
  parameter('always-show-logo', yesNo, 'no', IMMUTABLE),
  parameter('set-proc-title', yesNo, 'yes', IMMUTABLE),
  parameter('proc-title-template', titleTemplate, '{title} {listen-addr} {server-mode}'),
  parameter('crash-log-enabled', yesNo, 'yes'),
  parameter('crash-memcheck-enabled', yesNo, 'yes'),
  parameter('use-exit-on-panic', yesNo, 'no', HIDDEN),
  parameter('disable-thp', yesNo, 'yes', IMMUTABLE),
  parameter('ignore-warnings', text, ''),
  parameter('locale-collate', text, ''),
  parameter('hz', int(0), '10'),
  parameter('dynamic-hz', yesNo, 'yes'),
  parameter('activerehashing', yesNo, 'yes'),
  parameter('active-expire-effort', int(1, 10n), '1'),
  parameter('busy-reply-threshold|lua-time-limit', long(0), '5000'),
  parameter('shutdown-timeout', int(0), '10'),
  parameter('shutdown-on-sigint', shutdownFlags, 'default', MULTI_ARG),
  parameter('shutdown-on-sigterm', shutdownFlags, 'default', MULTI_ARG),
  parameter('watchdog-period', int(0), '0', HIDDEN),
  parameter('oom-score-adj', oneOf(['no', 'yes', 'relative', 'absolute']), 'no'),
  parameter('oom-score-adj-values', oomScores, '0 200 800', MULTI_ARG),
  parameter('io-threads', int(1, 128n), '1', IMMUTABLE),
  parameter('io-threads-do-reads', yesNo, 'no', IMMUTABLE),
  parameter('server_cpulist', text, '', IMMUTABLE),
  parameter('bio_cpulist', text, '', IMMUTABLE),
  parameter('aof_rewrite_cpulist', text, '', IMMUTABLE),
  parameter('bgsave_cpulist', text, '', IMMUTABLE),
];

const security: readonly Parameter[] = [
  parameter('requirepass', text, '', SENSITIVE),
  parameter('aclfile', text, '', IMMUTABLE),
  parameter('acllog-max-len', long(0), '128'),
  parameter('acl-pubsub-default', oneOf(['allchannels', 'resetchannels']), 'resetchannels'),
  parameter('enable-protected-configs', protectedAction, 'no', IMMUTABLE),
  parameter('enable-debug-command', protectedAction, 'no', IMMUTABLE),
  parameter('enable-module-command', protectedAction, 'no', IMMUTABLE),
];

const memoryAndObservation: readonly Parameter[] = [
  parameter('maxmemory', bytes(0, ULONG_MAX), '0'),
  parameter('maxmemory-policy', oneOf(EVICTION_POLICIES), 'noeviction'),
  parameter('maxmemory-samples', int(1), '5'),
  parameter('maxmemory-eviction-tenacity', int(0, 100n), '10'),
  parameter('lfu-log-factor', int(0), '10'),
  parameter('lfu-decay-time', int(0), '1'),
  parameter('lazyfree-lazy-eviction', yesNo, 'no'),
  parameter('lazyfree-lazy-expire', yesNo, 'no'),
  parameter('lazyfree-lazy-server-del', yesNo, 'no'),
  parameter('lazyfree-lazy-user-del', yesNo, 'no'),
  parameter('lazyfree-lazy-user-flush', yesNo, 'no'),
  parameter('jemalloc-bg-thread', yesNo, 'yes'),
  parameter('activedefrag', yesNo, 'no'),
  parameter('active-defrag-cycle-min', int(1, 99n), '1'),
  parameter('active-defrag-cycle-max', int(1, 99n), '25'),
  parameter('active-defrag-threshold-lower', int(0, 1000n), '10'),
  parameter('active-defrag-threshold-upper', int(0, 1000n), '100'),
  parameter('active-defrag-max-scan-fields', long(1), '1000'),
  parameter('active-defrag-ignore-bytes', bytes(1), '104857600'),
  parameter('slowlog-log-slower-than', long(-1), '10000'),
  parameter('slowlog-max-len', long(0), '128'),
  parameter('latency-monitor-threshold', long(0), '0'),
  parameter('latency-tracking', yesNo, 'yes'),
  parameter('latency-tracking-info-percentiles', percentiles, '50 99 99.9', MULTI_ARG),
  parameter('notify-keyspace-events', keyspaceEvents, ''),
];

const encodings: readonly Parameter[] = [
  parameter('hash-max-listpack-entries|hash-max-ziplist-entries', long(0), '512'),
  parameter('hash-max-listpack-value|hash-max-ziplist-value', bytes(0), '64'),
  parameter('list-max-listpack-size|list-max-ziplist-size', integer(INT_MIN, INT_MAX), '-2'),
  parameter('list-compress-depth', int(0), '0'),
  parameter('set-max-intset-entries', long(0), '512'),
  parameter('set-max-listpack-entries', long(0), '128'),
  parameter('set-max-listpack-value', long(0), '64'),
  parameter('zset-max-listpack-entries|zset-max-ziplist-entries', long(0), '128'),
  parameter('zset-max-listpack-value|zset-max-ziplist-value', bytes(0), '64'),
  // Not one of redis-server's: the order of sorted sets that become large from now on (store/ordered/).
  parameter('zset-index', oneOf(['btree', 'skiplist']), 'btree', HIDDEN),
  parameter('hll-sparse-max-bytes', bytes(0), '3000'),
  parameter('stream-node-max-bytes', bytes(0), '4096'),
  parameter('stream-node-max-entries', long(0), '100'),
];

const persistence: readonly Parameter[] = [
  parameter('save', savePoints, '', MULTI_ARG),
  parameter('dbfilename', fileName('dbfilename', 'filename', true), 'dump.rdb', PROTECTED),
  parameter('rdbcompression', yesNo, 'yes'),
  parameter('dump-payload-version', int(10, 11n), '11', HIDDEN), // ours: what a server before 7.2 shall be able to RESTORE
  parameter('rdbchecksum', yesNo, 'yes', IMMUTABLE),
  parameter('rdb-del-sync-files', yesNo, 'no'),
  parameter('rdb-save-incremental-fsync', yesNo, 'yes'),
  parameter('rdb-key-save-delay', integer(INT_MIN, INT_MAX), '0', HIDDEN),
  parameter('key-load-delay', integer(INT_MIN, INT_MAX), '0', HIDDEN),
  parameter('loading-process-events-interval-bytes', int(1024), '2097152', HIDDEN),
  parameter('sanitize-dump-payload', oneOf(['no', 'yes', 'clients']), 'no'),
  parameter('stop-writes-on-bgsave-error', yesNo, 'yes'),
  parameter('appendonly', yesNo, 'no'),
  parameter('appendfilename', fileName('appendfilename', 'filename', false), 'appendonly.aof', IMMUTABLE),
  parameter('appenddirname', fileName('appenddirname', 'dirname', false), 'appendonlydir', IMMUTABLE),
  parameter('appendfsync', oneOf(['everysec', 'always', 'no']), 'everysec'),
  parameter('no-appendfsync-on-rewrite', yesNo, 'no'),
  parameter('auto-aof-rewrite-percentage', int(0), '100'),
  parameter('auto-aof-rewrite-min-size', bytes(0), '67108864'),
  parameter('aof-load-truncated', yesNo, 'yes'),
  parameter('aof-use-rdb-preamble', yesNo, 'yes'),
  parameter('aof-timestamp-enabled', yesNo, 'no'),
  parameter('aof-rewrite-incremental-fsync', yesNo, 'yes'),
  parameter('aof-disable-auto-gc', yesNo, 'no'),
];

const replication: readonly Parameter[] = [
  parameter('replicaof|slaveof', text, '', IMMUTABLE | MULTI_ARG),
  parameter('masteruser', text, '', SENSITIVE),
  parameter('masterauth', text, '', SENSITIVE),
  parameter('replica-announce-ip|slave-announce-ip', text, ''),
  parameter('replica-announce-port|slave-announce-port', port, '0'),
  parameter('replica-announced', yesNo, 'yes'),
  parameter('replica-ignore-disk-write-errors', yesNo, 'no'),
  parameter('replica-ignore-maxmemory|slave-ignore-maxmemory', yesNo, 'yes'),
  parameter('replica-lazy-flush|slave-lazy-flush', yesNo, 'no'),
  parameter('replica-priority|slave-priority', int(0), '100'),
  parameter('replica-read-only|slave-read-only', yesNo, 'yes'),
  parameter('replica-serve-stale-data|slave-serve-stale-data', yesNo, 'yes'),
  parameter('min-replicas-to-write|min-slaves-to-write', int(0), '0'),
  parameter('min-replicas-max-lag|min-slaves-max-lag', int(0), '10'),
  parameter('repl-backlog-size', bytes(1), '1048576'),
  parameter('repl-backlog-ttl', long(0), '3600'),
  parameter('repl-disable-tcp-nodelay', yesNo, 'no'),
  parameter('repl-diskless-load', oneOf(['disabled', 'on-empty-db', 'swapdb']), 'disabled'),
  parameter('repl-diskless-sync', yesNo, 'yes'),
  parameter('repl-diskless-sync-delay', int(0), '5'),
  parameter('repl-diskless-sync-max-replicas', int(0), '0'),
  parameter('repl-ping-replica-period|repl-ping-slave-period', int(1), '10'),
  parameter('repl-timeout', int(1), '60'),
  parameter('propagation-error-behavior', oneOf(['ignore', 'panic', 'panic-on-replicas']), 'ignore'),
];

const cluster: readonly Parameter[] = [
  parameter('cluster-enabled', yesNo, 'no', IMMUTABLE),
  parameter('cluster-config-file', text, 'nodes.conf', IMMUTABLE),
  parameter('cluster-port', port, '0', IMMUTABLE),
  parameter('cluster-node-timeout', long(0), '15000'),
  parameter('cluster-announce-ip', text, ''),
  parameter('cluster-announce-hostname', hostName, ''),
  parameter('cluster-announce-human-nodename', text, ''),
  parameter('cluster-announce-port', port, '0'),
  parameter('cluster-announce-tls-port', port, '0'),
  parameter('cluster-announce-bus-port', port, '0'),
  parameter('cluster-allow-pubsubshard-when-down', yesNo, 'yes'),
  parameter('cluster-allow-reads-when-down', yesNo, 'no'),
  parameter('cluster-allow-replica-migration', yesNo, 'yes'),
  parameter('cluster-link-sendbuf-limit', bytes(0, ULONG_MAX), '0'),
  parameter('cluster-migration-barrier', int(0), '1'),
  parameter('cluster-preferred-endpoint-type', oneOf(['ip', 'hostname', 'unknown-endpoint']), 'ip'),
  parameter('cluster-replica-no-failover|cluster-slave-no-failover', yesNo, 'no'),
  parameter('cluster-replica-validity-factor|cluster-slave-validity-factor', int(0), '10'),
  parameter('cluster-require-full-coverage', yesNo, 'yes'),
];

const TLS_FILES = [
  'cert-file',
  'key-file',
  'key-file-pass',
  'client-cert-file',
  'client-key-file',
  'client-key-file-pass',
];
const TLS_TEXTS = [
  ...TLS_FILES,
  'dh-params-file',
  'ca-cert-file',
  'ca-cert-dir',
  'protocols',
  'ciphers',
  'ciphersuites',
];

const tls: readonly Parameter[] = [
  parameter('tls-port', port, '0'),
  parameter('tls-cluster', yesNo, 'no'),
  parameter('tls-replication', yesNo, 'no'),
  parameter('tls-auth-clients', oneOf(['no', 'yes', 'optional']), 'yes'),
  parameter('tls-prefer-server-ciphers', yesNo, 'no'),
  parameter('tls-session-caching', yesNo, 'yes'),
  parameter('tls-session-cache-size', int(0), '20480'),
  parameter('tls-session-cache-timeout', int(0), '300'),
  ...TLS_TEXTS.map((name) => parameter(`tls-${name}`, text, '')),
];

export const PARAMETERS: readonly Parameter[] = [
  ...connections,
  ...general,
  ...security,
  ...memoryAndObservation,
  ...encodings,
  ...persistence,
  ...replication,
  ...cluster,
  ...tls,
];

const byName = new Map<string, Parameter>();
for (const entry of PARAMETERS) {
  byName.set(entry.name, entry);
  if (entry.alias !== null) byName.set(entry.alias, entry);
}

/** The parameter of that name or alias, in any case. */
export function findParameter(name: string): Parameter | undefined {
  return byName.get(name.toLowerCase());
}
