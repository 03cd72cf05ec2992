import { writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { Flags } from '@oclif/core';
import { RtcpCommand } from '../lib/cli/command.ts';
import { UsageError } from '../lib/cli/command-error.ts';
import * as flag from '../lib/cli/flags.ts';
import { parseDirective, readConfiguration, serveSettings } from '../lib/cli/serve-settings.ts';
import type { LogLevel } from '../lib/server/log.ts';
import { parseLogLevel } from '../lib/server/log.ts';
import type { IoKind } from '../lib/server/plan.ts';
import type { Directive } from '../lib/server/redis-conf.ts';
import { serve } from '../lib/server/serve.ts';

const IO_KINDS: readonly (IoKind | 'auto')[] = ['auto', 'xdp', 'packet', 'tap', 'socket'];

interface ServeResult {
  exitCode: number;
  seconds: number;
}

export default class Serve extends RtcpCommand {
  static override summary = 'Serve Redis clients, over our own TCP/IP stack or kernel sockets.';
  static override description =
    'Without flags and with the privilege, the stack takes over 127.0.0.1:6379 on lo, so that a bare redis-cli talks to it; without the privilege, kernel sockets serve there. The first lines say which it took, why, and how to connect. Stops at Ctrl-C or SIGTERM after finishing replies; a second signal aborts. With --json the log goes to stderr.';
  static override examples = [
    { command: '<%= config.bin %> serve', description: 'Loopback: then, in another terminal, redis-cli' },
    {
      command: '<%= config.bin %> serve --iface eth0 --ip 192.0.2.10/24',
      description: 'An address of our own on eth0: AF_XDP if the interface takes it, else AF_PACKET',
    },
    {
      command: '<%= config.bin %> serve --iface eth0 --takeover',
      description: "One TCP port of the host's own address on eth0",
    },
    {
      command: '<%= config.bin %> serve --io tap --ip 198.51.100.2/24',
      description: 'A device of our own, rtcp0; the kernel is 198.51.100.1 on it',
    },
    {
      command: '<%= config.bin %> serve --io socket --bind 0.0.0.0 --port 6380',
      description: 'Kernel sockets: no privilege needed',
    },
    {
      command: '<%= config.bin %> serve --trace tcp.html',
      description: 'With a page about every connection, written at the end',
    },
    {
      command: '<%= config.bin %> serve --config /etc/redis/redis.conf --set maxmemory=1gb',
      description: 'A redis.conf; --set (and flags) win over it',
    },
  ];

  static override flags = flag.withEnvironment({
    iface: Flags.string({
      aliases: ['interface'],
      helpValue: 'IF',
      description: 'Interface (with --io tap: the device to make, default rtcp0)',
    }),
    io: Flags.string({ options: [...IO_KINDS], default: 'auto', description: 'How frames, or bytes, come and go' }),
    ip: Flags.string({
      helpValue: 'ADDRESS/LEN',
      description: 'An IPv4 address of our own: we answer ARP and ping for it',
    }),
    port: flag.port({ char: 'p', description: 'TCP port (default 6379)' }),
    gateway: Flags.string({
      helpValue: 'ADDRESS',
      description: "Router to other networks; with --io tap, the kernel's side",
    }),
    mac: Flags.string({ helpValue: 'MAC', description: "Our hardware address (default: the interface's)" }),
    takeover: Flags.boolean({
      description: "Take one TCP port of the host's own address; all else stays with the kernel",
    }),
    bind: Flags.string({
      helpValue: 'ADDRESS',
      description: 'Kernel sockets: the address to listen on (default 127.0.0.1)',
    }),
    shards: flag.count({ default: 1, min: 1, description: 'Shards: 1, more are to come' }),
    spin: flag.duration({
      bareUnit: 'us',
      default: 50,
      defaultHelp: async () => '50us',
      description: 'Longest busy wait before the loop sleeps',
    }),
    config: Flags.string({ helpValue: 'FILE', description: 'A redis.conf' }),
    set: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME=VALUE',
      description: 'A directive of redis.conf',
    }),
    requirepass: Flags.string({ helpValue: 'PASSWORD', description: 'Clients must AUTH with it' }),
    maxmemory: flag.size({ description: 'Limit of the keyspace; 0: none' }),
    'log-level': Flags.string({
      helpValue: 'LEVEL',
      description: 'error, warn, info or debug, or 0 to 3 (default info)',
    }),
    pcap: Flags.string({ helpValue: 'FILE', description: 'Write every frame to a pcapng file' }),
    trace: Flags.string({
      helpValue: 'FILE|-',
      description: 'Follow our TCP from inside: .pcapng, .ndjson, .html, else a log (see tcp-trace)',
    }),
    'trace-socket': Flags.string({
      helpValue: 'PATH',
      description: 'Where tcp-trace --attach connects (default: by port; --log-level debug says it)',
    }),
  });

  async run(): Promise<ServeResult> {
    const { flags } = await this.parse(Serve);
    if (flags.shards !== 1)
      throw new UsageError(`--shards ${flags.shards}: there is one shard so far`, 'leave --shards out');
    if (flags.trace === '-' && this.output.json)
      throw new UsageError('--trace - and --json are both for stdout', 'name a file: --trace tcp.ndjson');
    const fromFlags: Directive[] = (flags.set ?? []).map(parseDirective);
    if (flags.requirepass !== undefined) fromFlags.push(['requirepass', [flags.requirepass]]);
    if (flags.maxmemory !== undefined) fromFlags.push(['maxmemory', [String(flags.maxmemory)]]);
    const file = flags.config === undefined ? null : readConfiguration(flags.config);
    const settings = serveSettings(file?.directives ?? [], fromFlags);
    for (const warning of file?.warnings ?? []) this.output.warn(warning);
    const startedMs = Date.now();
    const exitCode = await serve({
      io: flags.io as IoKind | 'auto',
      iface: flags.iface,
      ip: flags.ip,
      port: flags.port ?? settings.port,
      gateway: flags.gateway,
      mac: flags.mac,
      takeover: flags.takeover,
      bind: flags.bind ?? settings.bind,
      shards: flags.shards,
      spinUs: flags.spin,
      directives: settings.directives,
      configFile: flags.config === undefined ? '' : resolve(flags.config),
      logLevel: level(flags['log-level']) ?? settings.logLevel,
      pcapFile: flags.pcap ?? '',
      traceFile: flags.trace ?? '',
      traceSocket: flags['trace-socket'] ?? '',
      write: (line) => writeLog(this.output.json ? process.stderr.fd : process.stdout.fd, line),
    });
    this.exitWith(exitCode);
    return { exitCode, seconds: (Date.now() - startedMs) / 1000 };
  }
}

/** A log that can't be written (a full disk, a reader that left) is no reason to stop serving; false then: there is nowhere to say it. */
function writeLog(fd: number, line: string): boolean {
  try {
    return writeSync(fd, line) === line.length;
  } catch {
    return false;
  }
}

function level(name: string | undefined): LogLevel | null {
  if (name === undefined) return null;
  const parsed = parseLogLevel(name);
  if (parsed === null)
    throw new UsageError(`--log-level ${name} is not a level`, 'error, warn, info or debug, or 0 to 3');
  return parsed;
}
