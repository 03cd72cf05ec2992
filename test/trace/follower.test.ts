import { describe, expect, test } from 'vitest';
import { parseIpv4 } from '../../src/lib/wire/address.ts';
import { follow } from './collected.ts';
import { keepFrames, redisTalk, samePorts, transfer } from './scenarios.ts';

const noFault = { seed: 31, conditions: { delayUs: 5000 } };

describe('a connection from its first segment to its last', () => {
  const traced = follow(transfer(noFault, 50_000).capture('client'));

  test('takes both ends through the state diagram', () => {
    // The server closes first (RFC 9293 §3.6, figure 12); seen from the client, whose ACKs prove what it has taken.
    expect(traced.transitions).toEqual([
      'client CLOSED → SYN-SENT: SYN sent',
      'server LISTEN → SYN-RECEIVED: SYN received',
      'client SYN-SENT → ESTABLISHED: SYN,ACK received',
      'server SYN-RECEIVED → ESTABLISHED: ACK of SYN',
      'server ESTABLISHED → FIN-WAIT-1: FIN sent',
      'client ESTABLISHED → CLOSE-WAIT: FIN received',
      'server FIN-WAIT-1 → FIN-WAIT-2: FIN acknowledged',
      'client CLOSE-WAIT → LAST-ACK: FIN sent',
      'server FIN-WAIT-2 → TIME-WAIT: FIN received',
      'client LAST-ACK → CLOSED: FIN acknowledged',
    ]);
    expect(traced.of('closed').map(({ cause }) => cause)).toEqual(['both sides closed, server first']);
  });

  test('counts what each end sent and the other took', () => {
    const [{ client, server }] = traced.connections;
    expect([client.ackedBytes, server.ackedBytes, client.bytes, server.bytes]).toEqual([
      50_000, 50_000, 50_000, 50_000,
    ]);
    expect([client.path, client.state, server.state]).toEqual([
      ['CLOSED', 'SYN-SENT', 'ESTABLISHED', 'CLOSE-WAIT', 'LAST-ACK', 'CLOSED'],
      'CLOSED',
      'TIME-WAIT',
    ]);
  });

  test('measures round trips of twice the delay, and the time in each state', () => {
    const [{ client, firstUs, lastUs }] = traced.connections;
    expect(client.rttUs.min).toBe(10_000);
    expect(client.stateUs.get('SYN-SENT')).toBe(10_000);
    const total = [...client.stateUs.values()].reduce((a, b) => a + b, 0);
    expect(total).toBeCloseTo(lastUs - firstUs, 3);
  });

  test('tells every segment with its number in the capture', () => {
    const segments = traced.of('segment');
    expect(segments.map(({ frame }) => frame)).toEqual(traced.frames);
    expect(segments[0].options).toEqual(['mss 1460', 'wscale 7', 'sackOK']);
    expect(Math.max(...segments.map(({ inFlightBytes }) => inFlightBytes))).toBeGreaterThan(10_000);
  });
});

describe('Redis on a bad line', () => {
  const traced = follow(redisTalk(32, 0.05, 30).capture('client'));

  test('every command is named in order, and every reply joined to its own', () => {
    const [{ client, server }] = traced.connections;
    expect([client.commands, server.commands]).toEqual([31, 31]);
    const names = new Set(traced.commands);
    for (let i = 1; i <= 30; i++) expect(names).toContain(`GET user:${i}`);
    const late = traced.of('command').flatMap(({ commands }) => commands);
    const answers = [...traced.commands, ...late].filter((name) => name.startsWith('→'));
    for (let i = 1; i <= 30; i++) expect(answers).toContain(`→ $5 (GET user:${i})`);
    expect(answers).toContain('→ +OK (SET k <30000 bytes>)');
  });

  test('a segment sent again carries the same command', () => {
    const again = traced.of('segment').filter(({ labels }) => labels.some((label) => label.endsWith('retransmission')));
    expect(again.length).toBeGreaterThan(0);
    expect(again.filter(({ lengthBytes, commands }) => lengthBytes > 0 && commands.length === 0)).toEqual([]);
  });

  test('reads no payload when told not to', () => {
    const capture = redisTalk(32, 0, 3).capture('client');
    expect(follow(capture, { resp: 'never' }).commands).toEqual([]);
    expect(follow(capture, { resp: 'always' }).commands).toContain('GET user:1');
  });
});

describe('which connections', () => {
  const capture = samePorts().capture('client');

  test('each use of the same ports is a connection of its own', () => {
    const traced = follow(capture);
    expect(traced.connections.map(({ id, closed }) => [id, closed])).toEqual([
      [1, 'both sides closed, client first'],
      [2, 'RST from client'],
      [3, 'both sides closed, client first'],
    ]);
  });

  test('those of a peer or a port', () => {
    const ids = (filter: object): number => follow(capture, { filter }).connections.length;
    const server = parseIpv4('192.0.2.2') as number;
    expect([ids({ port: 7000 }), ids({ port: 40_000 }), ids({ port: 7001 })]).toEqual([3, 3, 0]);
    expect([ids({ address: server }), ids({ address: server, addressPort: 7000 })]).toEqual([3, 3]);
    expect([ids({ address: server, addressPort: 40_000 }), ids({ address: server + 1 })]).toEqual([0, 0]);
  });

  test('more than memory has room for are folded, the oldest that are over first', () => {
    const whole = follow(capture);
    const { connections, totals } = follow(capture, { maxConnections: 2 });
    expect(connections.map(({ id }) => id)).toEqual([2, 3]);
    const [{ client, server }] = whole.connections;
    expect(totals?.folded).toEqual({
      connections: 1,
      segments: client.segments + server.segments,
      bytes: 2000,
      retransmits: 0,
    });
  });

  test('one that was open before has its ends told apart by the ports', () => {
    const { connections } = follow(keepFrames(redisTalk(33, 0, 5).capture('client'), (index) => index > 8));
    expect(connections.map(({ fromStart, client, server }) => [fromStart, client.path[0], server.port])).toEqual([
      [false, 'ESTABLISHED', 6379],
    ]);
  });
});
