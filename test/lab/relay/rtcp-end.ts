/**
 * An end of the lab with our own TCP on an address of its own: sends or receives one stream at a time, as it is told.
 *
 *   node test/lab/relay/rtcp-end.ts end0 192.0.2.11 '{"receiveWindowBytes":262144}'
 *
 * The last argument sets what it names of TcpConfig.
 */
import { createHash } from 'node:crypto';
import { systemClock } from '../../../src/lib/clock.ts';
import { PacketLink } from '../../../src/lib/link/packet.ts';
import { CLOSE_NORMAL, type Stream, type StreamHandler } from '../../../src/lib/link/stream.ts';
import { PacketMemory } from '../../../src/lib/memory/packet-memory.ts';
import { Interface } from '../../../src/lib/net/interface.ts';
import { secretWords, unseededRandom } from '../../../src/lib/random.ts';
import { widenInlining } from '../../../src/lib/server/jit.ts';
import { SECRET_WORDS, type TcpConfig } from '../../../src/lib/tcp/config.ts';
import { TcpStack } from '../../../src/lib/tcp/stack.ts';
import { parseIpv4 } from '../../../src/lib/wire/address.ts';
import { answer, CONTENT_BLOCK, type Outcome, onCommand, type Transfer, yieldToEvents } from './protocol.ts';

/** Bytes that wait behind the send queue: the writer is never what the connection waits for. */
const BACKLOG_BYTES = 1 << 19;
const LISTEN_EVERY_US = 20_000;
const PREFIX_LENGTH = 24;

const [interfaceName, addressText, settings = '{}'] = process.argv.slice(2);
const address = parseIpv4(addressText);
if (address === null) throw new Error(`${addressText} is no IPv4 address`);

widenInlining();
const memory = new PacketMemory(1 << 30, 256 << 20);
const link = PacketLink.open({ memory, interfaceName, match: { kind: 'address', address }, rxSlots: 1920 });
const random = unseededRandom();
const net = new Interface(link, { address, prefixLength: PREFIX_LENGTH, random });
const tcp = new TcpStack(net, {
  random,
  secret: secretWords(SECRET_WORDS),
  maxConnections: 64,
  mslMs: 500,
  ...(JSON.parse(settings) as Partial<TcpConfig>),
});

const content = memory.extents.alloc(CONTENT_BLOCK.length);
memory.u8.set(CONTENT_BLOCK, content);
const extentsAtRest = memory.extents.usedBytes;

/** One stream, one way: writes the content, or reads it. */
class TransferHandler implements StreamHandler {
  private readonly transfer: Transfer;
  private readonly hash = createHash('sha256');
  private bytes = 0;
  private firstUs = 0;
  private lastUs = 0;
  private end: Outcome['end'] = 'broken';
  private stream: Stream | null = null;
  private limitUs = Infinity;

  constructor(transfer: Transfer) {
    this.transfer = transfer;
  }

  onOpen(stream: Stream): void {
    tcp.unlisten(this.transfer.port);
    this.stream = stream;
    if (this.transfer.side === 'send') {
      stream.wantsDrain = true;
      this.fill(stream);
    } else this.limitUs = systemClock.nowUs() + this.transfer.limitSeconds * 1e6;
  }

  /** Writes until enough waits behind what the connection keeps in buffers, or everything is written. */
  private fill(stream: Stream): void {
    const { queue } = stream;
    while (queue.backlogBytes < BACKLOG_BYTES && this.bytes < this.transfer.bytes) {
      const from = this.bytes % CONTENT_BLOCK.length;
      const n = Math.min(CONTENT_BLOCK.length - from, this.transfer.bytes - this.bytes, BACKLOG_BYTES);
      if (!queue.append(content + from, n)) throw new Error('the send queue took less than it was given');
      this.bytes += n;
    }
    if (this.bytes < this.transfer.bytes) stream.requestFlush();
    else stream.end();
  }

  onDrain(stream: Stream): void {
    if (this.bytes < this.transfer.bytes) this.fill(stream);
  }

  onData(_stream: Stream, offset: number, length: number): void {
    this.lastUs = systemClock.nowUs();
    if (this.bytes === 0) this.firstUs = this.lastUs;
    this.bytes += length;
    this.hash.update(memory.u8.subarray(offset, offset + length));
  }

  onEnd(stream: Stream): void {
    this.end = 'complete';
    stream.end();
  }

  onClose(_stream: Stream, reason: number): void {
    const { side } = this.transfer;
    if (side === 'send' && reason === CLOSE_NORMAL) this.end = 'complete';
    if (side === 'receive' && this.end === 'complete' && reason !== CLOSE_NORMAL) this.end = 'broken';
    this.stream = null;
    closed.push(this);
  }

  /** Resets the connection when the time is over. */
  checkLimit(nowUs: number): void {
    if (nowUs < this.limitUs || this.stream === null) return;
    this.limitUs = Infinity;
    this.stream.abort();
    this.end = 'limit';
  }

  outcome(): Outcome {
    const { side } = this.transfer;
    return {
      kind: 'outcome',
      side,
      end: this.end,
      bytes: this.bytes,
      sha256: side === 'receive' ? this.hash.digest('hex') : '',
      elapsedUs: this.lastUs - this.firstUs,
      leftovers: leftovers(),
      counters: { ...tcp.counters, rxDropped: link.stats.rxDropped, txDropped: link.stats.txDropped },
    };
  }
}

/** The one that is at work, if any. */
const current: TransferHandler[] = [];
/** Their outcomes are told between two turns, when everything is at rest. */
const closed: TransferHandler[] = [];

/** What a closed connection should have given back. */
function leftovers(): Record<string, number> {
  return {
    connections: tcp.connectionCount,
    lingering: tcp.lingering.size,
    extentBytes: memory.extents.usedBytes - extentsAtRest,
    dataBuffers: link.data.count - link.data.available,
    controlBuffers: link.control.count - link.control.available,
  };
}

onCommand<Transfer>((transfer) => {
  const handler = new TransferHandler(transfer);
  current[0] = handler;
  if (transfer.role === 'listen') {
    tcp.listen(transfer.port, handler);
    answer({ kind: 'ready' });
    return;
  }
  net.nowUs = systemClock.nowUs();
  if (tcp.connect(parseIpv4(transfer.address)!, transfer.port, handler) === null) throw new Error('no way to connect');
});

function turn(nowUs: number): boolean {
  net.nowUs = nowUs;
  const n = link.receive();
  for (let i = 0; i < n; i++) net.input(link.rxOffset[i], link.rxLength[i], link.rxFlags[i]);
  tcp.output(nowUs);
  net.output(nowUs);
  if (n > 0) link.release();
  link.flush();
  return n > 0;
}

for (let heardUs = 0; ; ) {
  const nowUs = systemClock.nowUs();
  if (nowUs - heardUs > LISTEN_EVERY_US) {
    heardUs = nowUs;
    for (const handler of current) handler.checkLimit(nowUs);
    await yieldToEvents();
  }
  const busy = turn(nowUs);
  for (const handler of closed.splice(0)) answer(handler.outcome());
  if (busy) continue;
  const nextUs = Math.min(tcp.nextDeadlineUs(), net.nextDeadlineUs(), heardUs + LISTEN_EVERY_US);
  const sleepUs = Math.ceil(nextUs - systemClock.nowUs());
  if (sleepUs > 0) link.wait(-1, sleepUs);
}
