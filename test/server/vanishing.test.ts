/** Clients that vanish in whatever state they are: nothing remembers them, no memory is left with them. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type PeerStream, request, World } from './peer.ts';

/** What brings a client into a state. */
const STATES: string[][] = [
  ['BLPOP a 0'],
  ['BLPOP a b 5', 'SET k queued'],
  ['XREAD BLOCK 0 STREAMS x $'],
  ['WATCH a k', 'MULTI', 'SET k v', 'LPUSH a 1'],
  ['MULTI', 'NOSUCH', 'SET k v'],
  ['WATCH a k'],
  ['SUBSCRIBE c d'],
  ['PSUBSCRIBE *', 'SSUBSCRIBE s'],
  ['HELLO 3', 'SUBSCRIBE c', 'CLIENT TRACKING ON'],
  ['HELLO 3', 'CLIENT TRACKING ON', 'MGET a k z'],
  ['HELLO 3', 'CLIENT TRACKING ON BCAST PREFIX a PREFIX k'],
  ['CLIENT TRACKING ON REDIRECT 1', 'GET k'],
  ['MONITOR'],
  ['CLIENT REPLY OFF', 'SUBSCRIBE c'],
  ['WAIT 1 0'],
  ['QUIT'],
  ['RESET', 'PING'],
];
/** What the others do meanwhile. */
const EVENTS = [
  'SET k v',
  'LPUSH a 1',
  'DEL a k',
  'XADD x * f v',
  'PUBLISH c hello',
  'SPUBLISH s hello',
  'FLUSHALL',
  'SWAPDB 0 1',
  'CLIENT KILL TYPE pubsub',
  'CLIENT KILL ID 3',
  'CLIENT UNBLOCK 2',
  'CONFIG SET notify-keyspace-events KEA',
  'CONFIG SET notify-keyspace-events ""',
];
/** How a client goes. */
type Leaving = 'reset' | 'end' | 'killed';

const client = fc.record({
  state: fc.constantFrom(...STATES),
  leaving: fc.constantFrom<Leaving>('reset', 'end', 'killed'),
});

it('nothing is left of them', () => {
  fc.assert(
    fc.property(
      fc.array(client, { minLength: 1, maxLength: 12 }),
      fc.array(fc.constantFrom(...EVENTS), { maxLength: 12 }),
      fc.infiniteStream(fc.nat(1000)),
      (clients, events, choices) => {
        const world = new World();
        const actor = world.connect();
        const peers: [PeerStream, Leaving][] = [];
        const choose = (n: number): number => (choices.next().value as number) % n;
        for (const { state, leaving } of clients) {
          const peer = world.connect();
          peers.push([peer, leaving]);
          for (const line of state) peer.send(request(...line.split(' ')));
        }
        const pending = [...events];
        while (peers.length > 0 || pending.length > 0) {
          if (pending.length > 0 && (peers.length === 0 || choose(2) === 0)) {
            const words = (pending.shift() as string).split(' ').map((word) => (word === '""' ? '' : word));
            actor.send(request(...words));
          } else {
            const [[peer, leaving]] = peers.splice(choose(peers.length), 1);
            leave(world, actor, peer, leaving);
          }
        }
        actor.send(request('CONFIG', 'SET', 'notify-keyspace-events', ''));
        const { context, engine } = world.core;
        expect(context.clients.size).toBe(1);
        expect(engine.keyListener).toBeNull();
        expect(context.interest).toBe(0);
        const { blocked, watches, pubsub, tracking } = context;
        expect([blocked.count, blocked.keyCount, blocked.deadlineCount, watches.keyCount]).toEqual([0, 0, 0, 0]);
        expect([pubsub.channels.size, pubsub.patterns.size, pubsub.shards.size]).toEqual([0, 0, 0]);
        expect([tracking.clientCount, tracking.keyCount, tracking.itemCount, tracking.prefixCount]).toEqual([
          0, 0, 0, 0,
        ]);
        actor.close();
        expect(world.pool.available).toBe(world.pool.count);
        expect(world.memory.extents.usedBytes).toBe(0);
      },
    ),
    { numRuns: 40, interruptAfterTimeLimit: 30_000, markInterruptAsFailure: false },
  );
});

function leave(world: World, actor: PeerStream, peer: PeerStream, leaving: Leaving): void {
  if (leaving === 'end') world.sessions.onEnd(peer);
  else if (leaving === 'killed' && peer.owner !== null) {
    actor.send(request('CLIENT', 'KILL', 'ID', String((peer.owner as { id: number }).id)));
  }
  peer.close();
}
