/**
 * Scenarios of our TCP with the kernel as its peer: each in a world of its own, many worlds at once.
 *
 *   ┌ this process, in a namespace of its own ┐      ┌ a namespace of the scenario's ┐
 *   │ OurHost  198.51.100.2 ── rtqk0 ─────────│──────│─ eth0  198.51.100.1  KernelPeer │        /30 of the next world: .6, .5
 *   └─────────────────────────────────────────┘      └───────────────────────────────┘        and a router between, if wanted
 *
 * A scenario checks what both applications see. Around it everything is compared that anybody found remarkable: counters of
 * the kernel and of ours that should stay 0, tshark's analysis of the capture, what is left when all is closed. A scenario
 * says which of these it expects; all others are a failure. With KEEP_CAPTURES in the environment, /tmp/rtqk-* stays.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { TcpConfig } from '../../src/lib/tcp/config.ts';
import { TcpCounters } from '../../src/lib/tcp/counters.ts';
import { KernelPeer } from './kernel-peer.ts';
import { OurHost } from './kernel-peer-host.ts';
import { enterNamespace, run } from './link-lab.ts';

const execute = promisify(execFile);
const AT_ONCE = 10;
const SCENARIO_MS = 40_000;
const REST_MS = 8_000;
const POLL_MS = 20;
const IDLE_MS = 1;
/** Neither side resends because this machine is slow: scenarios about timeouts set their own. */
const PATIENT = { minRtoMs: 2_000, tailLossProbe: false, mslMs: 100 } as const;
const PATIENT_KERNEL = { 'ipv4/tcp_rto_min_us': 2_000_000, 'ipv4/tcp_early_retrans': 0 };
/** By route: a namespace may not choose what the host does not list as allowed. */
const CUBIC = 'congctl cubic';

export interface WorldOptions {
  readonly tcp?: Partial<TcpConfig>;
  /** Of the kernel's namespace: `ipv4/tcp_sack`. */
  readonly sysctls?: Readonly<Record<string, number | string>>;
  /** Of the veth pair. */
  readonly mtu?: number;
  /** Frames that may wait for our end. */
  readonly rxSlots?: number;
  /** The kernel's end lies behind a router whose link to it has this MTU. */
  readonly routerMtu?: number;
}

export interface World {
  readonly host: OurHost;
  readonly kernel: KernelPeer;
  readonly kernelAddress: string;
  readonly router: KernelPeer | null;
}

export interface Scenario {
  readonly name: string;
  readonly world?: WorldOptions;
  readonly run: (world: World) => Promise<void>;
  /** `kernel OutRsts`, `rtcp resetsOut`, `wire zero_window`: what has to be there … */
  readonly remarkable?: readonly string[];
  /** … and what may be. */
  readonly tolerable?: readonly string[];
}

/** What a scenario came to: nothing, if all was as it should be. */
export interface Verdict {
  readonly error: Error | null;
  readonly remarkable: readonly string[];
  readonly left: readonly string[];
}

// ---- what is remarkable

/** Counters of ours that say that something was done, not that something was wrong. */
const ORDINARY = new Set<keyof TcpCounters>([
  'segmentsIn',
  'segmentsOut',
  'predicted',
  'partialChecksum',
  'passiveOpens',
  'activeOpens',
  'established',
  'timeWaitEntered',
  'delayedAcks',
  'windowsGrown',
]);
const KERNEL_REMARKABLE =
  /Retrans|PAWS|Challenge|InErrs|Csum|Drop|Overflow|OFO|DSACK|SACKReorder|SACKReneg|SACKDiscard|TSReorder|Abort|Timeout|Fail|Skipped|Beyond|Resets|Rsts|Spurious|Lost|Loss|ZeroWindow|Syncookies|OldAcks|CEPkts|KeepAlive|Undo|Recovery|NoEct|PFMemalloc/;
/** Sent out of order is not; and these two count what the link layers do. */
const KERNEL_ORDINARY = /^(TCPLossProbes|TCPAutoCorking|InNoECTPkts|TCPOrigDataSent|TCPRcvCoalesce)$/;
const WIRE_FLAGS = [
  'retransmission',
  'fast_retransmission',
  'spurious_retransmission',
  'out_of_order',
  'lost_segment',
  'ack_lost_segment',
  'duplicate_ack',
  'keep_alive',
  'keep_alive_ack',
  'zero_window',
  'zero_window_probe',
  'zero_window_probe_ack',
  'reused_ports',
] as const;

function remarkableOfHost(host: OurHost): string[] {
  const names = Object.keys(new TcpCounters()) as (keyof TcpCounters)[];
  const counted = names.filter((name) => !ORDINARY.has(name) && host.tcp.counters[name] !== 0);
  const { rxDropped, txDropped } = host.link.stats;
  return [...counted, ...(rxDropped > 0 ? ['rxDropped'] : []), ...(txDropped > 0 ? ['txDropped'] : [])].map(
    (name) => `rtcp ${name}`,
  );
}

async function remarkableOfKernel(kernel: KernelPeer, before: Record<string, number>): Promise<string[]> {
  const after = await kernel.counters();
  return Object.keys(after)
    .filter((name) => KERNEL_REMARKABLE.test(name) && !KERNEL_ORDINARY.test(name) && after[name] > (before[name] ?? 0))
    .map((name) => `kernel ${name}`);
}

/** tshark's opinion of all captures together: by address of the world's own end, what it flags. */
async function remarkableOnWire(captures: readonly string[], merged: string): Promise<Map<string, Set<string>>> {
  if (captures.length === 0) return new Map();
  await execute('mergecap', ['-w', merged, ...captures]);
  const fields = WIRE_FLAGS.flatMap((flag) => ['-e', `tcp.analysis.${flag}`]);
  const filter = 'tcp.analysis.flags or _ws.malformed';
  const shown = ['-T', 'fields', '-e', 'ip.src', '-e', 'ip.dst', '-e', '_ws.malformed', ...fields];
  const { stdout } = await execute('tshark', ['-n', '-r', merged, '-Y', filter, ...shown], { maxBuffer: 1 << 26 });
  const found = new Map<string, Set<string>>();
  for (const line of stdout.split('\n').filter((text) => text !== '')) {
    const [source, destination, malformed, ...flags] = line.split('\t');
    for (const address of [source, destination]) {
      const ofWorld = found.get(address) ?? new Set<string>();
      found.set(address, ofWorld);
      if (malformed !== '') ofWorld.add('wire malformed');
      for (const [i, value] of flags.entries()) if (value !== '') ofWorld.add(`wire ${WIRE_FLAGS[i]}`);
    }
  }
  return found;
}

// ---- worlds

/** The `i`th /30 of the networks for documentation (RFC 5737): its two hosts. */
function subnet(i: number): [string, string] {
  const network = i < 64 ? '198.51.100' : '203.0.113';
  const base = (i % 64) * 4;
  return [`${network}.${base + 1}`, `${network}.${base + 2}`];
}

function network(firstHost: string): string {
  const [a, b, c, d] = firstHost.split('.');
  return `${a}.${b}.${c}.${Number(d) - 1}/30`;
}

async function ip(command: string): Promise<void> {
  await execute('ip', command.split(' '));
}

async function startKernel(sysctls: Readonly<Record<string, number | string>>): Promise<[KernelPeer, number]> {
  const kernel = new KernelPeer();
  const pid = await kernel.ready;
  await kernel.sysctl('ipv6/conf/default/disable_ipv6', 1);
  await kernel.run('ip link set lo up');
  for (const [name, value] of Object.entries(sysctls)) await kernel.sysctl(name, value);
  return [kernel, pid];
}

class Worlds {
  readonly captures: string[] = [];
  private readonly hosts = new Set<OurHost>();
  private readonly folder = mkdtempSync(join(tmpdir(), 'rtqk-'));
  private readonly leaveNamespace: () => void;
  /** The CPUs that this process may use otherwise. */
  private readonly cpus: string;
  private subnets = 0;
  private running = true;
  /** Ends with end(), or with an error of a stack. */
  readonly loop: Promise<void>;

  constructor() {
    this.leaveNamespace = enterNamespace();
    this.cpus = /: (.*)/.exec(run(`taskset -c -p ${process.pid}`))?.[1] ?? '0';
    // A veth pair has a backlog for each CPU: it keeps the order of frames only if one CPU sends them all. The peers inherit it.
    run(`taskset -c -p ${/\d+/.exec(this.cpus)?.[0]} ${process.pid}`);
    run('sysctl -qw net.ipv6.conf.default.disable_ipv6=1');
    this.loop = this.turn();
  }

  /** One loop for all stacks; it gives way to the event loop after each turn. */
  private async turn(): Promise<void> {
    while (this.running) {
      let busy = false;
      for (const host of this.hosts) busy = host.turn() || busy;
      if (busy) await new Promise((resolve) => setImmediate(resolve));
      else await sleep(IDLE_MS);
    }
  }

  async open(options: WorldOptions): Promise<World> {
    const { mtu = 1500, tcp = {}, sysctls = {}, routerMtu, rxSlots = 120 } = options;
    const number = this.subnets++;
    const [near, ours] = subnet(number);
    const device = `rtqk${number}`;
    const [kernel, pid] = await startKernel({ ...PATIENT_KERNEL, ...sysctls });
    const [router, routerPid] = routerMtu === undefined ? [null, pid] : await startKernel({ 'ipv4/ip_forward': 1 });
    await ip(`link add ${device} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${routerPid}`);
    await (router ?? kernel).run(`ip addr add ${near}/30 dev eth0`);
    await (router ?? kernel).run('ip link set eth0 up');
    if (router === null) await kernel.run(`ip route replace ${network(near)} dev eth0 src ${near} ${CUBIC}`);
    await ip(`link set ${device} up`);
    const far = router === null ? near : await this.joinRouter(router, kernel, pid, mtu, routerMtu ?? mtu);
    const capture = join(this.folder, `${device}.pcapng`);
    const host = new OurHost({
      interfaceName: device,
      address: ours,
      prefixLength: 30,
      gateway: near,
      capture,
      rxSlots,
      tcp: { ...PATIENT, ...tcp },
    });
    this.captures.push(capture);
    this.hosts.add(host);
    return { host, kernel, kernelAddress: far, router };
  }

  /** A link from the router to the kernel's end; that one's address. */
  private async joinRouter(
    router: KernelPeer,
    kernel: KernelPeer,
    pid: number,
    mtu: number,
    routerMtu: number,
  ): Promise<string> {
    const [near, far] = subnet(this.subnets++);
    await router.run(`ip link add eth1 mtu ${routerMtu} type veth peer name eth0 mtu ${mtu} netns ${pid}`);
    await router.run(`ip addr add ${near}/30 dev eth1`);
    await router.run('ip link set eth1 up');
    await kernel.run(`ip addr add ${far}/30 dev eth0`);
    await kernel.run('ip link set eth0 up');
    await kernel.run(`ip route add default via ${near} ${CUBIC}`);
    return far;
  }

  async close(world: World): Promise<void> {
    this.hosts.delete(world.host);
    world.host.close();
    await world.kernel.stop();
    await world.router?.stop();
  }

  onWire(): Promise<Map<string, Set<string>>> {
    return remarkableOnWire(this.captures, join(this.folder, 'all.pcapng'));
  }

  async end(): Promise<void> {
    this.running = false;
    await Promise.allSettled([this.loop]); // playAll has thrown its error
    run(`taskset -c -p ${this.cpus} ${process.pid}`);
    this.leaveNamespace();
    if (process.env.KEEP_CAPTURES === undefined) rmSync(this.folder, { recursive: true });
  }
}

// ---- running them

/** Waits until nothing is left on either side; what is, if that takes too long. */
async function rest({ host, kernel }: World): Promise<string[]> {
  const untilMs = performance.now() + REST_MS;
  const ours = (): string[] => [...host.leftovers(), ...(host.tcp.timeWait.size > 0 ? ['rtcp is in TIME-WAIT'] : [])];
  while (ours().length > 0 && performance.now() < untilMs) await sleep(POLL_MS);
  for (;;) {
    const sockets = (await kernel.run('ss -Htan')).split('\n');
    const open = sockets.filter((line) => line !== '' && !/^(TIME-WAIT|LISTEN)/.test(line));
    const left = [...ours(), ...open.map((line) => `the kernel has left ${line.trim()}`)];
    if (left.length === 0 || performance.now() > untilMs) return left;
    await sleep(POLL_MS);
  }
}

async function within(done: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not over after ${SCENARIO_MS} ms`)), SCENARIO_MS);
  await Promise.race([done, late.promise]).finally(() => clearTimeout(timer));
}

async function play(worlds: Worlds, scenario: Scenario): Promise<[string, Verdict]> {
  const world = await worlds.open(scenario.world ?? {});
  try {
    const before = await world.kernel.counters();
    const error = await within(scenario.run(world)).then(
      () => null,
      (reason: Error) => reason,
    );
    const left = error === null ? await rest(world) : [];
    const remarkable = [...(await remarkableOfKernel(world.kernel, before)), ...remarkableOfHost(world.host)];
    return [world.host.address, { error, left, remarkable }];
  } finally {
    await worlds.close(world);
  }
}

/** Plays all, several at once; the verdicts in their order. */
export async function playAll(scenarios: readonly Scenario[]): Promise<Verdict[]> {
  const worlds = new Worlds();
  try {
    const played: [string, Verdict][] = [];
    let next = 0;
    const player = async (): Promise<void> => {
      while (next < scenarios.length) {
        const i = next++;
        played[i] = await play(worlds, scenarios[i]).catch((error: Error) => ['', { error, left: [], remarkable: [] }]);
      }
    };
    await Promise.race([worlds.loop, Promise.all(Array.from({ length: AT_ONCE }, player))]);
    const onWire = await worlds.onWire();
    return played.map(([address, verdict], i) => {
      const all = new Set([...verdict.remarkable, ...(onWire.get(address) ?? [])]);
      for (const tolerable of scenarios[i].tolerable ?? []) all.delete(tolerable);
      return { ...verdict, remarkable: [...all].sort() };
    });
  } finally {
    await worlds.end();
  }
}
