/** Scenarios with the kernel as the peer: how connections open and end (RFC 9293 §3.5, §3.6, §3.8.6, §3.9). */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { CLOSE_ABORTED, CLOSE_NORMAL, CLOSE_REFUSED, CLOSE_RESET, CLOSE_TIMEOUT } from '../../src/lib/link/stream.ts';
import type { Scenario } from './kernel-peer-lab.ts';
import { echo, inBothRoles, open, PASSING_MS, PORT, part } from './kernel-peer-pair.ts';

const CLIENT_PORT = 40_001;

export const CLOSING_SCENARIOS: readonly Scenario[] = [
  ...inBothRoles('echo, and rtcp closes first', async (world, opener) => {
    const { ours, theirs } = await open(world, opener);
    await echo(ours, theirs);
    await part(ours, theirs);
    expect(await ours.closed).toBe(CLOSE_NORMAL);
  }),
  ...inBothRoles('echo, and the kernel closes first', async (world, opener) => {
    const { ours, theirs } = await open(world, opener);
    await echo(theirs, ours);
    await part(theirs, ours);
    expect(await ours.closed).toBe(CLOSE_NORMAL);
  }),
  ...inBothRoles('both close at once: the FINs cross', async (world, opener) => {
    const { ours, theirs } = await open(world, opener);
    await echo(ours, theirs);
    world.host.deaf = true;
    await theirs.shutdown();
    await ours.shutdown();
    await sleep(PASSING_MS);
    world.host.deaf = false;
    expect(await theirs.recv(1)).toBe('');
    expect(await ours.recv(1)).toBe('');
    expect(await ours.closed).toBe(CLOSE_NORMAL);
    await theirs.close();
  }),
  {
    name: 'both connect at once: the SYNs cross',
    tolerable: ['kernel DelayedACKLost', 'kernel TCPDSACKOldSent', 'rtcp dsacksIn', 'wire retransmission'],
    run: async (world) => {
      const { host, kernel, kernelAddress } = world;
      await kernel.run(`ping -c 1 ${host.address}`); // both know each other's hardware address
      host.deaf = true;
      const theirOpening = kernel.connect(host.address, PORT, CLIENT_PORT);
      await sleep(PASSING_MS);
      const ourOpening = host.connect(kernelAddress, CLIENT_PORT, PORT);
      await sleep(PASSING_MS);
      host.deaf = false;
      const [theirs, ours] = await Promise.all([theirOpening, ourOpening]);
      await echo(ours, theirs);
      await part(theirs, ours);
    },
  },
  ...inBothRoles('rtcp ends its direction and still receives', async (world, opener) => {
    const { ours, theirs } = await open(world, opener);
    await ours.send('question');
    await ours.shutdown();
    expect(await theirs.recv(100)).toBe('question');
    await theirs.sendPattern(300_000);
    await theirs.shutdown();
    expect(await ours.recvPattern(1 << 20)).toBe(300_000);
    await theirs.close();
    expect(await ours.closed).toBe(CLOSE_NORMAL);
  }),
  ...inBothRoles('the kernel ends its direction and still receives', async (world, opener) => {
    const { ours, theirs } = await open(world, opener);
    await theirs.send('question');
    await theirs.shutdown();
    expect(await ours.recv(100)).toBe('question');
    await ours.sendPattern(300_000);
    await ours.shutdown();
    expect(await theirs.recvPattern(1 << 20)).toBe(300_000);
    await theirs.close();
    expect(await ours.closed).toBe(CLOSE_NORMAL);
  }),
  ...inBothRoles(
    'rtcp aborts',
    async (world, opener) => {
      const { ours, theirs } = await open(world, opener);
      await echo(ours, theirs);
      await ours.abort();
      await expect(theirs.recv(1)).rejects.toThrow('ECONNRESET');
      expect(await ours.closed).toBe(CLOSE_ABORTED);
      await theirs.close();
    },
    { remarkable: ['kernel EstabResets', 'rtcp aborts', 'rtcp resetsOut'] },
  ),
  ...inBothRoles(
    'the kernel aborts (SO_LINGER 0)',
    async (world, opener) => {
      const { ours, theirs } = await open(world, opener);
      await echo(ours, theirs);
      await theirs.abort();
      expect(await ours.closed).toBe(CLOSE_RESET);
    },
    { remarkable: ['kernel EstabResets', 'kernel OutRsts', 'kernel TCPAbortOnData', 'rtcp resetsIn'] },
  ),
  ...inBothRoles(
    'rtcp closes with a linger time of 0',
    async (world, opener) => {
      const { ours, theirs } = await open(world, opener, { settings: { lingerMs: 0 } });
      await echo(ours, theirs);
      await ours.close();
      await expect(theirs.recv(1)).rejects.toThrow('ECONNRESET');
      expect(await ours.closed).toBe(CLOSE_ABORTED);
      await theirs.close();
    },
    { remarkable: ['kernel EstabResets', 'rtcp aborts', 'rtcp resetsOut'] },
  ),
  ...inBothRoles(
    'the kernel closes and has not read all',
    async (world, opener) => {
      const { ours, theirs } = await open(world, opener);
      await ours.send('unread');
      await sleep(PASSING_MS);
      await theirs.close();
      expect(await ours.closed).toBe(CLOSE_RESET);
    },
    { remarkable: ['kernel EstabResets', 'kernel OutRsts', 'kernel TCPAbortOnClose', 'rtcp resetsIn'] },
  ),
  ...inBothRoles(
    'rtcp closes and has not read all',
    async (world, opener) => {
      const { ours, theirs } = await open(world, opener);
      ours.connection.pauseRead();
      await theirs.send('unread');
      await sleep(PASSING_MS);
      await ours.close();
      await expect(theirs.recv(1)).rejects.toThrow('ECONNRESET');
      await theirs.close();
    },
    { remarkable: ['kernel EstabResets', 'rtcp aborts', 'rtcp resetsOut', 'rtcp unreadResets'] },
  ),
  ...inBothRoles(
    'the kernel sends to an rtcp that reads no more',
    async (world, opener) => {
      const { ours, theirs } = await open(world, opener);
      await ours.close();
      expect(await theirs.recv(1)).toBe('');
      await theirs.send('anybody?');
      await sleep(PASSING_MS);
      await expect(theirs.send('no')).rejects.toThrow('EPIPE');
      await theirs.close();
      expect(await ours.closed).toBe(CLOSE_ABORTED);
    },
    { remarkable: ['kernel EstabResets', 'rtcp aborts', 'rtcp dataAfterClose', 'rtcp resetsOut'] },
  ),
  ...inBothRoles(
    'rtcp sends to a kernel that reads no more',
    async (world, opener) => {
      const { ours, theirs } = await open(world, opener);
      await theirs.close();
      expect(await ours.recv(1)).toBe('');
      await ours.send('anybody?');
      expect(await ours.closed).toBe(CLOSE_RESET);
    },
    { remarkable: ['kernel OutRsts', 'rtcp resetsIn'] },
  ),
  {
    name: 'nobody listens: the kernel refuses rtcp',
    remarkable: ['kernel OutRsts', 'rtcp refused', 'rtcp resetsIn'],
    run: async ({ host, kernelAddress }) => {
      await expect(host.connect(kernelAddress, PORT)).rejects.toThrow(`closed: ${CLOSE_REFUSED}`);
    },
  },
  {
    name: 'nobody listens: rtcp refuses the kernel',
    remarkable: ['kernel AttemptFails', 'rtcp noConnection', 'rtcp resetsOut'],
    run: async ({ host, kernel }) => {
      await expect(kernel.connect(host.address, PORT)).rejects.toThrow('ECONNREFUSED');
    },
  },
  {
    name: "rtcp's SYNs get lost for ever",
    world: { tcp: { initialRtoMs: 100, minRtoMs: 100, maxSynRetransmissions: 3 } },
    remarkable: ['rtcp retransmitted', 'rtcp timeouts', 'rtcp timeoutsFired'],
    run: async ({ host, kernelAddress }) => {
      host.link.cut = true;
      await expect(host.connect(kernelAddress, PORT)).rejects.toThrow(`closed: ${CLOSE_TIMEOUT}`);
    },
  },
  {
    name: "the kernel's SYNs get lost for ever",
    remarkable: [
      'kernel AttemptFails',
      'kernel RetransSegs',
      'kernel TCPAbortOnTimeout',
      'kernel TCPLostRetransmit',
      'kernel TCPSynRetrans',
      'kernel TCPTimeouts',
      'kernel TcpTimeoutRehash',
      'wire retransmission',
    ],
    run: async ({ host, kernel }) => {
      host.link.cut = true;
      const options = { TCP_SYNCNT: 1 };
      await expect(kernel.connect(host.address, PORT, 0, options)).rejects.toThrow('ETIMEDOUT');
    },
  },
  ...(['with', 'without'] as const).flatMap((how): Scenario[] => {
    const world = { sysctls: { 'ipv4/tcp_timestamps': how === 'with' ? 1 : 0 }, tcp: { mslMs: 2_000 } };
    return [
      {
        name: `the kernel opens anew what is in rtcp's TIME-WAIT, ${how} timestamps`,
        world,
        remarkable: ['rtcp timeWaitReused', 'wire reused_ports'],
        run: async (w) => {
          for (let i = 0; i < 5; i++) {
            const { ours, theirs } = await open(w, 'kernel', { clientPort: CLIENT_PORT });
            await echo(theirs, ours);
            await part(ours, theirs);
          }
          expect(w.host.tcp.counters.timeWaitReused).toBe(4);
        },
      },
      {
        name: `rtcp opens anew what is in the kernel's TIME-WAIT, ${how} timestamps`,
        world,
        remarkable: ['wire reused_ports'],
        run: async (w) => {
          for (let i = 0; i < 5; i++) {
            const { ours, theirs } = await open(w, 'rtcp', { clientPort: CLIENT_PORT });
            await echo(ours, theirs);
            await part(theirs, ours);
            await ours.closed; // by the kernel's last acknowledgment
          }
        },
      },
    ];
  }),
];
