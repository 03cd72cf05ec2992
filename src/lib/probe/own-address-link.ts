/**
 * A link for a tool that has an IPv4 address of its own, beside those of the kernel: on an interface by AF_PACKET or AF_XDP,
 * or on a TAP device made for it. Small buffers: a tool answers, it does not stream.
 */
import { UsageError } from '../cli/command-error.ts';
import type { Link } from '../link/link.ts';
import { PacketLink } from '../link/packet.ts';
import { TapLink } from '../link/tap.ts';
import { XdpLink } from '../link/xdp.ts';
import { PacketMemory } from '../memory/packet-memory.ts';
import { interfaceInfo } from '../native/interface.ts';
import type { Cidr } from '../wire/address.ts';
import { formatIpv4 } from '../wire/address.ts';

export const OWN_LINK_KINDS = ['packet', 'xdp', 'tap'] as const;
export type OwnLinkKind = (typeof OWN_LINK_KINDS)[number];

export interface OwnAddressOptions {
  kind: OwnLinkKind;
  interfaceName: string;
  own: Cidr;
  mac?: Uint8Array;
  /** TAP: the address of the kernel's side, int32; 0: none. */
  kernelAddress: number;
}

const MEMORY_BYTES = 64 << 20;
const DATA_BUFFERS = 64;
const CONTROL_BUFFERS = 4096;
const RX_SLOTS = 120;
const XDP_BUFFERS = 2048;

/** Opens the link; throws a UsageError or NativeError that says what mends it. */
export function openOwnAddressLink(options: OwnAddressOptions): Link {
  const { kind, interfaceName, own, mac } = options;
  const memory = new PacketMemory(MEMORY_BYTES);
  const pools = { dataBuffers: DATA_BUFFERS, controlBuffers: CONTROL_BUFFERS };
  if (kind === 'tap') {
    const kernel =
      options.kernelAddress === 0 ? {} : { kernelAddress: options.kernelAddress, kernelPrefix: own.prefixLength };
    return TapLink.open({ memory, interfaceName, mac, ...kernel, ...pools });
  }
  if (interfaceInfo(interfaceName).address === own.address) {
    throw new UsageError(
      `${formatIpv4(own.address)} is the kernel's own address on ${interfaceName}: it answers already`,
      'give an address of that network that nobody has: --ip',
    );
  }
  const match = { kind: 'address', address: own.address } as const;
  if (kind === 'xdp')
    return XdpLink.open({ memory, interfaceName, match, mac, rxBuffers: XDP_BUFFERS, txBuffers: XDP_BUFFERS });
  return PacketLink.open({ memory, interfaceName, match, mac, rxSlots: RX_SLOTS, ...pools });
}
