import { describe, expect, it } from 'vitest';
import { parseRoutes, routeTo } from '../../src/lib/probe/route.ts';
import { address } from './simulation.ts';

/** As the kernel prints it: a default route, two networks within each other, a better metric, a route that is down. */
const TABLE = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	FE0200C0	0003	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	100	00FFFFFF	0	0	0
eth1	000200C0	00000000	0001	0	0	50	00FFFFFF	0	0	0
eth2	800200C0	00000000	0001	0	0	0	80FFFFFF	0	0	0
eth3	006433C6	00000000	0000	0	0	0	00FFFFFF	0	0	0
nonsense
`;

describe('the route to an address', () => {
  const routes = parseRoutes(TABLE);

  it('reads what is up', () => {
    expect(routes).toHaveLength(4);
    expect(routes[0]).toEqual({
      interfaceName: 'eth0',
      destination: 0,
      mask: 0,
      gateway: address('192.0.2.254'),
      metric: 0,
    });
  });

  it.each([
    ['192.0.2.200', 'eth2', 0],
    ['192.0.2.5', 'eth1', 0],
    ['198.51.100.7', 'eth0', address('192.0.2.254')],
  ])('%s is by %s', (text, interfaceName, gateway) => {
    expect(routeTo(address(text), routes)).toMatchObject({ interfaceName, gateway });
  });

  it('there may be none', () => {
    expect(routeTo(address('203.0.113.1'), routes.slice(1))).toBeNull();
    expect(parseRoutes('')).toEqual([]);
  });
});
