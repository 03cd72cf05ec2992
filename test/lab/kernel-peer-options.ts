/** Scenarios with the kernel as the peer: what SYNs offer and agree on, SYN cookies, ECN, options of IP (RFC 7323, 2018, 3168, 4987). */
import { expect } from 'vitest';
import type { TcpConfig } from '../../src/lib/tcp/config.ts';
import { tcpInfo } from '../../src/lib/tcp/tcp-info.ts';
import type { Scenario, World } from './kernel-peer-lab.ts';
import type { Pair } from './kernel-peer-pair.ts';
import { echo, inBothRoles, open, part } from './kernel-peer-pair.ts';

const BYTES = 1 << 20;
/** TCPI_OPT_* (struct tcp_info). */
const TIMESTAMPS = 1;
const SACK = 2;
const WINDOW_SCALE = 4;
const ECN = 8;
const ALL = TIMESTAMPS | SACK | WINDOW_SCALE;

/** A stream each way, one after the other, then the end. */
async function exchange({ ours, theirs }: Pair): Promise<void> {
  const sent = ours.sendPattern(BYTES);
  expect(await theirs.recvPattern(BYTES)).toBe(BYTES);
  await sent;
  const back = theirs.sendPattern(BYTES);
  expect(await ours.recvPattern(BYTES)).toBe(BYTES);
  await back;
  await part(theirs, ours);
}

/** The options that both sides take for agreed: ours by TCP_INFO's bits, the kernel's by what ss prints. */
async function agreed(world: World, pair: Pair): Promise<number> {
  const ss = await world.kernel.run('ss -Htion');
  const theirs =
    (/ ts /.test(ss) ? TIMESTAMPS : 0) |
    (/ sack /.test(ss) ? SACK : 0) |
    (/ wscale:/.test(ss) ? WINDOW_SCALE : 0) |
    (/ ecn /.test(ss) ? ECN : 0);
  const ours = tcpInfo(pair.ours.connection).options;
  expect(ours).toBe(theirs);
  return ours;
}

interface Offer {
  readonly name: string;
  readonly sysctls?: Readonly<Record<string, number>>;
  readonly tcp?: Partial<TcpConfig>;
  readonly options: number;
}

const OFFERS: Offer[] = [
  { name: 'all options', options: ALL },
  { name: 'a kernel without SACK', sysctls: { 'ipv4/tcp_sack': 0 }, options: ALL & ~SACK },
  { name: 'a kernel without timestamps', sysctls: { 'ipv4/tcp_timestamps': 0 }, options: ALL & ~TIMESTAMPS },
  { name: 'a kernel without window scale', sysctls: { 'ipv4/tcp_window_scaling': 0 }, options: ALL & ~WINDOW_SCALE },
  {
    name: 'a kernel without options',
    sysctls: { 'ipv4/tcp_sack': 0, 'ipv4/tcp_timestamps': 0, 'ipv4/tcp_window_scaling': 0 },
    options: 0,
  },
  { name: 'rtcp without SACK', tcp: { sack: false }, options: ALL & ~SACK },
  { name: 'rtcp without timestamps', tcp: { timestamps: false }, options: ALL & ~TIMESTAMPS },
  { name: 'rtcp without window scale', tcp: { windowScale: false }, options: ALL & ~WINDOW_SCALE },
];

/** The kernel's tcp_ecn: 0 never, 1 asks, 2 agrees. */
const ECN_ROLES: { kernel: number; rtcp: TcpConfig['ecn']; opener: 'kernel' | 'rtcp'; agreed: boolean }[] = [
  { kernel: 1, rtcp: 'passive', opener: 'kernel', agreed: true },
  { kernel: 1, rtcp: 'off', opener: 'kernel', agreed: false },
  { kernel: 2, rtcp: 'active', opener: 'kernel', agreed: false },
  { kernel: 2, rtcp: 'active', opener: 'rtcp', agreed: true },
  { kernel: 0, rtcp: 'active', opener: 'rtcp', agreed: false },
  { kernel: 2, rtcp: 'passive', opener: 'rtcp', agreed: false },
];

export const OPTION_SCENARIOS: readonly Scenario[] = [
  ...OFFERS.flatMap(({ name, sysctls, tcp, options }) =>
    inBothRoles(
      `${name}: 1 MB each way`,
      async (world, opener) => {
        const pair = await open(world, opener);
        expect(await agreed(world, pair)).toBe(options);
        await exchange(pair);
      },
      { world: { sysctls, tcp } },
    ),
  ),
  ...ECN_ROLES.map(
    ({ kernel, rtcp, opener, agreed: yes }): Scenario => ({
      name: `ECN: tcp_ecn is ${kernel}, rtcp's is ${rtcp}, ${opener} connects, packets are marked`,
      world: { sysctls: { 'ipv4/tcp_ecn': kernel }, tcp: { ecn: rtcp } },
      run: async (world) => {
        const pair = await open(world, opener);
        expect(await agreed(world, pair)).toBe(yes ? ALL | ECN : ALL);
        world.host.link.markEvery = 7;
        await exchange(pair);
        const { congestionMarksIn, congestionEchoesIn } = world.host.tcp.counters;
        const { marksIn, marksOut } = world.host.link;
        expect([marksIn > 0, marksOut > 0]).toEqual([yes, yes]);
        expect(congestionMarksIn).toBe(marksIn);
        expect(congestionEchoesIn > 0).toBe(yes);
      },
      remarkable: yes ? ['kernel InCEPkts', 'rtcp congestionEchoesIn', 'rtcp congestionMarksIn'] : [],
    }),
  ),
  {
    name: 'the kernel answers with SYN cookies only',
    world: { sysctls: { 'ipv4/tcp_syncookies': 2 } },
    remarkable: ['kernel SyncookiesRecv', 'kernel SyncookiesSent'],
    run: async (world) => {
      const pair = await open(world, 'rtcp');
      expect(await agreed(world, pair)).toBe(ALL);
      await exchange(pair);
    },
  },
  ...(['always', 'pressure'] as const).flatMap((synCookies) =>
    [1, 0].map(
      (timestamps): Scenario => ({
        name: `rtcp answers with SYN cookies (${synCookies}), the kernel's tcp_timestamps is ${timestamps}`,
        world: { tcp: { synCookies }, sysctls: { 'ipv4/tcp_timestamps': timestamps } },
        run: async (world) => {
          // No backlog: every SYN finds it full.
          const pair = await open(world, 'kernel', { settings: { backlog: 0 } });
          expect(world.host.tcp.counters.cookiesAccepted).toBe(1);
          // Without timestamps a cookie has room for the MSS only.
          expect(await agreed(world, pair)).toBe(timestamps === 1 ? ALL : 0);
          await echo(pair.theirs, pair.ours);
          await exchange(pair);
        },
        remarkable: ['rtcp cookiesAccepted', 'rtcp cookiesSent'],
      }),
    ),
  ),
  ...inBothRoles('the kernel wants segments of 200 bytes', async (world, opener) => {
    const pair = await open(world, opener, { socket: { TCP_MAXSEG: 200 } });
    expect(tcpInfo(pair.ours.connection).sndMss).toBe(188);
    await exchange(pair);
  }),
  ...inBothRoles('rtcp wants segments of 300 bytes', async (world, opener) => {
    const pair = await open(world, opener, { settings: { maxSeg: 300 } });
    expect(tcpInfo(pair.ours.connection).sndMss).toBe(288);
    expect(await world.kernel.run('ss -Htin')).toContain(' mss:288 ');
    await exchange(pair);
  }),
  ...inBothRoles(
    'jumbo frames',
    async (world, opener) => {
      const pair = await open(world, opener);
      expect(tcpInfo(pair.ours.connection).sndMss).toBe(8_948);
      expect(await world.kernel.run('ss -Htin')).toContain(' mss:8948 ');
      await exchange(pair);
    },
    { world: { mtu: 9_000 } },
  ),
  ...inBothRoles('IP options of the kernel are ignored', async (world, opener) => {
    const recordRoute = '07070400000000' + '00'; // one slot; padded to a word
    const pair = await open(world, opener, { socket: { IP_OPTIONS: recordRoute } });
    await exchange(pair);
  }),
];
