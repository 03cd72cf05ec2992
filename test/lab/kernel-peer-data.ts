/** Scenarios with the kernel as the peer: windows, small segments, urgent bytes, and peers that fall silent (RFC 9293 §3.7, §3.8). */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { CLOSE_TIMEOUT } from '../../src/lib/link/stream.ts';
import type { Scenario } from './kernel-peer-lab.ts';
import { echo, inBothRoles, open, PASSING_MS, part } from './kernel-peer-pair.ts';

/** More than both sides buffer. */
const MUCH = 3 << 20;
const SHUT_MS = 1_500;
const TINY = 10;
const TINY_WRITES = 100;
/** Those whose window closes resend by their usual timers. */
const PROMPT = { minRtoMs: 200 };
const PROMPT_KERNEL = { 'ipv4/tcp_rto_min_us': 200_000 };

export const DATA_SCENARIOS: readonly Scenario[] = [
  ...inBothRoles(
    'rtcp does not read for long: its window closes and opens again',
    async (world, opener) => {
      const { ours, theirs } = await open(world, opener);
      ours.connection.pauseRead();
      const sent = theirs.sendPattern(MUCH);
      await sleep(SHUT_MS);
      ours.connection.resumeRead();
      expect(await ours.recvPattern(MUCH)).toBe(MUCH);
      await sent;
      await part(theirs, ours);
    },
    {
      world: { tcp: { ...PROMPT, receiveWindowBytes: 65_536 }, sysctls: PROMPT_KERNEL },
      remarkable: ['rtcp challengeAcks', 'rtcp outsideWindow', 'wire keep_alive', 'wire zero_window'],
    },
  ),
  ...inBothRoles(
    'the kernel does not read for long: rtcp probes its window',
    async (world, opener) => {
      const { ours, theirs } = await open(world, opener, { socket: { SO_RCVBUF: 32_768 } });
      const sent = ours.sendPattern(MUCH);
      await sleep(SHUT_MS);
      expect(world.host.tcp.counters.zeroWindowProbes).toBeGreaterThan(0);
      expect(await theirs.recvPattern(MUCH)).toBe(MUCH);
      await sent;
      await part(ours, theirs);
    },
    {
      world: { tcp: PROMPT, sysctls: PROMPT_KERNEL },
      remarkable: [
        'kernel BeyondWindow',
        'kernel TCPFromZeroWindowAdv',
        'kernel TCPToZeroWindowAdv',
        'rtcp retransmitted',
        'rtcp zeroWindowProbes',
        'wire zero_window',
        'wire zero_window_probe',
        'wire zero_window_probe_ack',
      ],
      tolerable: ['kernel TCPWantZeroWindowAdv'],
    },
  ),
  ...inBothRoles(
    'the kernel reads byte by byte: no silly windows are filled',
    async (world, opener) => {
      const bytes = 60_000;
      const { ours, theirs } = await open(world, opener, { socket: { SO_RCVBUF: 4_608 } });
      const before = world.host.tcp.counters.segmentsOut;
      const sent = ours.sendPattern(bytes);
      expect(await theirs.recvPattern(bytes, 1)).toBe(bytes);
      await sent;
      expect(world.host.tcp.counters.segmentsOut - before).toBeLessThan(bytes / 256);
      await part(ours, theirs);
    },
    {
      remarkable: ['kernel TCPFromZeroWindowAdv', 'kernel TCPToZeroWindowAdv', 'wire zero_window'],
      tolerable: ['kernel TCPWantZeroWindowAdv'],
    },
  ),
  ...inBothRoles(
    'rtcp reads a little at a time: it offers no silly windows',
    async (world, opener) => {
      const bytes = 300_000;
      const { ours, theirs } = await open(world, opener);
      const sent = theirs.sendPattern(bytes);
      const received = ours.recvPattern(bytes);
      for (let done = false; !done; done = ours.connection.rcvNxt - ours.connection.irs > bytes) {
        ours.connection.pauseRead();
        await sleep(2);
        ours.connection.resumeRead();
      }
      expect(await received).toBe(bytes);
      await sent;
      expect(world.host.tcp.counters.segmentsIn).toBeLessThan(bytes / 256);
      await part(theirs, ours);
    },
    { world: { tcp: { receiveWindowBytes: 8_192 } }, remarkable: ['wire zero_window'] },
  ),
  ...inBothRoles('many tiny writes with Nagle, both ways', async (world, opener) => {
    const { ours, theirs } = await open(world, opener);
    const bytes = TINY * TINY_WRITES;
    const all = [theirs.sendPattern(bytes, TINY), ours.sendPattern(bytes, TINY)];
    expect(await ours.recvPattern(bytes)).toBe(bytes);
    expect(await theirs.recvPattern(bytes)).toBe(bytes);
    await Promise.all(all);
    await part(ours, theirs);
  }),
  ...inBothRoles('many tiny writes behind a cork leave in full segments', async (world, opener) => {
    const { ours, theirs } = await open(world, opener);
    const bytes = TINY * TINY_WRITES;
    const { counters } = world.host.tcp;
    const before = counters.segmentsOut;
    ours.connection.corked = true;
    await ours.sendPattern(bytes, TINY);
    ours.connection.corked = false;
    expect(await theirs.recvPattern(bytes)).toBe(bytes);
    expect(counters.segmentsOut - before).toBeLessThan(4);
    const inBefore = counters.segmentsIn;
    await theirs.option('TCP_CORK', 1);
    await theirs.sendPattern(bytes, TINY);
    await theirs.option('TCP_CORK', 0);
    expect(await ours.recvPattern(bytes)).toBe(bytes);
    expect(counters.segmentsIn - inBefore).toBeLessThan(4);
    await part(theirs, ours);
  }),
  ...inBothRoles(
    'urgent bytes arrive in line',
    async (world, opener) => {
      const { ours, theirs } = await open(world, opener);
      await theirs.send('before ');
      await theirs.sendUrgent('urgent!');
      await theirs.send(' after');
      expect(await ours.recv(20)).toBe('before urgent! after');
      await echo(ours, theirs);
      await part(theirs, ours);
    },
    { remarkable: ['rtcp urgentSeen'] },
  ),
  ...inBothRoles(
    'rtcp asks a silent kernel whether it is there, and it is',
    async (world, opener) => {
      // The kernel answers what is out of the window twice a second at most (tcp_invalid_ratelimit).
      const settings = { keepAliveMs: 600, keepAliveIntervalMs: 600, keepAliveProbes: 1 };
      const { ours, theirs } = await open(world, opener, { settings });
      await echo(ours, theirs);
      await sleep(2 * SHUT_MS);
      expect(world.host.tcp.counters.keepAliveProbes).toBeGreaterThan(2);
      await echo(theirs, ours);
      await part(ours, theirs);
    },
    { remarkable: ['rtcp keepAliveProbes', 'wire keep_alive', 'wire keep_alive_ack'] },
  ),
  ...inBothRoles(
    'the kernel asks a silent rtcp whether it is there, and it is',
    async (world, opener) => {
      const socket = { SO_KEEPALIVE: 1, TCP_KEEPIDLE: 1, TCP_KEEPINTVL: 1, TCP_KEEPCNT: 1 };
      const { ours, theirs } = await open(world, opener, { socket });
      await echo(ours, theirs);
      await sleep(2 * SHUT_MS);
      await echo(theirs, ours);
      await part(theirs, ours);
    },
    {
      remarkable: [
        'kernel TCPKeepAlive',
        'rtcp challengeAcks',
        'rtcp outsideWindow',
        'wire keep_alive',
        'wire keep_alive_ack',
      ],
    },
  ),
  ...inBothRoles(
    'a dead kernel is found by keep-alive',
    async (world, opener) => {
      const settings = { keepAliveMs: 200, keepAliveIntervalMs: 100, keepAliveProbes: 2 };
      const { ours, theirs } = await open(world, opener, { settings });
      await echo(ours, theirs);
      await sleep(PASSING_MS);
      world.host.link.cut = true;
      expect(await ours.closed).toBe(CLOSE_TIMEOUT);
      await theirs.abort();
    },
    {
      remarkable: [
        'kernel EstabResets',
        'kernel OutRsts',
        'kernel TCPAbortOnData',
        'rtcp keepAliveProbes',
        'rtcp resetsOut',
        'rtcp timeouts',
      ],
    },
  ),
  ...inBothRoles(
    'a dead rtcp is found by keep-alive',
    async (world, opener) => {
      const socket = { SO_KEEPALIVE: 1, TCP_KEEPIDLE: 1, TCP_KEEPINTVL: 1, TCP_KEEPCNT: 1 };
      const { ours, theirs } = await open(world, opener, { socket });
      await echo(ours, theirs);
      await sleep(PASSING_MS);
      world.host.link.cut = true;
      await expect(theirs.recv(1)).rejects.toThrow('ETIMEDOUT');
      await theirs.close();
      await ours.abort();
    },
    {
      remarkable: [
        'kernel EstabResets',
        'kernel OutRsts',
        'kernel TCPAbortOnTimeout',
        'kernel TCPKeepAlive',
        'rtcp aborts',
        'rtcp resetsOut',
        'wire keep_alive',
      ],
    },
  ),
  ...inBothRoles(
    'a dead kernel is found by the user timeout',
    async (world, opener) => {
      const { ours, theirs } = await open(world, opener, { settings: { userTimeoutMs: 600 } });
      await echo(ours, theirs);
      await sleep(PASSING_MS);
      world.host.link.cut = true;
      await ours.send('hello?');
      expect(await ours.closed).toBe(CLOSE_TIMEOUT);
      await theirs.abort();
    },
    {
      world: { tcp: PROMPT },
      remarkable: [
        'kernel EstabResets',
        'kernel OutRsts',
        'kernel TCPAbortOnData',
        'rtcp retransmitted',
        'rtcp timeouts',
        'rtcp timeoutsFired',
        'rtcp userTimeouts',
      ],
    },
  ),
  ...inBothRoles(
    'a dead rtcp is found by the user timeout',
    async (world, opener) => {
      const { ours, theirs } = await open(world, opener, { socket: { TCP_USER_TIMEOUT: 600 } });
      await echo(ours, theirs);
      await sleep(PASSING_MS);
      world.host.link.cut = true;
      await theirs.send('hello?');
      await expect(theirs.recv(1)).rejects.toThrow('ETIMEDOUT');
      await theirs.close();
      await ours.abort();
    },
    {
      world: { sysctls: PROMPT_KERNEL },
      remarkable: [
        'kernel EstabResets',
        'kernel RetransSegs',
        'kernel TCPAbortOnTimeout',
        'kernel TCPLostRetransmit',
        'kernel TCPTimeouts',
        'kernel TcpTimeoutRehash',
        'rtcp aborts',
        'rtcp resetsOut',
        'wire retransmission',
      ],
    },
  ),
  ...inBothRoles(
    "the kernel's interface is down for a while",
    async (world, opener) => {
      const { ours, theirs } = await open(world, opener);
      await echo(ours, theirs);
      await world.kernel.run('ip link set eth0 down');
      const both = [ours.sendPattern(100_000), theirs.sendPattern(100_000)];
      await sleep(5 * PASSING_MS);
      await world.kernel.run('ip link set eth0 up');
      expect(await theirs.recvPattern(100_000)).toBe(100_000);
      expect(await ours.recvPattern(100_000)).toBe(100_000);
      await Promise.all(both);
      await part(ours, theirs);
    },
    {
      world: { tcp: PROMPT, sysctls: PROMPT_KERNEL },
      remarkable: ['kernel TCPTimeouts', 'rtcp retransmitted', 'rtcp timeoutsFired', 'wire retransmission'],
      tolerable: [
        'kernel TCPDSACKRecv',
        'kernel TCPDSACKRecvSegs',
        'rtcp dsacksOut',
        'rtcp duplicateBytes',
        'rtcp outsideWindow',
        'kernel TCPLossUndo',
        'rtcp txDropped',
        'kernel TCPOFOQueue',
        'kernel TCPSpuriousRTOs',
        'kernel TcpTimeoutRehash',
        'rtcp blackHolesSuspected',
        'wire out_of_order',
        'kernel RetransSegs',
        'rtcp reductionsUndone',
        'kernel TCPLostRetransmit',
        'rtcp outOfOrder',
        'wire duplicate_ack',
        'wire spurious_retransmission',
      ],
    },
  ),
];
