/** What the scenarios with the kernel as the peer have in common: opening in either role, an echo, an orderly end. */
import { expect } from 'vitest';
import type { ListenOptions } from '../../src/lib/tcp/opening/listen.ts';
import type { KernelSocket, Socket, SocketOptions } from './kernel-peer.ts';
import type { OurSocket } from './kernel-peer-host.ts';
import type { Scenario, World } from './kernel-peer-lab.ts';

export const PORT = 5001;
/** Long enough for what was sent to have arrived on the other side. */
export const PASSING_MS = 100;

export type Opener = 'rtcp' | 'kernel';

export interface Pair {
  readonly ours: OurSocket;
  readonly theirs: KernelSocket;
}

export interface PairOptions {
  readonly settings?: ListenOptions;
  readonly socket?: SocketOptions;
  readonly clientPort?: number;
}

export async function open(world: World, opener: Opener, options: PairOptions = {}): Promise<Pair> {
  const { host, kernel, kernelAddress } = world;
  const { settings = {}, socket = {}, clientPort = 0 } = options;
  if (opener === 'kernel') {
    if (!host.tcp.listeners.has(PORT)) host.listen(PORT, settings);
    const theirs = await kernel.connect(host.address, PORT, clientPort, socket);
    return { ours: await host.accept(), theirs };
  }
  const listener = await kernel.listen(PORT, 16, socket);
  const ours = await host.connect(kernelAddress, PORT, clientPort, settings);
  const theirs = await listener.accept();
  await listener.close();
  return { ours, theirs };
}

/** Both end in order, one first; nothing is in the way. */
export async function part(first: Socket, second: Socket): Promise<void> {
  await first.shutdown();
  expect(await second.recv(1)).toBe('');
  await second.shutdown();
  expect(await first.recv(1)).toBe('');
  await first.close();
  await second.close();
}

export async function echo(a: Socket, b: Socket): Promise<void> {
  await a.send('there');
  expect(await b.recv(5)).toBe('there');
  await b.send('and back');
  expect(await a.recv(8)).toBe('and back');
}

type InRole = (world: World, opener: Opener) => Promise<void>;

/** The same with either side as the one that connects. */
export function inBothRoles(name: string, run: InRole, rest: Omit<Scenario, 'name' | 'run'> = {}): Scenario[] {
  return (['rtcp', 'kernel'] as const).map((opener) => ({
    ...rest,
    name: `${name}; ${opener} connects`,
    run: (world) => run(world, opener),
  }));
}
