/**
 * The goodput table: the kernel's TCP and ours, as sender and as receiver, over the same lossy relay.
 *
 *   node test/lab/relay/goodput.ts --bytes 50mb --loss 0,0.1%,1%,5% --delay 0,5ms,50ms --rounds 3
 *   node test/lab/relay/goodput.ts --loss 1% --delay 5ms --pairs kernel-kernel,rtcp-kernel --json
 *
 * A pair is SENDER-RECEIVER; the sender connects in odd rounds and in even rounds listens. All pairs of a cell see the same
 * seed. Delay is each way. Goodput is from the receiver's first byte to its last, in bytes that arrived in order; every stream's
 * SHA-256 is checked. A ratio is to kernel-kernel in the same round; the table has the medians.
 */
import { parseArgs } from 'node:util';
import { renderTable } from '../../../src/lib/cli/table.ts';
import { parseDurationUs, parseSizeBytes } from '../../../src/lib/cli/units.ts';
import { RelayLab, type Transferred } from './lab.ts';
import { contentSha256, type EndKind, type RelayConditions } from './protocol.ts';

const { values: flags } = parseArgs({
  options: {
    bytes: { type: 'string', default: '50mb' },
    loss: { type: 'string', default: '0,0.1%,1%,5%' },
    delay: { type: 'string', default: '0,5ms,50ms' },
    pairs: { type: 'string', default: 'kernel-kernel,rtcp-kernel,kernel-rtcp,rtcp-rtcp' },
    rate: { type: 'string', default: '0' },
    queue: { type: 'string', default: '256kb' },
    rounds: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    limit: { type: 'string', default: '60s' },
    congestion: { type: 'string', default: 'cubic' },
    tcp: { type: 'string', default: '{}' },
    json: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});

interface Measured {
  loss: number;
  delayUs: number;
  pair: string;
  round: number;
  bytes: number;
  elapsedUs: number;
  end: string;
}

interface Cell {
  loss: number;
  delayUs: number;
}

const BASE = 'kernel-kernel';
const WARM_BYTES = 32 << 20;
const bytes = parseSizeBytes(flags.bytes) ?? usage('--bytes', flags.bytes);
const limitSeconds = (parseDurationUs(flags.limit, 's') ?? usage('--limit', flags.limit)) / 1e6;
const pairs = flags.pairs.split(',');
const cells: Cell[] = flags.delay.split(',').flatMap((delay) =>
  flags.loss.split(',').map((loss) => ({
    loss: Number.parseFloat(loss) / 100,
    delayUs: parseDurationUs(delay, 'ms') ?? usage('--delay', delay),
  })),
);
const line = { bitsPerSecond: Number(flags.rate) * 1e6, queueBytes: parseSizeBytes(flags.queue) ?? 0 };

function usage(flag: string, value: string): never {
  console.error(`${flag} does not understand ${value}`);
  process.exit(2);
}

function ends(pair: string): [EndKind, EndKind] {
  const kinds = pair.split('-');
  if (kinds.length !== 2 || !kinds.every((kind) => kind === 'kernel' || kind === 'rtcp')) usage('--pairs', pair);
  return kinds as [EndKind, EndKind];
}

/** One stream from `sender` to `receiver`; checks everything about it but its speed. */
async function stream(lab: RelayLab, pair: string, size: number, senderConnects: boolean): Promise<Transferred> {
  const [sender, receiver] = ends(pair);
  const done = senderConnects
    ? await lab.transfer(sender, receiver, 'a', size, limitSeconds)
    : await lab.transfer(receiver, sender, 'b', size, limitSeconds);
  const { end, sha256 } = done.receiver;
  if (end === 'broken') throw new Error(`${pair}: the connection broke: ${JSON.stringify(done)}`);
  if (end === 'complete' && done.receiver.bytes !== size) throw new Error(`${pair}: ${done.receiver.bytes} of ${size}`);
  if (sha256 !== contentSha256(done.receiver.bytes)) throw new Error(`${pair}: what arrived is not what was sent`);
  return done;
}

async function measureCell(lab: RelayLab, { loss, delayUs }: Cell, results: Measured[]): Promise<void> {
  for (let round = 1; round <= Number(flags.rounds); round++) {
    for (const pair of pairs) {
      const conditions: RelayConditions = { ...line, loss, delayUs, seed: Number(flags.seed) + round };
      await lab.setConditions(conditions);
      const { sender, receiver } = await stream(lab, pair, bytes, round % 2 === 1);
      const report = await lab.setConditions(conditions);
      const measured = { loss, delayUs, pair, round, bytes: receiver.bytes, elapsedUs: receiver.elapsedUs };
      results.push({ ...measured, end: receiver.end });
      const where = `${loss * 100} % ${delayUs / 1000} ms ${pair} #${round}`;
      const { packets, lost, queueFull, overrun } = report;
      console.error(
        `${where}: ${megabytes(goodput(measured))} MB/s, ${packets} packets, ${lost} lost, ${queueFull} over the queue, ${overrun} overrun, ${receiver.end}`,
      );
      if (flags.verbose) {
        console.error('  sender', JSON.stringify(sender.counters), '\n  receiver', JSON.stringify(receiver.counters));
      }
    }
  }
}

/** Bytes in a microsecond, which are megabytes in a second. */
function goodput(measured: { bytes: number; elapsedUs: number }): number {
  return measured.bytes / Math.max(1, measured.elapsedUs);
}

function megabytes(rate: number): string {
  return rate.toFixed(rate < 10 ? 2 : rate < 100 ? 1 : 0);
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

function summary(results: Measured[]): string {
  const columns = [{ head: 'delay' }, { head: 'loss' }, ...pairs.map((head) => ({ head, align: 'right' as const }))];
  const rows = cells.map(({ loss, delayUs }) => {
    const of = (pair: string): Measured[] =>
      results.filter((one) => one.loss === loss && one.delayUs === delayUs && one.pair === pair);
    const base = of(BASE);
    const texts = pairs.map((pair) => {
      const measured = of(pair);
      if (measured.length === 0) return '–';
      const rate = megabytes(median(measured.map(goodput)));
      if (pair === BASE || base.length === 0) return rate;
      const ratios = measured.map((one, i) => goodput(one) / goodput(base[i]));
      return `${rate}  ${median(ratios).toFixed(2)}×`;
    });
    return [`${delayUs / 1000} ms`, `${+(loss * 100).toFixed(3)} %`, ...texts];
  });
  return renderTable(columns, rows);
}

const results: Measured[] = [];
const lab = new RelayLab({ congestionControl: flags.congestion, tcp: JSON.parse(flags.tcp) });
process.once('SIGINT', () => lab.close().then(() => process.exit(130)));
try {
  await lab.setConditions({ ...line, loss: 0, delayUs: 0, seed: 1 });
  for (const pair of pairs) {
    await stream(lab, pair, WARM_BYTES, true);
    await stream(lab, pair, WARM_BYTES, false);
  }
  for (const cell of cells) await measureCell(lab, cell, results);
} finally {
  await lab.close();
}
if (flags.json) console.log(JSON.stringify({ bytes, seed: Number(flags.seed), results }, null, 2));
else console.log(summary(results));
