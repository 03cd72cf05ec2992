import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Flags } from '@oclif/core';
import type { Contender, LinkKind } from '../lib/bench/contender.ts';
import { LINK_KINDS, REDIS, redisContender, rtcpContender } from '../lib/bench/contender.ts';
import { Lab } from '../lib/bench/lab.ts';
import { requirePrograms } from '../lib/bench/processes.ts';
import { announcePlan, printResult } from '../lib/bench/report.ts';
import type { BenchResult } from '../lib/bench/result.ts';
import { benchResult, exitCodeOf } from '../lib/bench/result.ts';
import type { Comparison, Plan } from '../lib/bench/rounds.ts';
import { compare } from '../lib/bench/rounds.ts';
import { parseTargets } from '../lib/bench/target.ts';
import type { Threshold } from '../lib/bench/threshold.ts';
import { parseThreshold } from '../lib/bench/threshold.ts';
import type { Workload } from '../lib/bench/workload.ts';
import { parseTests } from '../lib/bench/workload.ts';
import { RtcpCommand } from '../lib/cli/command.ts';
import { UsageError } from '../lib/cli/command-error.ts';
import * as flag from '../lib/cli/flags.ts';
import type { Interrupt } from '../lib/cli/interrupt.ts';

const QUICK_PIPELINES = [1, 16];
const PIPELINES = [1, 16, 100];

export default class Bench extends RtcpCommand {
  static override summary =
    'Compare servers under the same load: stock Redis, rtcp on each link, or whatever runs already.';
  static override description =
    "With --vs redis, everything is made for the purpose and removed again: network namespaces, a veth pair or a TAP, a stock redis-server, and rtcp serve on each --io. Every round runs each of them alone; ratios are taken within a round. The load is redis-benchmark. Server CPU is the server process's own time for each request, machine is the busy time of all processors, load included. With --target, the servers named are compared as they run; the first is the baseline.";
  static override examples = [
    {
      command: '<%= config.bin %> bench --vs redis',
      description: 'rtcp on packet, xdp, tap and kernel sockets against redis-server (root)',
    },
    {
      command: '<%= config.bin %> bench --vs redis --io packet --quick',
      description: 'One link, one round, a minute at most',
    },
    {
      command: '<%= config.bin %> bench --target 127.0.0.1:6379 --target other=192.0.2.7:6380 -P 1 -P 16',
      description: 'Two servers that run already',
    },
    {
      command: '<%= config.bin %> bench --vs redis --io tap -P 16 -t all',
      description: "redis-benchmark's whole default suite: lists, sets, hashes, sorted sets, too",
    },
    {
      command: "<%= config.bin %> bench --vs redis --io packet --fail-if 'packet.P16:ratio<1.7' --fail-if 'p99>5ms'",
      description: 'For CI: exit 5 when a condition is met',
    },
  ];

  static override flags = flag.withEnvironment({
    vs: Flags.string({
      options: [REDIS],
      description: 'Start a stock server beside rtcp and take it as the baseline',
      exclusive: ['target'],
    }),
    io: Flags.string({
      options: [...LINK_KINDS],
      multiple: true,
      multipleNonGreedy: true,
      description: 'Links of rtcp to compare (default: all)',
    }),
    target: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: '[NAME=]HOST:PORT',
      description: 'Compare running servers instead: give it twice or more',
    }),
    clients: flag.count({ char: 'c', default: 50, min: 1, max: 10_000, description: 'Parallel connections' }),
    requests: flag.count({
      char: 'n',
      min: 1,
      description: 'Requests of each cell (default: 200k, 1.5m or 4m by pipeline depth)',
    }),
    pipeline: flag.count({
      char: 'P',
      multiple: true,
      multipleNonGreedy: true,
      min: 1,
      max: 10_000,
      description: 'Pipeline depths (default: 1, 16, 100)',
    }),
    size: flag.size({ char: 'd', default: 64, description: 'Bytes of a value' }),
    keyspace: flag.count({ char: 'r', default: 100_000, min: 1, description: 'Keys to draw from' }),
    tests: Flags.string({ char: 't', default: 'set,get', description: "Tests of redis-benchmark's suite, or all" }),
    rounds: flag.count({ min: 1, max: 100, description: 'Rounds (default: 3; 1 with --quick)' }),
    quick: Flags.boolean({ description: 'One round at P=1 and 16 with a fifth of the requests' }),
    'server-cpu': flag.count({ min: 0, description: 'Processor for the server (default: 0)' }),
    'load-cpu': flag.count({ min: 0, description: 'Processor for the load (default: the last)' }),
    'no-pin': Flags.boolean({ description: 'Leave placement to the kernel', exclusive: ['server-cpu', 'load-cpu'] }),
    'redis-server': Flags.string({ default: 'redis-server', description: 'The stock server to start' }),
    'fail-if': Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'CONDITION',
      description: 'Exit 5 if a cell meets it: [CELL:](rps|p50|p99|p999|cpu|busy|ratio|cpuratio)(<|>)VALUE',
    }),
    'export-json': Flags.string({
      helpValue: 'FILE',
      description: 'Write the result, with every single measurement, to a file',
    }),
  });

  async run(): Promise<BenchResult> {
    const { flags } = await this.parse(Bench);
    const thresholds = (flags['fail-if'] ?? []).map(threshold);
    const workload: Workload = {
      clients: flags.clients,
      dataBytes: flags.size,
      keyspace: flags.keyspace,
      pipelines: flags.pipeline ?? (flags.quick ? QUICK_PIPELINES : PIPELINES),
      tests: parseTests(flags.tests),
      requests: flags.requests ?? null,
      quick: flags.quick,
    };
    const pinned = !flags['no-pin'] && availableParallelism() > 1;
    const plan: Plan = {
      contenders:
        flags.target === undefined
          ? this.contenders(flags.vs, flags.io, flags['redis-server'])
          : parseTargets(flags.target),
      workload,
      rounds: flags.rounds ?? (flags.quick ? 1 : 3),
      serverCpu: pinned ? (flags['server-cpu'] ?? 0) : null,
      loadCpu: pinned ? (flags['load-cpu'] ?? availableParallelism() - 1) : null,
    };
    const started = plan.contenders.flatMap((contender) => contender.command?.slice(0, 1) ?? []);
    requirePrograms(['redis-benchmark', 'redis-cli', ...started]);
    const interrupt = this.interrupt; // from here on, namespaces may have to be removed
    if (started.length > 0) Lab.tryOut();
    announcePlan(this.output, plan);
    const result = benchResult(plan, await this.compare(plan, interrupt), thresholds);
    printResult(this.output, result);
    if (flags['export-json'] !== undefined) writeFileSync(flags['export-json'], `${JSON.stringify(result, null, 2)}\n`);
    this.exitWith(exitCodeOf(result));
    return result;
  }

  private contenders(vs: string | undefined, kinds: string[] | undefined, redisServer: string): Contender[] {
    if (vs === undefined) {
      throw new UsageError('nothing to compare with', 'rtcp bench --vs redis, or two times --target HOST:PORT');
    }
    const chosen = kinds === undefined ? LINK_KINDS : LINK_KINDS.filter((kind: LinkKind) => kinds.includes(kind));
    return [redisContender(redisServer), ...chosen.map(rtcpContender)];
  }

  private async compare(plan: Plan, interrupt: Interrupt): Promise<Comparison> {
    const progress = this.output.progress('starting');
    try {
      return await compare(plan, interrupt, (text) => progress.update(text));
    } finally {
      progress.stop();
    }
  }
}

function threshold(text: string): Threshold {
  const parsed = parseThreshold(text);
  if (parsed !== null) return parsed;
  throw new UsageError(
    `--fail-if: '${text}' is not a condition`,
    "for example --fail-if 'p99>2ms' or 'xdp.P16:ratio<1.7'",
  );
}
