/**
 * The system settings that scripts set, of both systems, and what they mean here: a setting of the stack, or nothing, with
 * the reason. What is not in these tables is not supported, so that no script passes by ignoring what it asked for.
 */
import { congestionByName } from './congestion-name.ts';
import type { Settings, TcpSettings } from './profile.ts';

/** Takes the value's words; false: this value can't be had. */
export type Setter = (settings: Settings, words: readonly string[]) => boolean;

const accept: Setter = () => true;

/** One whole number. */
function number(set: (settings: Settings, value: number) => void, least = 0, most = Infinity): Setter {
  return (settings, words) => {
    const value = Number(words[0]);
    if (words.length !== 1 || !Number.isInteger(value) || value < least || value > most) return false;
    set(settings, value);
    return true;
  };
}

/** A number that a setting of the stack takes over, times `scale`. */
function field(name: NumberSetting, scale = 1): Setter {
  return number((settings, value) => {
    settings.tcp[name] = value * scale;
  });
}

/** 0 or not: off or on. */
function flag(name: BooleanSetting): Setter {
  return number((settings, value) => {
    settings.tcp[name] = value !== 0;
  });
}

/** Only these values say what the stack does anyway. */
function only(...values: readonly number[]): Setter {
  return (_, words) => words.length === 1 && values.includes(Number(words[0]));
}

type NumberSetting = {
  [K in keyof TcpSettings]-?: Required<TcpSettings>[K] extends number ? K : never;
}[keyof TcpSettings];
type BooleanSetting = {
  [K in keyof TcpSettings]-?: Required<TcpSettings>[K] extends boolean ? K : never;
}[keyof TcpSettings];

/** What a socket with SO_KEEPALIVE takes over, in milliseconds. */
function keepAlive(name: 'idleMs' | 'intervalMs' | 'probes', scale: number): Setter {
  return number((settings, value) => {
    settings.keepAlive[name] = value * scale;
  });
}

const congestion: Setter = (settings, words) => {
  const algorithm = congestionByName(words[0]);
  if (algorithm !== undefined) settings.tcp.congestion = algorithm;
  return algorithm !== undefined;
};

/** `min default max` of a buffer. */
function buffer(set: (settings: Settings, initial: number, most: number) => void): Setter {
  return (settings, words) => {
    const [, initial, most] = words.map(Number);
    if (words.length !== 3 || !(initial > 0) || !(most > 0)) return false;
    set(settings, initial, most);
    return true;
  };
}

/** Linux's net.ipv4.* without that prefix, and net.core.*. */
export const LINUX_SYSCTLS: Readonly<Record<string, Setter>> = {
  tcp_sack: flag('sack'),
  tcp_dsack: flag('dsack'),
  tcp_timestamps: flag('timestamps'),
  tcp_window_scaling: flag('windowScale'),
  tcp_ecn: number(
    (s, value) => {
      s.tcp.ecn = (['off', 'active', 'passive'] as const)[value];
    },
    0,
    2,
  ),
  tcp_frto: flag('frto'),
  tcp_recovery: number((s, value) => {
    s.tcp.rack = (value & 1) !== 0;
  }),
  tcp_early_retrans: number((s, value) => {
    s.tcp.tailLossProbe = value >= 3;
  }),
  tcp_congestion_control: congestion,
  tcp_syn_retries: field('maxSynRetransmissions'),
  tcp_synack_retries: field('maxSynAckRetransmissions'),
  tcp_retries2: field('maxRetransmissions'),
  tcp_fin_timeout: field('finWait2Ms', 1000),
  tcp_keepalive_time: keepAlive('idleMs', 1000),
  tcp_keepalive_intvl: keepAlive('intervalMs', 1000),
  tcp_keepalive_probes: keepAlive('probes', 1),
  tcp_rfc1337: flag('timeWaitIgnoresReset'),
  tcp_max_orphans: field('maxOrphans'),
  tcp_max_tw_buckets: field('maxTimeWait'),
  tcp_min_snd_mss: field('minMss'),
  tcp_invalid_ratelimit: field('challengeWindowMs'),
  tcp_challenge_ack_limit: field('challengeLimitPerSecond'),
  tcp_syncookies: number(
    (s, value) => {
      s.tcp.synCookies = (['off', 'pressure', 'always'] as const)[value];
    },
    0,
    2,
  ),
  tcp_rto_min_us: number((s, value) => {
    s.tcp.minRtoMs = value / 1000;
  }),
  tcp_rto_max_ms: field('maxRtoMs'),
  tcp_rmem: buffer((s, initial, most) => {
    s.receiveBufferBytes = initial;
    s.maxReceiveBufferBytes = most;
  }),
  tcp_wmem: buffer((s, _, most) => {
    s.sendBufferBytes = most;
  }),
  'net.core.somaxconn': number((s, value) => {
    s.maxBacklog = value;
  }),
  tcp_max_syn_backlog: accept, // listen(2)'s backlog is the smaller one in scripts
  tcp_fastopen: accept, // what would need it has an FO option, which is not supported
  tcp_fastopen_key: accept,
  tcp_fastopen_blackhole_timeout_sec: accept,
  tcp_fack: accept, // was replaced by RACK
  tcp_no_metrics_save: accept, // nothing is remembered between connections
  tcp_no_ssthresh_metrics_save: accept,
  tcp_reordering: only(3), // RFC 8985 §6.2 has the threshold as a constant
  tcp_max_reordering: accept,
  tcp_slow_start_after_idle: flag('idleRestart'),
  tcp_moderate_rcvbuf: accept, // the window's growth is not compared
  tcp_adv_win_scale: accept, // windows are compared in their own units only
  tcp_app_win: accept,
  tcp_shrink_window: only(0),
  tcp_min_tso_segs: accept, // segments compare joined
  tcp_tso_win_divisor: accept,
  tcp_tso_rtt_log: accept,
  tcp_autocorking: accept, // depends on a device queue
  tcp_limit_output_bytes: accept,
  tcp_pacing_ss_ratio: accept, // pacing moves no segment by more than the tolerance in scripts that don't ask for it
  tcp_pacing_ca_ratio: accept,
  tcp_notsent_lowat: accept,
  tcp_tw_reuse: accept, // of the active side's ports
  tcp_retries1: accept, // asks the routing table for another way
  tcp_orphan_retries: only(0),
  tcp_abort_on_overflow: only(0),
  tcp_mtu_probing: only(0, 1),
  tcp_base_mss: accept,
  tcp_mtu_probe_floor: accept,
  tcp_mem: accept,
  tcp_low_latency: accept,
  tcp_workaround_signed_windows: accept,
  tcp_thin_linear_timeouts: only(0),
  tcp_stdurg: only(0),
  tcp_l3mdev_accept: accept,
  tcp_fwmark_accept: accept,
  tcp_comp_sack_delay_ns: accept, // SACKs are sent at once
  tcp_comp_sack_slack_ns: accept,
  tcp_comp_sack_nr: accept,
  tcp_backlog_ack_defer: accept,
  tcp_early_demux: accept,
  tcp_available_congestion_control: accept,
  tcp_allowed_congestion_control: accept,
  tcp_ecn_fallback: only(1),
  tcp_ecn_option: accept,
  tcp_ecn_option_beacon: accept,
  tcp_syn_linear_timeouts: only(0),
  tcp_plb_enabled: only(0),
  tcp_pingpong_thresh: accept,
  tcp_reflect_tos: only(0),
  tcp_migrate_req: accept,
  tcp_child_ehash_entries: accept,
  ip_no_pmtu_disc: only(0),
  ip_local_port_range: accept,
  ip_forward: accept,
  'net.core.rmem_max': accept,
  'net.core.wmem_max': accept,
  'net.core.rmem_default': accept,
  'net.core.wmem_default': accept,
  'net.core.default_qdisc': accept,
  'net.core.netdev_max_backlog': accept,
  'net.core.optmem_max': accept,
};

/** FreeBSD's net.inet.tcp.* without that prefix, and others in full. */
export const FREEBSD_SYSCTLS: Readonly<Record<string, Setter>> = {
  rfc1323: number(
    (s, value) => {
      s.tcp.windowScale = value === 1 || value === 2;
      s.tcp.timestamps = value === 1 || value === 3;
    },
    0,
    3,
  ),
  'sack.enable': flag('sack'),
  'ecn.enable': number(
    (s, value) => {
      s.tcp.ecn = (['off', 'active', 'passive'] as const)[value];
    },
    0,
    2,
  ),
  'ecn.maxretries': field('ecnSynRetries'),
  'ecn.generalized': only(0),
  'ecn.plusplus': only(0),
  delacktime: field('delayedAckMs'),
  delayed_ack: number((s, value) => {
    if (value === 0) s.tcp.delayedAckMs = 0;
  }),
  msl: field('mslMs'),
  keepidle: keepAlive('idleMs', 1),
  keepintvl: keepAlive('intervalMs', 1),
  keepcnt: keepAlive('probes', 1),
  keepinit: field('openTimeoutMs'),
  finwait2_timeout: field('finWait2Ms'),
  rexmit_initial: field('initialRtoMs'),
  rexmit_min: field('minRtoMs'),
  rexmit_slop: field('rtoSlopMs'),
  rexmit_drop_options: number((s, value) => {
    s.tcp.plainSynAfter = value === 0 ? 0 : 3;
  }),
  retries: field('maxRetransmissions'),
  insecure_rst: flag('insecureReset'),
  insecure_syn: flag('insecureSyn'),
  drop_synfin: flag('dropSynFin'),
  icmp_may_rst: number((s, value) => {
    s.tcp.openingErrors = value === 0 ? 'none' : 'soft';
  }),
  initcwnd_segments: field('initialWindowSegments'),
  minmss: field('minMss'),
  'cc.algorithm': congestion,
  recvspace: number((s, value) => {
    s.receiveBufferBytes = value;
  }, 1),
  sendspace: number((s, value) => {
    s.sendBufferBytes = value;
  }, 1),
  'kern.ipc.maxsockbuf': number((s, value) => {
    s.maxReceiveBufferBytes = value;
  }, 1),
  syncookies: number((s, value) => {
    s.tcp.synCookies = value === 0 ? 'off' : 'pressure';
  }),
  syncookies_only: number((s, value) => {
    if (value !== 0) s.tcp.synCookies = 'always';
  }),
  'hostcache.purgenow': accept, // nothing is remembered between connections
  'hostcache.purge': accept,
  'hostcache.enable': accept,
  'hostcache.expire': accept,
  rfc3042: accept, // limited transmit is always on
  rfc3390: accept,
  rfc3465: accept,
  abc_l_var: accept,
  rfc6675_pipe: accept,
  do_prr: accept,
  do_prr_conservative: accept,
  do_lrd: accept,
  newcwv: accept,
  mssdflt: accept,
  path_mtu_discovery: only(1),
  pmtud_blackhole_detection: accept,
  recvbuf_auto: accept, // windows are not compared
  recvbuf_max: accept,
  recvbuf_inc: accept,
  sendbuf_auto: accept,
  sendbuf_max: accept,
  sendbuf_inc: accept,
  always_keepalive: accept,
  blackhole: only(0),
  tolerate_missing_ts: accept,
  ts_offset_per_conn: accept,
  functions_default: (_, words) => words[0] === 'freebsd',
  tso: accept,
  lro: accept,
  persmin: accept,
  persmax: accept,
  fast_finwait2_recycle: accept,
  nolocaltimewait: accept,
  maxtcptw: field('maxTimeWait'),
  log_debug: accept,
  log_in_vain: accept,
  'bb.log_auto_all': accept,
  'fastopen.server_enable': only(0),
  'fastopen.client_enable': only(0),
  per_cpu_timers: accept,
  ack_war_timewindow: accept,
  ack_war_cnt: accept,
  'cc.cubic': accept,
  'cc.abe': only(0),
  'cc.hystartplusplus.bblogs': accept,
  'cc.newreno.hystartplusplus': accept,
  'kern.ipc.somaxconn': number((s, value) => {
    s.maxBacklog = value;
  }),
  'kern.ipc.soacceptqueue': number((s, value) => {
    s.maxBacklog = value;
  }),
  'net.inet.ip.ttl': field('ttl'),
  'net.inet.icmp.icmplim': accept, // how many resets and errors in a second: no script counts so far
  'net.inet.icmp.icmplim_output': accept,
  'net.inet.udp.blackhole': accept,
  'net.inet6.ip6.use_tempaddr': accept,
};
