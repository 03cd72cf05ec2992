/** Network interfaces: what they are and how they are set, without `ip` or `ethtool`. */
import { readdirSync } from 'node:fs';
import { check, EADDRINUSE, EADDRNOTAVAIL, ENODEV, EOPNOTSUPP } from './error.ts';
import { native, onFirstUse } from './library.ts';

export interface InterfaceInfo {
  readonly name: string;
  readonly index: number;
  /** Largest IP datagram, in bytes. */
  readonly mtu: number;
  readonly up: boolean;
  readonly loopback: boolean;
  /** 6 bytes; zeros for an interface without one. */
  readonly mac: Uint8Array;
  /** Its first IPv4 address as an int32 in host order, 0 when it has none, and that address's prefix length. */
  readonly address: number;
  readonly prefix: number;
}

const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;

const table = onFirstUse(() => ({
  info: native<(name: string, info: Int32Array) => number>('int rtcp_interface(const char *name, int32_t *info)'),
  up: native<(name: string, up: number) => number>('int rtcp_interface_up(const char *name, int up)'),
  address: native<(name: string, address: number, prefix: number) => number>(
    'int rtcp_interface_address(const char *name, int32_t address, int prefix)',
  ),
  mac: native<(name: string, mac: Uint8Array) => number>(
    'int rtcp_interface_mac(const char *name, const uint8_t *mac)',
  ),
  mtu: native<(name: string, mtu: number) => number>('int rtcp_interface_mtu(const char *name, int mtu)'),
  ethtool: native<(name: string, command: number, value: number) => number>(
    'int rtcp_ethtool(const char *name, int command, int value)',
  ),
  holdPort: native<(address: number, port: number) => number>('int rtcp_hold_port(int32_t address, int port)'),
}));

/** The interfaces of this network namespace, for messages. */
export function interfaceNames(): string[] {
  return readdirSync('/sys/class/net').sort();
}

/** Throws a NativeError that lists the interfaces when there is none of that name. */
export function interfaceInfo(name: string): InterfaceInfo {
  const words = new Int32Array(8);
  check(table().info(name, words), `find the interface ${name}`, {
    [ENODEV]: `the interfaces here are ${interfaceNames().join(', ')}`,
  });
  return {
    name,
    index: words[0],
    mtu: words[1],
    up: (words[2] & IFF_UP) !== 0,
    loopback: (words[2] & IFF_LOOPBACK) !== 0,
    mac: new Uint8Array(words.buffer.slice(16, 22)),
    address: words[6],
    prefix: words[7],
  };
}

/** The receive queues of an interface (1 when the kernel does not say). */
export function receiveQueues(name: string): number {
  try {
    return readdirSync(`/sys/class/net/${name}/queues`).filter((queue) => queue.startsWith('rx-')).length || 1;
  } catch {
    return 1; // no such interface in sysfs: the open that follows says so better
  }
}

export function bringUp(name: string): void {
  check(table().up(name, 1), `bring ${name} up`);
}

export function takeDown(name: string): void {
  table().up(name, 0); // it may be gone already
}

/** Gives the kernel's side an IPv4 address (int32, host order) and the route to its subnet. */
export function setInterfaceAddress(name: string, address: number, prefix: number): void {
  check(table().address(name, address, prefix), `set the address of ${name}`);
}

export function setInterfaceMac(name: string, mac: Uint8Array): void {
  check(table().mac(name, mac), `set the hardware address of ${name}`);
}

export function setInterfaceMtu(name: string, mtu: number): void {
  check(table().mtu(name, mtu), `set the MTU of ${name} to ${mtu}`);
}

/** Offloads by ethtool's old commands: [get, set] (<linux/ethtool.h>). */
const FEATURE_COMMANDS = {
  /** TCP segmentation offload. */
  tso: [0x1e, 0x1f],
  /** Generic segmentation offload. */
  gso: [0x23, 0x24],
  /** Generic receive offload. */
  gro: [0x2b, 0x2c],
  /** Checksums checked on reception. */
  rxChecksum: [0x14, 0x15],
  /** Checksums made on transmission. */
  txChecksum: [0x16, 0x17],
} as const;

export type Feature = keyof typeof FEATURE_COMMANDS;

/** Whether an offload is on; null when the interface can't say. */
export function interfaceFeature(name: string, feature: Feature): boolean | null {
  const value = table().ethtool(name, FEATURE_COMMANDS[feature][0], 0);
  if (value === -EOPNOTSUPP) return null;
  return check(value, `read the offloads of ${name}`) !== 0;
}

export function setInterfaceFeature(name: string, feature: Feature, on: boolean): void {
  check(
    table().ethtool(name, FEATURE_COMMANDS[feature][1], on ? 1 : 0),
    `turn ${feature} ${on ? 'on' : 'off'} on ${name}`,
  );
}

/**
 * Keeps a TCP port of the host for us, without listening: kernel sockets can't bind it while the returned descriptor is
 * open. Throws EADDRINUSE when somebody listens there.
 *
 * @param address int32 in host order, 0 for every address
 */
export function holdPort(address: number, port: number): number {
  return check(table().holdPort(address, port), `reserve TCP port ${port}`, {
    [EADDRINUSE]: `another server listens there (ss -ltnp 'sport = :${port}' names it): stop it, or choose another --port`,
    [EADDRNOTAVAIL]: 'that address is not one of this host',
  });
}
