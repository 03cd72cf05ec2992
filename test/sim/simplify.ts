/**
 * A plan made simpler, feature by feature: to find what a failure needs. Every simplification is a name and what it does to a
 * plan; `shrink` keeps those under which the same rule is still broken, then does without one conversation after the other.
 */
import type { HostPlan, SidePlan, TcpSettings, WorldPlan } from './plan.ts';
import { World } from './world.ts';

function eachHost(change: (host: HostPlan) => void): (plan: WorldPlan) => void {
  return (plan) => plan.hosts.forEach(change);
}

function setting(settings: TcpSettings): (plan: WorldPlan) => void {
  return eachHost((host) => {
    host.tcp = { ...host.tcp, ...settings };
  });
}

function withoutSetting(...names: (keyof TcpSettings)[]): (plan: WorldPlan) => void {
  return eachHost((host) => {
    host.tcp = Object.fromEntries(
      Object.entries(host.tcp).filter(([name]) => !names.includes(name as keyof TcpSettings)),
    );
  });
}

function condition(conditions: WorldPlan['segments'][number]['conditions']): (plan: WorldPlan) => void {
  return (plan) =>
    plan.segments.forEach((segment) => {
      segment.conditions = { ...segment.conditions, ...conditions };
    });
}

function eachSide(change: (side: SidePlan) => void): (plan: WorldPlan) => void {
  return (plan) => plan.conversations.flatMap(({ clientSide, serverSide }) => [clientSide, serverSide]).forEach(change);
}

export const SIMPLIFICATIONS: Record<string, (plan: WorldPlan) => void> = {
  faults: (plan) => {
    plan.faults = [];
  },
  loss: condition({ loss: 0 }),
  bursts: condition({ burstEnter: 0 }),
  duplicate: condition({ duplicate: 0 }),
  reorder: condition({ reorder: 0 }),
  corrupt: condition({ corrupt: 0 }),
  jitter: condition({ jitterUs: 0 }),
  bandwidth: condition({ bitsPerSecond: 0 }),
  marks: condition({ markBytes: Infinity }),
  transit: (plan) => {
    plan.transit = { mtus: [{ atUs: 0, mtu: 9000 }], reports: 'mtu' };
  },
  card: eachHost((host) => {
    host.link = { mtu: host.link.mtu, memoryBytes: 32 << 20, dataBuffers: 512 };
  }),
  aborts: eachSide((side) => {
    side.abortAfterBytes = 0;
  }),
  pauses: eachSide((side) => {
    side.pauseEveryBytes = 0;
  }),
  sack: setting({ sack: false }),
  rack: setting({ rack: false }),
  tlp: setting({ tailLossProbe: false }),
  frto: setting({ frto: false }),
  undo: setting({ undo: false }),
  hystart: setting({ hystart: false }),
  cubic: eachHost((host) => {
    host.congestion = 'reno';
  }),
  timestamps: setting({ timestamps: false }),
  scaling: setting({ windowScale: false }),
  ecn: setting({ ecn: 'off' }),
  cookies: setting({ synCookies: 'off' }),
  nagle: setting({ nagle: false }),
  windows: setting({ receiveWindowBytes: 65_535, maxReceiveWindowBytes: 65_535 }),
  tuning: eachHost((host) => {
    host.tcp = { ...host.tcp, maxReceiveWindowBytes: host.tcp.receiveWindowBytes };
  }),
  delayed: withoutSetting('delayedAckMs'),
  keepalive: withoutSetting('keepAliveMs'),
  patience: withoutSetting('userTimeoutMs', 'finWait2Ms', 'maxRetransmissions', 'maxOrphans'),
  backlog: eachHost((host) => {
    host.backlog = 64;
    host.acceptBacklog = 0;
  }),
  tables: withoutSetting(
    'maxConnections',
    'maxTimeWait',
    'maxRanges',
    'challengeLimitPerSecond',
    'resetLimitPerSecond',
  ),
  timeouts: withoutSetting('minRtoMs', 'maxRtoMs', 'initialRtoMs', 'mslMs', 'blackHoleTimeouts'),
  start: withoutSetting('initialWindowSegments', 'slowStartLimitSegments'),
};

/** Throws on a name, or a conversation, that is none. */
export function simplify(plan: WorldPlan, without: readonly string[], only: readonly number[] | null): WorldPlan {
  const simpler = structuredClone(plan);
  for (const name of without) {
    const apply = SIMPLIFICATIONS[name];
    if (apply === undefined)
      throw new RangeError(`--without knows ${Object.keys(SIMPLIFICATIONS).join(', ')}; not ${name}`);
    apply(simpler);
  }
  if (only === null) return simpler;
  const strange = only.find((id) => !plan.conversations.some((conversation) => conversation.id === id));
  if (strange !== undefined)
    throw new RangeError(`--only names conversation ${strange}, which this world does not have`);
  simpler.conversations = simpler.conversations.filter(({ id }) => only.includes(id));
  return simpler;
}

export interface Shrunk {
  readonly without: string[];
  readonly only: number[];
  readonly plan: WorldPlan;
}

/** What can be left away while this rule stays broken. */
export function shrink(plan: WorldPlan, rule: string, progress: (line: string) => void): Shrunk {
  const without: string[] = [];
  let only = plan.conversations.map(({ id }) => id);
  const stillFails = (names: string[], ids: number[]): boolean =>
    new World(simplify(plan, names, ids)).run().violation?.rule === rule;
  for (const id of [...only]) {
    const fewer = only.filter((other) => other !== id);
    if (fewer.length > 0 && stillFails(without, fewer)) only = fewer;
  }
  progress(`conversations: ${only.join(',')}`);
  for (const name of Object.keys(SIMPLIFICATIONS)) {
    if (!stillFails([...without, name], only)) continue;
    without.push(name);
    progress(`without ${name}`);
  }
  return { without, only, plan: simplify(plan, without, only) };
}
