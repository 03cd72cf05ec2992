/**
 * The network's part of a plan: what each segment does to frames, how wide the way between them is, and what breaks. A third of
 * all worlds have perfect wires, where nothing may ever fail.
 */
import type { Conditions } from '../../src/lib/link/memory.ts';
import { Draw } from './draw.ts';
import type { FaultPlan, SegmentPlan, TransitPlan } from './plan.ts';

const SECOND_US = 1_000_000;
const MTUS = [1500, 1500, 1500, 1500, 1492, 1280, 1006, 576, 9000];

/** A calm network is near and wide, and its segments are alike. */
export function drawSegments(seed: number, calm: boolean): SegmentPlan[] {
  const draw = new Draw(seed, 'segments');
  const count = draw.chance(0.65) ? 1 : draw.between(2, 3);
  const perfect = draw.chance(0.33);
  if (calm) {
    // Near enough for a delayed acknowledgment to come before the shortest RTO (40 ms of delay, 200 ms), and no frames that
    // buffers cut: two segments of the sender are two of the receiver, who acknowledges every second.
    const segment = { conditions: { delayUs: draw.magnitude(20, 10_000) }, mtu: draw.pick(MTUS.slice(0, -1)) };
    return Array.from({ length: count }, () => structuredClone(segment));
  }
  return Array.from({ length: count }, () => ({
    conditions: { ...drawLine(draw), ...(perfect ? {} : drawFailings(draw)) },
    mtu: draw.pick(MTUS),
  }));
}

/** Slow or fast, near or far. A queue of a few frames at least: a line that drops every burst's second frame is no line. */
function drawLine(draw: Draw): Conditions {
  const narrow = draw.chance(0.5);
  const bitsPerSecond = narrow ? draw.magnitude(256_000, 1_000_000_000) : 0;
  const queueBytes = narrow ? draw.magnitude(30_000, 500_000) : Infinity;
  return {
    delayUs: draw.magnitude(20, 150_000),
    jitterUs: draw.chance(0.3) ? draw.magnitude(10, 20_000) : 0,
    bitsPerSecond,
    queueBytes,
    markBytes: narrow && draw.chance(0.4) ? draw.magnitude(5_000, queueBytes) : Infinity,
  };
}

function drawFailings(draw: Draw): Conditions {
  const bursts = draw.chance(0.15);
  return {
    loss: draw.chance(0.6) ? draw.rate(0.0005, 0.2) : 0,
    burstEnter: bursts ? draw.rate(0.0005, 0.02) : 0,
    burstLeave: bursts ? draw.rate(0.05, 0.5) : 1,
    burstLoss: bursts ? draw.pick([1, 0.5]) : 1,
    duplicate: draw.chance(0.25) ? draw.rate(0.001, 0.2) : 0,
    reorder: draw.chance(0.3) ? draw.rate(0.001, 0.3) : 0,
    reorderUs: draw.magnitude(50, 100_000),
    corrupt: draw.chance(0.2) ? draw.rate(0.0005, 0.05) : 0,
  };
}

export function drawTransit(
  seed: number,
  segments: readonly SegmentPlan[],
  calm: boolean,
  closingUs: number,
): TransitPlan {
  const draw = new Draw(seed, 'transit');
  const widest = Math.max(...segments.map((segment) => segment.mtu));
  const reports = draw.pick(['mtu', 'mtu', 'mtu', 'no-number', 'nothing'] as const);
  if (calm || segments.length === 1 || draw.chance(0.4)) return { mtus: [{ atUs: 0, mtu: widest }], reports };
  const mtus = Array.from({ length: draw.between(1, 3) }, (_, i) => ({
    atUs: i === 0 ? 0 : draw.between(0, closingUs),
    mtu: draw.between(600, widest),
  }));
  return { mtus: mtus.sort((a, b) => a.atUs - b.atUs), reports };
}

export function drawFaults(seed: number, segments: number, hosts: number, closingUs: number): FaultPlan[] {
  const draw = new Draw(seed, 'faults');
  const faults: FaultPlan[] = [];
  if (draw.chance(0.6)) return faults;
  for (let i = draw.between(1, 3); i > 0; i--) {
    const atUs = draw.between(0, closingUs);
    const untilUs = atUs + draw.magnitude(SECOND_US / 100, 100 * SECOND_US);
    const host = draw.between(0, hosts - 1);
    const kind = draw.pick(['flap', 'flap', 'death', 'deaf', 'stall', 'stall'] as const);
    if (kind === 'flap') {
      faults.push({ kind, atUs, untilUs, segment: draw.between(0, segments - 1), host: draw.chance(0.5) ? host : -1 });
    } else if (kind === 'death') {
      faults.push({ kind, atUs, untilUs: draw.chance(0.3) ? Infinity : untilUs, host });
    } else if (kind === 'stall') {
      faults.push({ kind, atUs, untilUs: atUs + draw.magnitude(SECOND_US / 100, 10 * SECOND_US), host });
    } else faults.push({ kind, atUs, host });
  }
  return faults;
}
