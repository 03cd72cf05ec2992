/**
 * What differs between the two systems that scripts are written for, where both keep to the RFCs: buffer sizes, timers,
 * defaults of what can be turned off, the meaning of a few socket calls. Everything about TCP is a setting of the stack.
 */
import type { TcpConfig } from '../../src/lib/tcp/config.ts';
import { congestionByName } from './congestion-name.ts';
import type { IcmpSpec, Script, TcpSpec } from './script.ts';

export type ProfileName = 'linux' | 'freebsd';

/** The stack's settings, while they can still be changed. */
export type TcpSettings = { -readonly [K in keyof TcpConfig]?: TcpConfig[K] };

/** What a script's options and sysctls have set so far. */
export interface Settings {
  readonly profile: ProfileName;
  readonly tcp: TcpSettings;
  mtu: number;
  /** SO_RCVBUF and SO_SNDBUF of a new socket. */
  receiveBufferBytes: number;
  sendBufferBytes: number;
  /** The largest receive buffer that the window scale of our SYN must be able to offer. */
  maxReceiveBufferBytes: number;
  /** Of a socket with SO_KEEPALIVE. */
  readonly keepAlive: { idleMs: number; intervalMs: number; probes: number };
  /** SYNs, and full accept queues, that listen(2) allows at most. */
  maxBacklog: number;
  toleranceUs: number;
  /** Of the time since the event before. */
  tolerancePercent: number;
  /** Microseconds of a tick of the timestamp clock; 0: the script's values say nothing. */
  tickUs: number;
  bindPort: number;
  connectPort: number;
  strict: boolean;
}

export function defaultSettings(profile: ProfileName): Settings {
  const keepAlive = { idleMs: 7_200_000, intervalMs: 75_000, probes: profile === 'linux' ? 9 : 8 };
  const shared = { profile, keepAlive, mtu: 1500, maxBacklog: 4096, bindPort: 8080, connectPort: 8080, strict: false };
  if (profile === 'freebsd') {
    return {
      ...shared,
      tcp: freebsdTcp(),
      receiveBufferBytes: 65_536,
      sendBufferBytes: 32_768,
      maxReceiveBufferBytes: 2_097_152,
      toleranceUs: 4_000,
      tolerancePercent: 0,
      tickUs: 0,
    };
  }
  return {
    ...shared,
    tcp: linuxTcp(),
    receiveBufferBytes: 131_072,
    sendBufferBytes: 4_194_304,
    maxReceiveBufferBytes: 15_728_640,
    toleranceUs: 4_000,
    tolerancePercent: 1,
    tickUs: 0,
  };
}

function linuxTcp(): TcpSettings {
  return {
    congestion: congestionByName('cubic'),
    delayedAckMs: 40,
    initialRtoMs: 1_000,
    minRtoMs: 200,
    maxRtoMs: 120_000,
    synLostRtoMs: 1_000,
    maxSynRetransmissions: 6,
    maxSynAckRetransmissions: 5,
    maxRetransmissions: 15,
    timestamps: true,
    ecn: 'passive',
    openingErrors: 'soft',
    mslMs: 30_000,
    timeWaitIgnoresReset: false,
    challengeLimit: 1,
    challengeWindowMs: 500,
    minMss: 88,
    blackHoleTimeouts: 0,
    rtoFloorOnVariance: true,
    quickAcks: 16,
    minshall: true,
    reducesWindow: true,
    emptyProbes: true,
  };
}

function freebsdTcp(): TcpSettings {
  return {
    congestion: congestionByName('newreno'),
    rack: false,
    prr: false,
    answersPartialAcks: true,
    reducesWindow: true,
    minshall: true,
    tailLossProbe: false,
    dsack: true,
    delayedAckMs: 40,
    initialRtoMs: 1_000,
    minRtoMs: 30,
    rtoFloorOnVariance: false,
    rtoSlopMs: 200,
    ecnSynRetries: 1,
    cwrOnLoss: true,
    plainSynAfter: 3,
    minMss: 16,
    blackHoleTimeouts: 0,
    maxRtoMs: 64_000,
    maxSynRetransmissions: 12,
    maxSynAckRetransmissions: 3,
    maxRetransmissions: 12,
    openTimeoutMs: 75_000,
    timestamps: true,
    ecn: 'passive',
    openingErrors: 'soft',
    mslMs: 30_000,
    timeWaitIgnoresReset: true,
    acceptBeyondOffer: true,
    repeatFin: true,
    timeWaitNeedsAck: true,
    challengeLimit: 1_000,
    challengeWindowMs: 1_000,
  };
}

/** Which system a script speaks of: by the names of what it sets, or by the SYN that it expects. Null: of none. */
export function guessProfile(script: Script): ProfileName | null {
  let freebsd = 0;
  let linux = 0;
  for (const { action } of script.events) {
    if (action.kind === 'shell') {
      if (FREEBSD_SHELL.test(action.command)) freebsd++;
      if (LINUX_SHELL.test(action.command)) linux++;
    } else if (action.kind === 'call') {
      if (action.arguments.some((x) => x.kind === 'word' && FREEBSD_NAMES.test(x.name))) freebsd++;
    } else if (action.kind === 'packet' && action.direction === 'in') {
      if (endsOptions(action.packet)) freebsd++;
    } else if (action.kind === 'packet') {
      if (offersScale(action.packet, FREEBSD_SCALE)) freebsd++;
      if (LINUX_SCALES.some((scale) => offersScale(action.packet, scale))) linux++;
    }
  }
  if (freebsd === 0 && linux === 0) return null;
  return freebsd > linux ? 'freebsd' : 'linux';
}

/** Of a script that names no system: Linux's choices, but where they are against the letter of the RFCs. */
export function plainSettings(): Settings {
  const settings = defaultSettings('linux');
  settings.tcp.emptyProbes = false;
  return settings;
}

const FREEBSD_NAMES = /^(SO_DEBUG|SO_ACCEPTFILTER|TCP_NOOPT|TCP_FUNCTION_BLK|TCP_KEEPINIT|EWOULDBLOCK)$/;
/** In a command: it is meant for FreeBSD. */
export const FREEBSD_SHELL = /\b(net\.inet\.|kern\.ipc\.|kldload|kldstat|sockstat|tcpdrop|tcpsso)/;
const LINUX_SHELL = /(net\.ipv4|net\.core|\/proc\/sys|\bip (route|link|tcp_metrics)|\btc qdisc|defaults\.sh|ethtool)/;
/** What follows from the largest receive buffer that FreeBSD has by default, and Linux has not. */
const FREEBSD_SCALE = 6;
/** And what follows from Linux's, by default and as its own tests set it. */
const LINUX_SCALES = [7, 8];

/** Linux's scripts fill up options with no-ops. */
function endsOptions(packet: TcpSpec | IcmpSpec): boolean {
  return packet.kind === 'tcp' && (packet.options ?? []).some((option) => option.kind === 'eol');
}

function offersScale(packet: TcpSpec | IcmpSpec, scale: number): boolean {
  return (
    packet.kind === 'tcp' && (packet.options ?? []).some((option) => option.kind === 'wscale' && option.value === scale)
  );
}
