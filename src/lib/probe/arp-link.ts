/**
 * The link that the ARP tools listen on: AF_PACKET, ARP frames only, beside whatever else uses the interface. Which
 * interface: the one named, else the one that the kernel's routes lead through.
 */
import { CommandError, UsageError } from '../cli/command-error.ts';
import type { Link } from '../link/link.ts';
import { PacketLink } from '../link/packet.ts';
import { PacketMemory } from '../memory/packet-memory.ts';
import type { InterfaceInfo } from '../native/interface.ts';
import { interfaceInfo, interfaceNames } from '../native/interface.ts';
import { wallClockUs } from '../native/wall-clock.ts';
import { formatIpv4 } from '../wire/address.ts';
import type { Stopwatch } from './arp-probe.ts';
import { readRoutes, routeTo } from './route.ts';

const MEMORY_BYTES = 32 << 20;
const RX_SLOTS = 60;
const DATA_BUFFERS = 16;
const CONTROL_BUFFERS = 1024;

export interface ArpLink {
  link: Link;
  info: InterfaceInfo;
  stopwatch: Stopwatch;
}

/** Opens the link; throws a CommandError or NativeError that says what mends it. */
export function openArpLink(interfaceName: string): ArpLink {
  const info = interfaceInfo(interfaceName);
  if (info.loopback || info.mac.every((byte) => byte === 0)) {
    const others = interfaceNames().filter((name) => name !== interfaceName);
    throw new UsageError(
      `${interfaceName} does not speak ARP`,
      `choose another with --iface: ${others.join(', ') || 'none is there'}`,
    );
  }
  const link = PacketLink.open({
    memory: new PacketMemory(MEMORY_BYTES),
    interfaceName,
    match: { kind: 'arp' },
    rxSlots: RX_SLOTS,
    dataBuffers: DATA_BUFFERS,
    controlBuffers: CONTROL_BUFFERS,
  });
  return { link, info, stopwatch: { departureUs: wallClockUs, arrivalUs: (frame) => link.arrivalUs(frame) } };
}

/** The interface whose link these addresses are on. An address behind a router can't be asked by ARP. */
export function interfaceFor(address: number): string {
  const route = routeTo(address, readRoutes());
  const text = formatIpv4(address);
  if (route === null)
    throw new CommandError(`no route leads to ${text}`, `name the interface: rtcp arp-probe --iface IF ${text}`);
  if (route.gateway !== 0) {
    throw new CommandError(
      `${text} is not on a link of this machine: ARP does not reach past the router ${formatIpv4(route.gateway)}`,
      `ask for the router: rtcp arp-probe ${formatIpv4(route.gateway)}; or name the interface with --iface`,
    );
  }
  return route.interfaceName;
}
