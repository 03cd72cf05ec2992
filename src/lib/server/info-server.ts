/** The sections of INFO that are about the server as a whole, in the order of redis-server 7.2's fields. */
import { arch, machine, release, totalmem, type } from 'node:os';
import { CLIENT_PAUSED } from '../engine/client.ts';
import type { ServerContext } from './context.ts';
import type { Fields } from './info-fields.ts';
import { memoryFigures } from './memory-figures.ts';
import { REDIS_VERSION } from './version.ts';

const SECONDS_PER_DAY = 86_400;
const US_PER_SECOND = 1_000_000;
/** redis-server's LRU clock: seconds in 24 bits. */
const LRU_CLOCK_MASK = 0xff_ffff;
const NO_REPLICATION_ID = '0'.repeat(40);

/** `512B`, `1.50K`, `2.00G` */
export function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  const units = 'KMGTPE';
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(2)}${units[power - 1]}`;
}

const ratio = (part: number, whole: number): string => (whole > 0 ? part / whole : 0).toFixed(2);

/** A row of fields that have one value. */
const rows = (names: readonly string[], value: string | number): [string, string | number][] =>
  names.map((name) => [name, value]);

export function serverSection(context: ServerContext): Fields {
  const { config, engine } = context;
  const transport = context.hooks.transportInfo();
  const uptime = Math.max(0, Math.floor((engine.nowMs - context.startedMs) / 1000));
  return [
    ['redis_version', REDIS_VERSION],
    ['server_name', 'rtcp'],
    ['rtcp_version', context.version],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_build_id', '0000000000000000'],
    ['redis_mode', 'standalone'],
    ['os', `${type()} ${release()} ${machine()}`],
    ['arch_bits', /64|s390x/.test(arch()) ? 64 : 32],
    ['monotonic_clock', 'POSIX clock_gettime'],
    ['multiplexing_api', transport.io === 'socket' ? 'epoll' : transport.io],
    ['atomicvar_api', 'c11-builtin'],
    ['gcc_version', '0.0.0'],
    ['process_id', process.pid],
    ['process_supervised', 'no'],
    ['run_id', context.runId],
    ['tcp_port', transport.port],
    ['server_time_usec', Math.floor(context.wallClock.nowUs())],
    ['uptime_in_seconds', uptime],
    ['uptime_in_days', Math.floor(uptime / SECONDS_PER_DAY)],
    ['hz', config.hz],
    ['configured_hz', config.hz],
    ['lru_clock', Math.floor(engine.nowMs / 1000) & LRU_CLOCK_MASK],
    ['executable', process.execPath],
    ['config_file', config.file],
    ['io_threads_active', 0],
    ['listener0', `name=tcp,bind=${transport.address},port=${transport.port}`],
  ];
}

export function clientSection({ clients, config, blocked, tracking }: ServerContext): Fields {
  let largestInput = 0;
  let largestOutput = 0;
  let paused = 0;
  for (const client of clients.all()) {
    if ((client.flags & CLIENT_PAUSED) !== 0) paused++;
    largestInput = Math.max(largestInput, client.queryPeakBytes);
    largestOutput = Math.max(largestOutput, client.stream.queue.totalBytes);
  }
  return [
    ['connected_clients', clients.size],
    ['cluster_connections', 0],
    ['maxclients', config.maxClients],
    ['client_recent_max_input_buffer', largestInput],
    ['client_recent_max_output_buffer', largestOutput],
    ['blocked_clients', blocked.count + paused],
    ['tracking_clients', tracking.clientCount],
    ['clients_in_timeout_table', blocked.deadlineCount],
    ['total_blocking_keys', blocked.keyCount],
    ['total_blocking_keys_on_nokey', blocked.anyChangeKeyCount],
  ];
}

export function memorySection(context: ServerContext): Fields {
  const figures = memoryFigures(context);
  const { usedBytes, rssBytes, activeBytes, peakBytes } = figures;
  const limit = context.config.maxMemoryBytes;
  const withHuman = (name: string, bytes: number): [string, string | number][] => [
    [name, bytes],
    [`${name}_human`, humanBytes(bytes)],
  ];
  return [
    ...withHuman('used_memory', usedBytes),
    ...withHuman('used_memory_rss', rssBytes),
    ...withHuman('used_memory_peak', peakBytes),
    ['used_memory_peak_perc', `${figures.peakPercent.toFixed(2)}%`],
    ['used_memory_overhead', figures.overheadBytes],
    ['used_memory_startup', figures.startupBytes],
    ['used_memory_dataset', figures.datasetBytes],
    ['used_memory_dataset_perc', `${figures.datasetPercent.toFixed(2)}%`],
    ['allocator_allocated', usedBytes],
    ['allocator_active', activeBytes],
    ['allocator_resident', rssBytes],
    ...withHuman('total_system_memory', totalmem()),
    ...scriptRows(context),
    ...withHuman('maxmemory', limit),
    ['maxmemory_policy', context.config.text('maxmemory-policy')],
    ['allocator_frag_ratio', ratio(activeBytes, usedBytes)],
    ['allocator_frag_bytes', activeBytes - usedBytes],
    ['allocator_rss_ratio', ratio(rssBytes, activeBytes)],
    ['allocator_rss_bytes', rssBytes - activeBytes],
    ['rss_overhead_ratio', '1.00'],
    ['rss_overhead_bytes', 0],
    ['mem_fragmentation_ratio', ratio(rssBytes, usedBytes)],
    ['mem_fragmentation_bytes', rssBytes - usedBytes],
    ...rows(['mem_not_counted_for_evict', 'mem_replication_backlog', 'mem_total_replication_buffers'], 0),
    ['mem_clients_slaves', 0],
    ['mem_clients_normal', figures.clientBytes],
    ...rows(['mem_cluster_links', 'mem_aof_buffer'], 0),
    ['mem_allocator', 'arena'],
    ['active_defrag_running', Math.round(context.housekeeping.defragPercent)],
    ['lazyfree_pending_objects', context.engine.values.reaper.pending],
    ['lazyfreed_objects', context.engine.values.reaper.freed],
  ];
}

/** What scripts and libraries of functions take, in their Lua states and beside them. */
function scriptRows(context: ServerContext): [string, string | number][] {
  const { scripts, functions } = context.scripting;
  const codeBytes = scripts.bodyBytes + functions.codeBytes;
  return [
    ...rows(['used_memory_lua', 'used_memory_vm_eval'], scripts.memoryBytes),
    ['used_memory_lua_human', humanBytes(scripts.memoryBytes)],
    ['used_memory_scripts_eval', scripts.bodyBytes],
    ['number_of_cached_scripts', scripts.count],
    ['number_of_functions', functions.functionCount],
    ['number_of_libraries', functions.libraryCount],
    ['used_memory_vm_functions', functions.memoryBytes],
    ['used_memory_vm_total', scripts.memoryBytes + functions.memoryBytes],
    ['used_memory_vm_total_human', humanBytes(scripts.memoryBytes + functions.memoryBytes)],
    ['used_memory_functions', functions.codeBytes],
    ['used_memory_scripts', codeBytes],
    ['used_memory_scripts_human', humanBytes(codeBytes)],
  ];
}

/** Nothing is ever saved or loaded. */
export function persistenceSection({ engine, startedMs }: ServerContext): Fields {
  return [
    ...rows(['loading', 'async_loading', 'current_cow_peak', 'current_cow_size', 'current_cow_size_age'], 0),
    ['current_fork_perc', '0.00'],
    ...rows(['current_save_keys_processed', 'current_save_keys_total'], 0),
    ['rdb_changes_since_last_save', engine.stats.dirty],
    ['rdb_bgsave_in_progress', 0],
    ['rdb_last_save_time', Math.floor(startedMs / 1000)],
    ['rdb_last_bgsave_status', 'ok'],
    ...rows(['rdb_last_bgsave_time_sec', 'rdb_current_bgsave_time_sec'], -1),
    ...rows(['rdb_saves', 'rdb_last_cow_size', 'rdb_last_load_keys_expired', 'rdb_last_load_keys_loaded'], 0),
    ...rows(['aof_enabled', 'aof_rewrite_in_progress', 'aof_rewrite_scheduled'], 0),
    ...rows(['aof_last_rewrite_time_sec', 'aof_current_rewrite_time_sec'], -1),
    ['aof_last_bgrewrite_status', 'ok'],
    ...rows(['aof_rewrites', 'aof_rewrites_consecutive_failures'], 0),
    ['aof_last_write_status', 'ok'],
    ...rows(['aof_last_cow_size', 'module_fork_in_progress', 'module_fork_last_cow_size'], 0),
  ];
}

export function statSection({ stats, engine, netOutputBytes, housekeeping, pubsub, tracking }: ServerContext): Fields {
  const defragmented = housekeeping.defragmenter.stats;
  const kilobytes = (rate: { value: number }): string => (rate.value / 1024).toFixed(2);
  const turnsPerSecond = stats.turnRate.value;
  return [
    ['total_connections_received', stats.connectionsReceived],
    ['total_commands_processed', engine.stats.commandsProcessed],
    ['instantaneous_ops_per_sec', Math.round(stats.commandRate.value)],
    ['total_net_input_bytes', stats.netInputBytes],
    ['total_net_output_bytes', netOutputBytes],
    ...rows(['total_net_repl_input_bytes', 'total_net_repl_output_bytes'], 0),
    ['instantaneous_input_kbps', kilobytes(stats.inputRate)],
    ['instantaneous_output_kbps', kilobytes(stats.outputRate)],
    ...rows(['instantaneous_input_repl_kbps', 'instantaneous_output_repl_kbps'], '0.00'),
    ['rejected_connections', stats.connectionsRejected],
    ...rows(['sync_full', 'sync_partial_ok', 'sync_partial_err'], 0),
    ['expired_keys', engine.stats.expiredKeys],
    ['expired_stale_perc', '0.00'],
    ...rows(['expired_time_cap_reached_count', 'expire_cycle_cpu_milliseconds'], 0),
    ['evicted_keys', engine.stats.evictedKeys],
    ['evicted_clients', stats.evictedClients],
    ['total_eviction_exceeded_time', Math.floor(stats.evictionExceededUs / 1000)],
    ['current_eviction_exceeded_time', 0],
    ['keyspace_hits', engine.stats.keyspaceHits],
    ['keyspace_misses', engine.stats.keyspaceMisses],
    ['pubsub_channels', pubsub.channels.size],
    ['pubsub_patterns', pubsub.patterns.size],
    ['pubsubshard_channels', pubsub.shards.size],
    ...rows(['latest_fork_usec', 'total_forks'], 0),
    ...rows(['migrate_cached_sockets', 'slave_expires_tracked_keys'], 0),
    ['active_defrag_hits', defragmented.hits],
    ['active_defrag_misses', defragmented.misses],
    ['active_defrag_key_hits', defragmented.keyHits],
    ['active_defrag_key_misses', defragmented.keyMisses],
    ['total_active_defrag_time', Math.floor(housekeeping.defragUs / 1000)],
    ['current_active_defrag_time', 0],
    ['tracking_total_keys', tracking.keyCount],
    ['tracking_total_items', tracking.itemCount],
    ['tracking_total_prefixes', tracking.prefixCount],
    ['unexpected_error_replies', 0],
    ['total_error_replies', stats.errorReplies],
    ['dump_payload_sanitizations', 0],
    ['total_reads_processed', stats.reads],
    ['total_writes_processed', stats.writes],
    ...rows(['io_threaded_reads_processed', 'io_threaded_writes_processed'], 0),
    ...rows(['reply_buffer_shrinks', 'reply_buffer_expands'], 0),
    ['eventloop_cycles', stats.turns],
    ['eventloop_duration_sum', Math.round(stats.turnsUs)],
    ['eventloop_duration_cmd_sum', Math.round(stats.commandsUs)],
    ['instantaneous_eventloop_cycles_per_sec', Math.round(turnsPerSecond)],
    ['instantaneous_eventloop_duration_usec', stats.turns === 0 ? 0 : Math.round(stats.turnsUs / stats.turns)],
    ['acl_access_denied_auth', stats.aclDeniedAuth],
    ...rows(['acl_access_denied_cmd', 'acl_access_denied_key', 'acl_access_denied_channel'], 0),
  ];
}

export function replicationSection({ replicationId, config }: ServerContext): Fields {
  return [
    ['role', 'master'],
    ['connected_slaves', 0],
    ['master_failover_state', 'no-failover'],
    ['master_replid', replicationId],
    ['master_replid2', NO_REPLICATION_ID],
    ['master_repl_offset', 0],
    ['second_repl_offset', -1],
    ['repl_backlog_active', 0],
    ['repl_backlog_size', config.text('repl-backlog-size')],
    ...rows(['repl_backlog_first_byte_offset', 'repl_backlog_histlen'], 0),
  ];
}

export function cpuSection(): Fields {
  const seconds = (us: number): string => (us / US_PER_SECOND).toFixed(6);
  const whole = process.cpuUsage();
  const shard = process.threadCpuUsage();
  return [
    ['used_cpu_sys', seconds(whole.system)],
    ['used_cpu_user', seconds(whole.user)],
    ...rows(['used_cpu_sys_children', 'used_cpu_user_children'], seconds(0)),
    ['used_cpu_sys_main_thread', seconds(shard.system)],
    ['used_cpu_user_main_thread', seconds(shard.user)],
  ];
}

export function clusterSection(): Fields {
  return [['cluster_enabled', 0]];
}

export function keyspaceSection({ engine }: ServerContext): Fields {
  return engine.databases
    .filter((database) => database.size > 0)
    .map((database) => [`db${database.index}`, `keys=${database.size},expires=${database.expires},avg_ttl=0`]);
}

/** What carries the connections, and what it counted. */
export function rtcpSection({ hooks }: ServerContext): Fields {
  const transport = hooks.transportInfo();
  return [
    ['io', transport.io],
    ['interface', transport.interface],
    ['address', transport.address],
    ['port', transport.port],
    ...Object.entries(transport.counters),
  ];
}
