/**
 * Who talks to whom, when and how. Most bytes are moved by few conversations, most conversations move few bytes and last long:
 * what a stack's day is like, and what lets many connection-seconds pass in one of ours.
 */
import { Draw } from './draw.ts';
import type { ConversationPlan, SidePlan } from './plan.ts';

const SECOND_US = 1_000_000;
/** Local ports that are chosen here: outside of the range from which stacks choose. */
const FIRST_CLIENT_PORT = 20_000;

type Manner = (draw: Draw) => [client: SidePlan, server: SidePlan];

const QUIET: SidePlan = {
  bytes: 0,
  chunkBytes: 1,
  thinkUs: 0,
  dialogue: false,
  afterwards: 'end-after-peer',
  abortAfterBytes: 0,
  pauseEveryBytes: 0,
  pauseUs: 0,
};

/** Bytes of a transfer: mostly some segments, seldom megabytes. */
function volume(draw: Draw): number {
  if (draw.chance(0.04)) return 0;
  return draw.chance(0.08) ? draw.magnitude(200_000, 4_000_000) : draw.magnitude(1, 200_000);
}

/** One side talks, the other listens; the talker ends at once or waits to be left. */
const oneWay: Manner = (draw) => {
  const talker: SidePlan = {
    ...QUIET,
    bytes: volume(draw),
    chunkBytes: draw.magnitude(100, 20_000),
    afterwards: 'end',
  };
  return draw.chance(0.5) ? [talker, QUIET] : [draw.chance(0.5) ? { ...QUIET, afterwards: 'end' } : QUIET, talker];
};

const bothWays: Manner = (draw) => [
  {
    ...QUIET,
    bytes: volume(draw),
    chunkBytes: draw.magnitude(1, 20_000),
    afterwards: draw.pick(['end', 'end-after-peer']),
  },
  { ...QUIET, bytes: volume(draw), chunkBytes: draw.magnitude(1, 20_000), afterwards: 'end' },
];

/** Questions and answers, with time to think. The server may have less to say than the client asks, or more. */
const dialogue: Manner = (draw) => {
  const turns = draw.magnitude(1, 40);
  const question = draw.magnitude(1, 600);
  const answer = draw.magnitude(1, 6_000);
  const thinkUs = draw.magnitude(100, 10 * SECOND_US);
  const common = { ...QUIET, dialogue: true };
  const [clientEnd, serverEnd] = draw.pick([
    ['end', 'end-after-peer'],
    ['end-after-peer', 'end'],
    ['stay', 'stay'],
  ] as const);
  return [
    { ...common, bytes: turns * question, chunkBytes: question, thinkUs, afterwards: clientEnd },
    {
      ...common,
      bytes: turns * answer,
      chunkBytes: answer,
      thinkUs: draw.chance(0.3) ? thinkUs : 0,
      afterwards: serverEnd,
    },
  ];
};

/** Little is said, and both stay. */
const idle: Manner = (draw) => [
  {
    ...QUIET,
    bytes: draw.between(0, 500),
    chunkBytes: 100,
    thinkUs: draw.magnitude(SECOND_US, 60 * SECOND_US),
    afterwards: 'stay',
  },
  { ...QUIET, bytes: draw.between(0, 500), chunkBytes: 500, afterwards: draw.pick(['stay', 'end-after-peer']) },
];

/** In calm worlds nobody pauses, and no two conversations have the same ports. */
export function drawConversations(
  seed: number,
  hosts: number,
  calm: boolean,
): { conversations: ConversationPlan[]; lastUs: number } {
  const draw = new Draw(seed, 'conversations');
  const lastUs = draw.magnitude(5 * SECOND_US, 600 * SECOND_US);
  const count = draw.magnitude(2, 30);
  // All at once, for the same lines and tables; or one now and then.
  const spreadUs = draw.chance(0.3) ? SECOND_US : Math.floor(lastUs * 0.6);
  const conversations = Array.from({ length: count }, (_, id): ConversationPlan => {
    const client = draw.between(0, hosts - 1);
    const server = (client + draw.between(1, hosts - 1)) % hosts;
    const [clientSide, serverSide] = draw.pick([oneWay, bothWays, dialogue, dialogue, idle, idle])(draw);
    const odd = draw.pick(['simultaneous', 'simultaneous', 'dead-port', 'dead-host'] as const);
    const kind = calm || draw.chance(0.9) ? 'usual' : odd;
    const ownPort = id === 0 || kind === 'simultaneous' || draw.chance(0.3);
    return {
      id,
      atUs: id === 0 ? 0 : draw.between(0, spreadUs),
      client,
      server,
      kind,
      clientPort: ownPort ? FIRST_CLIENT_PORT + (!calm && draw.chance(0.2) && kind === 'usual' ? 0 : id) : 0,
      clientSide: vary(draw, clientSide, calm),
      serverSide: vary(draw, serverSide, calm),
    };
  });
  return { conversations, lastUs };
}

/** Some give up, some read slowly. */
function vary(draw: Draw, side: SidePlan, calm: boolean): SidePlan {
  const aborts = draw.chance(0.06);
  const pauses = !calm && draw.chance(0.15);
  return {
    ...side,
    abortAfterBytes: aborts ? draw.magnitude(1, 20_000) : 0,
    pauseEveryBytes: pauses ? draw.magnitude(100, 50_000) : 0,
    pauseUs: draw.magnitude(1_000, 20 * SECOND_US),
  };
}
