/** Scenarios with the kernel as the peer: the path's MTU (RFC 1191, 2923), super-segments, many connections, full queues. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { OurSocket } from './kernel-peer-host.ts';
import type { Scenario, World } from './kernel-peer-lab.ts';
import { inBothRoles, open, PORT, part } from './kernel-peer-pair.ts';

const NARROW_MTU = 1_100;
const BYTES = 1 << 20;
const MANY_BYTES = 64 << 20;
const MANY = 1_000;
/** As many frames at once are what a veth's backlog holds (net.core.netdev_max_backlog): some SYNs may come again. */
const OVER_BACKLOG = [
  'kernel DelayedACKLost',
  'kernel InErrs',
  'kernel RetransSegs',
  'kernel TCPChallengeACK',
  'kernel TCPDSACKOldSent',
  'kernel TCPLostRetransmit',
  'kernel TCPSYNChallenge',
  'kernel TCPSynRetrans',
  'kernel TCPTimeouts',
  'kernel TcpTimeoutRehash',
  'rtcp challengeAcks',
  'rtcp dsacksIn',
  'rtcp duplicateAcksIn',
  'rtcp outsideWindow',
  'rtcp reductionsUndone',
  'rtcp retransmitted',
  'rtcp timeoutsFired',
  'rtcp rxDropped',
  'wire duplicate_ack',
  'wire lost_segment',
  'wire retransmission',
];

/** Echoes on so many connections as they come, until each has ended. */
async function echoAll({ host }: World, connections: number): Promise<void> {
  const serve = async (socket: OurSocket): Promise<void> => {
    await socket.send(await socket.recv(4));
    expect(await socket.recv(1)).toBe('');
    await socket.close();
  };
  const served: Promise<void>[] = [];
  for (let i = 0; i < connections; i++) served.push(serve(await host.accept()));
  await Promise.all(served);
}

export const PATH_SCENARIOS: readonly Scenario[] = [
  ...inBothRoles(
    'a router says that datagrams are too large',
    async (world, opener) => {
      const { ours, theirs } = await open(world, opener);
      const sent = ours.sendPattern(BYTES);
      expect(await theirs.recvPattern(BYTES)).toBe(BYTES);
      await sent;
      expect(world.host.tcp.counters.pathMtuLowered).toBe(1);
      expect(ours.connection.pathMtu).toBe(NARROW_MTU);
      await part(ours, theirs);
    },
    {
      world: { routerMtu: NARROW_MTU },
      remarkable: ['rtcp icmpIgnored', 'rtcp pathMtuLowered', 'rtcp retransmitted', 'wire retransmission'],
      tolerable: ['wire out_of_order'],
    },
  ),
  ...inBothRoles(
    'a router drops datagrams that are too large and says nothing',
    async (world, opener) => {
      await world.router?.run('ip rule add iif lo ipproto icmp blackhole');
      const { ours, theirs } = await open(world, opener);
      const sent = ours.sendPattern(100_000);
      expect(await theirs.recvPattern(100_000)).toBe(100_000);
      await sent;
      expect(world.host.tcp.counters.blackHolesSuspected).toBeGreaterThan(0);
      await part(ours, theirs);
    },
    {
      world: { routerMtu: NARROW_MTU, tcp: { minRtoMs: 50, maxRtoMs: 500 } },
      remarkable: ['rtcp blackHolesSuspected', 'rtcp retransmitted', 'rtcp timeoutsFired', 'wire retransmission'],
      tolerable: [
        'kernel TCPOFOQueue',
        'rtcp duplicateAcksIn',
        'wire duplicate_ack',
        'wire fast_retransmission',
        'wire out_of_order',
      ],
    },
  ),
  {
    name: '64 MB to the kernel in super-segments',
    run: async (world) => {
      const { ours, theirs } = await open(world, 'rtcp');
      const { stats } = world.host.link;
      const framesBefore = stats.txFrames;
      const sent = ours.sendPattern(MANY_BYTES);
      expect(await theirs.recvPattern(MANY_BYTES, 1 << 20)).toBe(MANY_BYTES);
      await sent;
      expect(stats.txFrames - framesBefore).toBeLessThan(MANY_BYTES / 8_000);
      await part(ours, theirs);
    },
  },
  {
    name: '64 MB from the kernel in super-segments',
    run: async (world) => {
      const { ours, theirs } = await open(world, 'kernel');
      const { stats } = world.host.link;
      const framesBefore = stats.rxFrames;
      const sent = theirs.sendPattern(MANY_BYTES);
      expect(await ours.recvPattern(MANY_BYTES)).toBe(MANY_BYTES);
      await sent;
      expect(stats.rxFrames - framesBefore).toBeLessThan(MANY_BYTES / 8_000);
      await part(theirs, ours);
    },
  },
  {
    name: 'the kernel opens 1,000 connections at once',
    tolerable: OVER_BACKLOG,
    world: { rxSlots: 960, tcp: { maxConnections: 1_200 } },
    run: async (world) => {
      world.host.listen(PORT, { backlog: MANY });
      const echoed = echoAll(world, MANY);
      expect(await world.kernel.call('swarm', world.host.address, PORT, MANY, 'ping')).toBe(MANY);
      await echoed;
    },
  },
  {
    name: 'rtcp opens 1,000 connections at once',
    tolerable: OVER_BACKLOG,
    world: {
      rxSlots: 960,
      tcp: { maxConnections: 1_200 },
      sysctls: { 'core/somaxconn': 2 * MANY, 'ipv4/tcp_max_syn_backlog': 2 * MANY },
    },
    run: async ({ host, kernel, kernelAddress }) => {
      const listener = await kernel.listen(PORT, 2 * MANY);
      const echoed = listener.echo(MANY);
      const opening = Array.from({ length: MANY }, () => host.connect(kernelAddress, PORT));
      const sockets = await Promise.all(opening);
      await Promise.all(sockets.map((socket) => socket.send('ping')));
      for (const socket of sockets) {
        expect(await socket.recv(4)).toBe('ping');
        await socket.close();
      }
      expect(await echoed).toBe(MANY);
      await listener.close();
    },
  },
  {
    name: "the kernel's accept queue is full: rtcp's SYNs wait",
    remarkable: [
      'kernel ListenDrops',
      'kernel ListenOverflows',
      'rtcp retransmitted',
      'rtcp timeoutsFired',
      'wire retransmission',
    ],
    tolerable: ['kernel SyncookiesRecv', 'kernel SyncookiesSent', 'kernel SyncookiesFailed'],
    world: { tcp: { initialRtoMs: 200, minRtoMs: 200 } },
    run: async ({ host, kernel, kernelAddress }) => {
      const listener = await kernel.listen(PORT, 1);
      // The kernel drops the last ACK of those for whom there is no room; what they say makes it look again.
      const sockets = await Promise.all(Array.from({ length: 5 }, () => host.connect(kernelAddress, PORT)));
      for (const socket of sockets) await socket.send('hello');
      await sleep(500);
      for (const _ of sockets) {
        const theirs = await listener.accept();
        expect(await theirs.recv(5)).toBe('hello');
        await theirs.close();
      }
      for (const socket of sockets) {
        expect(await socket.recv(1)).toBe('');
        await socket.close();
      }
      await listener.close();
    },
  },
  {
    name: "rtcp's accept queue is full: the kernel's SYNs wait",
    remarkable: [
      'kernel InErrs',
      'kernel TCPChallengeACK',
      'kernel TCPSYNChallenge',
      'rtcp acceptQueueFull',
      'rtcp retransmitted',
      'rtcp timeoutsFired',
      'wire duplicate_ack',
      'wire retransmission',
    ],
    run: async ({ host, kernel }) => {
      const acceptor = host.listenForAccept(PORT, 1);
      const opening = Array.from({ length: 3 }, () => kernel.connect(host.address, PORT));
      await sleep(500);
      expect(host.tcp.counters.established).toBe(1);
      for (const _ of opening) {
        const ours = await acceptor();
        await ours.send('at last');
        await ours.close();
      }
      for (const socket of await Promise.all(opening)) {
        expect(await socket.recv(10)).toBe('at last');
        await socket.close();
      }
    },
  },
];
