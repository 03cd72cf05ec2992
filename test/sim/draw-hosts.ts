/**
 * The stacks of a plan: each with a card of its own kind and settings of its own, from usual to absurd. Most settings are the
 * defaults in most hosts, so that two odd ones meet often and ten never.
 */
import type { MemoryLinkOptions } from '../../src/lib/link/memory.ts';
import { Draw } from './draw.ts';
import type { HostPlan, SegmentPlan, TcpSettings } from './plan.ts';

const KIB = 1024;
/** Half of it is for rings and backlogs; to run short of them is a case of its own. */
const MEMORY_BYTES = 32 << 20;
const SMALL_MEMORY_BYTES = 4 << 20;

/** Longer than any RTO: a peer may be silent for one and still have something to say. */
export const PATIENT_FIN_WAIT_2_MS = 600_000;

export function drawHosts(seed: number, segments: readonly SegmentPlan[], calm: boolean): HostPlan[] {
  const draw = new Draw(seed, 'hosts');
  const damages = segments.some(({ conditions }) => (conditions.corrupt ?? 0) > 0);
  const count = Math.max(segments.length, draw.pick([2, 2, 2, 3, 3, 4, 5, 6]));
  return Array.from({ length: count }, (_, i) => {
    const segment = i % segments.length;
    return {
      segment,
      seed: draw.int32(),
      link: drawCard(draw, segments[segment].mtu, calm, damages),
      tcp: {
        ...drawFeatures(draw),
        ...(calm ? {} : drawOddities(draw)),
        acceptPartialChecksum: !damages,
      },
      congestion: draw.pick(['cubic', 'cubic', 'reno']),
      backlog: calm || draw.chance(0.85) ? 64 : draw.between(1, 4),
      acceptBacklog: calm || draw.chance(0.85) ? 0 : draw.between(1, 5),
      acceptEveryUs: draw.magnitude(50_000, 5_000_000),
      observed: draw.chance(0.8),
    };
  });
}

/**
 * Where bits get wrong, no checksum arrives unfinished without being flagged: a stack that takes those also takes one in 65,536
 * damaged segments.
 */
function drawCard(draw: Draw, mtu: number, calm: boolean, damages: boolean): Omit<MemoryLinkOptions, 'mac'> {
  const kind = draw.pick(['plain', 'plain', 'plain', 'xdp', 'tap'] as const);
  const own = draw.chance(0.1) ? Math.min(mtu, draw.between(600, 1500)) : mtu;
  const small = !calm && kind !== 'tap' && draw.chance(0.1);
  const common = {
    mtu: own,
    memoryBytes: small ? SMALL_MEMORY_BYTES : MEMORY_BYTES,
    completionDelayUs: draw.chance(0.1) ? draw.magnitude(10, 5_000) : 0,
    rxChecksum: draw.pick([
      'complete',
      'verified',
      'verified',
      'partial',
      damages ? 'partial' : 'partial-unflagged',
    ] as const),
    dataBuffers: calm || draw.chance(0.8) ? 512 : draw.between(24, 128),
  };
  if (kind === 'plain') return common;
  if (kind === 'xdp') return { ...common, gather: false, checksumOffload: draw.chance(0.5) };
  return {
    ...common,
    checksumOffload: true,
    segmentationBytes: draw.pick([16_384, 65_000]),
    takesSuperSegments: draw.chance(0.7),
    dataStride: 16_384,
    dataBuffers: Math.max(24, common.dataBuffers >> 2),
  };
}

/** One of `odd` in a tenth of all cases, else the default. */
function seldom<T>(draw: Draw, odd: readonly T[], probability = 0.1): T | undefined {
  const value = draw.pick(odd);
  return draw.chance(probability) ? value : undefined;
}

/** What can be used or not without anything going wrong. */
function drawFeatures(draw: Draw): TcpSettings {
  const off = (probability = 0.15): false | undefined => seldom(draw, [false], probability);
  const windowBytes = draw.chance(0.4) ? 256 * KIB : draw.magnitude(2 * KIB, 512 * KIB);
  return present({
    receiveWindowBytes: windowBytes,
    maxReceiveWindowBytes: Math.max(windowBytes, draw.pick([windowBytes, 1 << 20, 2 << 20])),
    sack: off(0.25),
    dsack: off(),
    rack: off(),
    tailLossProbe: off(),
    frto: off(),
    undo: off(),
    hystart: off(0.3),
    timestamps: off(0.25),
    windowScale: off(0.2),
    ecn: draw.pick(['off', 'passive', 'active'] as const),
    synCookies: draw.pick(['off', 'pressure', 'pressure', 'always'] as const),
    nagle: off(0.5),
    mslMs: draw.pick([100, 1_000, 15_000]),
    initialWindowSegments: seldom(draw, [1, 3]),
    slowStartLimitSegments: seldom(draw, [1, 2]),
    timeWaitIgnoresReset: off(),
    blackHoleTimeouts: seldom(draw, [0, 1]),
    maxConnections: 64,
    maxTimeWait: 64,
    finWait2Ms: PATIENT_FIN_WAIT_2_MS,
  });
}

/** Timers that are short or long, tables that are small. */
function drawOddities(draw: Draw): TcpSettings {
  return present({
    delayedAckMs: seldom(draw, [0, 1, 200, 490]),
    keepAliveMs: seldom(draw, [500, 5_000, 30_000], 0.25),
    userTimeoutMs: seldom(draw, [1_000, 10_000, 60_000]),
    maxConnections: seldom(draw, [2, 5, 10]),
    maxTimeWait: seldom(draw, [1, 2, 0]),
    finWait2Ms: seldom(draw, [1_000, 10_000]),
    minRtoMs: seldom(draw, [20, 1_000]),
    initialRtoMs: seldom(draw, [200, 3_000]),
    maxRetransmissions: seldom(draw, [2, 5]),
    maxRtoMs: seldom(draw, [4_000, 120_000]),
    maxRanges: seldom(draw, [1, 3]),
    maxOrphans: seldom(draw, [0, 1]),
    challengeLimitPerSecond: seldom(draw, [1]),
    resetLimitPerSecond: seldom(draw, [1]),
  });
}

/** Without what is undefined, which would hide a default. */
function present(settings: { [K in keyof TcpSettings]: TcpSettings[K] | undefined }): TcpSettings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
