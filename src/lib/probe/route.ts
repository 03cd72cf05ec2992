/**
 * Which interface leads to an address: the kernel's IPv4 routing table, longest prefix first, then the lowest metric.
 *
 *   Iface  Destination  Gateway   Flags  RefCnt  Use  Metric  Mask  …        numbers as the machine stores them (little-endian)
 *   eth0   00000000     0100A8C0  0003   0       0    0       00000000
 */
import { readFileSync } from 'node:fs';

const ROUTE_TABLE = '/proc/net/route';
const FLAG_UP = 0x1;
const FLAG_GATEWAY = 0x2;

export interface Route {
  interfaceName: string;
  /** int32, as are the others */
  destination: number;
  mask: number;
  /** 0: the destination is on the link. */
  gateway: number;
  metric: number;
}

export function readRoutes(path = ROUTE_TABLE): Route[] {
  return parseRoutes(readFileSync(path, 'latin1'));
}

/** Routes that are up; lines that are none are skipped. */
export function parseRoutes(text: string): Route[] {
  const routes: Route[] = [];
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    if (fields.length < 8) continue;
    const flags = Number.parseInt(fields[3], 16);
    if ((flags & FLAG_UP) === 0) continue;
    routes.push({
      interfaceName: fields[0],
      destination: littleEndian(fields[1]),
      mask: littleEndian(fields[7]),
      gateway: (flags & FLAG_GATEWAY) === 0 ? 0 : littleEndian(fields[2]),
      metric: Number(fields[6]),
    });
  }
  return routes;
}

/** The route to an address, or null. */
export function routeTo(address: number, routes: readonly Route[]): Route | null {
  let best: Route | null = null;
  for (const route of routes) {
    if ((address & route.mask) !== route.destination) continue;
    const longer = best === null || route.mask >>> 0 > best.mask >>> 0;
    if (longer || (route.mask === best?.mask && route.metric < best.metric)) best = route;
  }
  return best;
}

function littleEndian(hexadecimal: string): number {
  const word = Number.parseInt(hexadecimal, 16);
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
