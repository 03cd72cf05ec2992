/**
 * The worker of one shard: opens the transport that was planned, assembles what serves over it, says so, and runs the loop
 * until it is told to stop. Everything that it opens is closed before it ends.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import type { Link } from '../link/link.ts';
import { FileSink, PcapTap } from '../link/pcap.ts';
import { SocketTransport } from '../link/socket.ts';
import { PacketMemory } from '../memory/packet-memory.ts';
import { ADVICE_DISCARD, ADVICE_HUGE_PAGES, adviseBytes } from '../native/memory.ts';
import { Interface } from '../net/interface.ts';
import { SilentObserver } from '../net/observer.ts';
import { secretWords, unseededRandom } from '../random.ts';
import { SECRET_WORDS } from '../tcp/config.ts';
import { TcpStack } from '../tcp/stack.ts';
import { Recorder } from '../trace/recorder.ts';
import { formatIpv4, formatMac, macBytes } from '../wire/address.ts';
import { assembleCore, type ShardCore } from './assemble.ts';
import { Config } from './config.ts';
import { findParameter, type Parameter } from './config-table.ts';
import type { ServerHooks, TransportInfo } from './context.ts';
import { widenInlining } from './jit.ts';
import { Logger, type LogLevel } from './log.ts';
import { openLink } from './open-link.ts';
import { type Plan, PlanError } from './plan.ts';
import { CONTROL_STOP, CONTROL_TRACE, Shard, STOP_GRACEFUL, STOP_NOW } from './shard.ts';
import { KernelTransport, StackTransport, type Transport } from './transport.ts';

export interface ShardSetup {
  plan: Plan;
  control: Int32Array;
  wakeFd: number;
  index: number;
  spinUs: number;
  directives: [string, string[]][];
  configFile: string;
  logLevel: LogLevel;
  pcapFile: string;
  /** The ring that the stack's events go into; null with kernel sockets. */
  traceRing: SharedArrayBuffer | null;
  version: string;
}

export type ShardMessage =
  | { kind: 'log'; line: string }
  | { kind: 'failed'; message: string; mend: string; exitCode: number }
  | { kind: 'ready'; lines: string[] };

/** Packet memory: address space, of which the operating system backs what was touched. */
const MEMORY_BYTES = 0x7fff_0000;
const EXTENT_BYTES = 0x5000_0000;
/** On a machine that refuses so much address space. */
const SMALL_MEMORY_BYTES = 0x2000_0000;
const SMALL_EXTENT_BYTES = 0x0c00_0000;

function packetMemory(): PacketMemory {
  try {
    return new PacketMemory(MEMORY_BYTES, EXTENT_BYTES);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return new PacketMemory(SMALL_MEMORY_BYTES, SMALL_EXTENT_BYTES);
  }
}

function post(message: ShardMessage): void {
  parentPort?.postMessage(message);
}

function loadConfig(setup: ShardSetup): Config {
  const config = new Config();
  config.file = setup.configFile;
  for (const [name, words] of setup.directives) {
    const parameter = findParameter(name);
    if (parameter !== undefined) config.load(parameter, words);
  }
  // What the plan and the flags decided is what CONFIG GET shows.
  const decided: [string, string][] = [
    ['port', String(setup.plan.port)],
    ['bind', formatIpv4(setup.plan.address)],
    ['loglevel', setup.logLevel],
  ];
  for (const [name, word] of decided) config.load(findParameter(name) as Parameter, [word]);
  return config;
}

interface Opened {
  transport: Transport;
  info: () => TransportInfo;
  lines: string[];
  recorder: Recorder | null;
}

function openSockets(plan: Plan, memory: PacketMemory, core: ShardCore): Opened {
  const sockets = new SocketTransport({ memory, handler: core.sessions });
  sockets.listen(plan.address, plan.port, core.context.config.number('tcp-backlog'));
  const address = formatIpv4(plan.address);
  return {
    transport: new KernelTransport(sockets, core.sessions),
    info: () => ({ io: 'socket', interface: '', address, port: plan.port, counters: { ...sockets.stats } }),
    lines: [`kernel sockets on ${address}:${plan.port}: ${plan.reason}`],
    recorder: null,
  };
}

/** The link, with every frame written to a file; a disk that is full ends the recording, not the server. */
function recording(link: Link, file: string, core: ShardCore): PcapTap {
  try {
    const tap = new PcapTap(link, new FileSink(file), systemClock);
    tap.onError = (error) => core.context.log('warning', `--pcap ${file} ends here: ${error.message}`);
    return tap;
  } catch (error) {
    throw new PlanError(`--pcap: ${(error as Error).message}`, 'name a file that can be written');
  }
}

function openStack(setup: ShardSetup, memory: PacketMemory, core: ShardCore): Opened {
  const { plan } = setup;
  const opened = openLink(plan, setup.index, memory);
  const link = setup.pcapFile === '' ? opened.link : recording(opened.link, setup.pcapFile, core);
  const random = unseededRandom();
  const net = new Interface(link, {
    address: plan.address,
    prefixLength: plan.prefix,
    gateway: plan.gateway,
    takeover: plan.takeover,
    random,
  });
  if (!plan.takeover) claimAddress(net, core, plan);
  const secret = secretWords(SECRET_WORDS);
  const keepAliveMs = core.context.config.keepAliveSeconds * 1000;
  const tcp = new TcpStack(net, { random, secret, nagle: false, keepAliveMs });
  const recorder = setup.traceRing === null ? null : new Recorder(tcp, setup.traceRing, systemClock);
  recorder?.obey(setup.control, CONTROL_TRACE);
  const backlog = core.context.config.number('tcp-backlog');
  const address = formatIpv4(plan.address);
  const name = link.name;
  const lines = opened.refused.map((why) => `not taken: ${why}`);
  lines.push(`our own TCP/IP stack (${opened.io} on ${name}): ${plan.reason}`);
  return {
    transport: new StackTransport(link, net, tcp, core.sessions, plan.port, backlog),
    info: () => ({
      io: opened.io,
      interface: name,
      address,
      port: plan.port,
      counters: { ...link.stats, ...net.counters, ...tcp.counters },
    }),
    lines,
    recorder,
  };
}

/** Says whose our address is now, and stops serving when another host insists on it (RFC 5227 §2.4). */
class AddressWatch extends SilentObserver {
  private readonly core: ShardCore;
  private readonly address: string;

  constructor(core: ShardCore, address: string) {
    super();
    this.core = core;
    this.address = address;
  }

  override addressConflict(high16: number, low32: number, lost: boolean): void {
    const { context } = this.core;
    const other = formatMac(macBytes(high16, low32));
    context.log('warning', `${other} uses our address ${this.address}, too${lost ? ': we give it up and stop' : ''}`);
    if (lost) context.hooks.requestShutdown({ now: true, force: false });
  }
}

function claimAddress(net: Interface, core: ShardCore, plan: Plan): void {
  net.observer = new AddressWatch(core, formatIpv4(plan.address));
  net.nowUs = systemClock.nowUs();
  net.arp.claim.announce(net.nowUs);
}

function runShard(setup: ShardSetup): void {
  const memory = packetMemory();
  const config = loadConfig(setup);
  const logger = new Logger({
    write: (line) => post({ kind: 'log', line }),
    wallMs: () => systemClock.wallMs(),
    pid: process.pid,
    level: setup.logLevel,
  });
  config.onChange('loglevel', (changed) => {
    logger.level = changed.text('loglevel') as LogLevel;
    return null;
  });
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const { control } = setup;
  let opened: Opened | null = null;
  let shard: Shard | null = null;
  const hooks: ServerHooks = {
    requestShutdown: ({ now }) => void Atomics.store(control, CONTROL_STOP, now ? STOP_NOW : STOP_GRACEFUL),
    abortShutdown: () => Atomics.exchange(control, CONTROL_STOP, 0) !== 0,
    killClient: (client) => core.sessions.kill(client),
    sleepMs: (ms) => void Atomics.wait(sleeper, 0, 0, ms),
    resumePaused: () => shard?.resumePausedSoon(),
    transportInfo: () => (opened as Opened).info(),
    log: (level, text) => logger.log(level, text),
  };
  const advice = {
    prepare: (bytes: Uint8Array) => void adviseBytes(bytes, ADVICE_HUGE_PAGES),
    discard: (bytes: Uint8Array) => void adviseBytes(bytes, ADVICE_DISCARD),
  };
  memory.discard = advice.discard;
  const core = assembleCore({ memory, clock: systemClock, config, hooks, version: setup.version, advice });
  opened = setup.plan.io[0] === 'socket' ? openSockets(setup.plan, memory, core) : openStack(setup, memory, core);
  shard = new Shard({
    index: setup.index,
    clock: systemClock,
    context: core.context,
    dispatcher: core.dispatcher,
    sessions: core.sessions,
    transport: opened.transport,
    control,
    wakeFd: setup.wakeFd,
    spinUs: setup.plan.io[0] === 'socket' ? 0 : setup.spinUs,
    recorder: opened.recorder,
  });
  const lines = [...opened.lines, `connect with: ${setup.plan.connect}`, 'Ready to accept connections'];
  post({ kind: 'ready', lines });
  shard.run();
  logger.log('warning', 'rtcp is now ready to exit, bye bye...');
}

try {
  widenInlining();
  runShard(workerData as ShardSetup);
} catch (error) {
  const { message, mend, exitCode, code } = error as Error & { mend?: string; exitCode?: number; code?: string };
  const privilege = code === 'EPERM' || code === 'EACCES';
  post({
    kind: 'failed',
    message,
    mend: mend ?? "see what this machine lacks with 'rtcp doctor'",
    exitCode: exitCode ?? (privilege ? 4 : code === undefined ? 1 : 2),
  });
  if (code === undefined && exitCode === undefined) throw error; // a defect: its stack is wanted
}
