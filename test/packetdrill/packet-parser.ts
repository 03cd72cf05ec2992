/**
 * A packet of a script:
 *
 *   < [ect0] 40000 > 8080 S. 0:0(0) ack 1 win 65535 urg 0 <mss 1460,sackOK,TS val 1 ecr 0>
 *   < icmp unreachable frag_needed mtu 1400 [1:1001(1000)]
 */
import { ICMP_UNREACHABLE } from '../../src/lib/wire/icmp.ts';
import { ACK, CWR, ECE, FIN, PSH, RST, SYN, URG } from '../../src/lib/wire/tcp.ts';
import type { Cursor } from './cursor.ts';
import { icmpCode, icmpType } from './icmp-names.ts';
import { parseIpInfo } from './ip-parser.ts';
import {
  type IcmpSpec,
  type IpSpec,
  type PacketAction,
  ScriptError,
  type SequenceRange,
  type TcpOption,
  type TcpSpec,
  Unsupported,
} from './script.ts';

const FLAG_BITS: Readonly<Record<string, number>> = {
  S: SYN,
  F: FIN,
  R: RST,
  P: PSH,
  U: URG,
  E: ECE,
  W: CWR,
};
const OTHER_PROTOCOLS = new Set([
  'sctp',
  'udp',
  'udplite',
  'gre',
  'GREv0',
  'mpls',
  'ipv4',
  'ipv6',
  'SCTP',
  'UDP',
  'psp',
]);
const NOTHING_QUOTED: SequenceRange = { start: 0, length: 0, absolute: false, open: false };
const NO_IP: IpSpec = { tos: null, tosMask: 0, ect01: false, ttl: null };

export function parsePacket(cursor: Cursor): PacketAction {
  const direction = cursor.next().text === '<' ? 'in' : 'out';
  // The FreeBSD suite writes what an ICMP error quotes before the word icmp.
  const quotedFirst = cursor.isMark('[') && cursor.peek(1).kind === 'integer' ? parseQuoted(cursor) : null;
  const ip = cursor.isMark('(') || cursor.isMark('[') ? parseIpInfo(cursor, direction) : NO_IP;
  const { kind, text, line } = cursor.token;
  if (kind === 'word' && OTHER_PROTOCOLS.has(text)) throw new Unsupported(line, `${text} packets`);
  const packet = cursor.take('word', 'icmp') ? parseIcmp(cursor, quotedFirst) : parseTcp(cursor, direction);
  return { kind: 'packet', direction, ip, packet };
}

// ---- TCP

function parseTcp(cursor: Cursor, direction: 'in' | 'out'): TcpSpec {
  const line = cursor.line;
  let sourcePort = 0;
  let destinationPort = 0;
  if (cursor.is('integer') && cursor.peek(1).text === '>') {
    sourcePort = cursor.number('source port', 0, 0xffff);
    cursor.expectMark('>');
    destinationPort = cursor.number('destination port', 0, 0xffff);
  }
  const flags = parseFlags(cursor);
  const sequence = parseSequence(cursor);
  const ack = cursor.take('word', 'ack') && cursor.is('integer') ? cursor.number('acknowledgment number') : null;
  const window = cursor.take('word', 'win') ? cursor.number('window', 0, 0xffff) : null;
  const urgent = cursor.take('word', 'urg') ? cursor.number('urgent pointer', 0, 0xffff) : 0;
  const options = cursor.takeMark('<') ? parseOptions(cursor) : [];
  if (options === null && direction === 'in') throw new ScriptError(line, '<...> is for packets that the stack sends');
  if (cursor.isMark('{')) throw new Unsupported(line, 'mutated packets');
  if (cursor.isMark('/')) throw new Unsupported(line, 'TCP in UDP');
  return { kind: 'tcp', sourcePort, destinationPort, flags, sequence, ack, window, urgent, options };
}

/** `S`, `S.`, `.`, `SEW`, `-`: one letter for each flag, a point for ACK, a dash for none. */
function parseFlags(cursor: Cursor): number {
  if (cursor.takeMark('-')) return 0;
  if (cursor.takeMark('.')) return ACK;
  const { text, line, kind } = cursor.token;
  if (kind === 'float') throw new Unsupported(line, 'the ACE field of AccECN');
  if (kind !== 'word') cursor.fail('TCP flags');
  cursor.next();
  let flags = 0;
  for (const letter of text) {
    const bit = FLAG_BITS[letter];
    if (letter === 'A' || /\d/.test(letter)) throw new Unsupported(line, 'the AE flag of AccECN');
    if (bit === undefined) throw new ScriptError(line, `'${letter}' in '${text}' is not a TCP flag (SFRPUEW and .)`);
    flags |= bit;
  }
  if (cursor.is('float')) throw new Unsupported(line, 'the ACE field of AccECN');
  return cursor.takeMark('.') ? flags | ACK : flags;
}

/** `1:1001(1000)`, with `!` absolute; `...(1000)` for any place. */
export function parseSequence(cursor: Cursor): SequenceRange {
  const line = cursor.line;
  if (cursor.take('ellipsis')) {
    const length = parseLength(cursor);
    return { start: 0, length, absolute: false, open: true };
  }
  const start = cursor.number('sequence number');
  cursor.expectMark(':');
  const end = cursor.number('sequence number');
  const length = parseLength(cursor);
  if ((start + length) % 0x1_0000_0000 !== end) {
    throw new ScriptError(line, `${start}:${end} is not ${length} bytes`);
  }
  return { start, length, absolute: cursor.takeMark('!'), open: false };
}

function parseLength(cursor: Cursor): number {
  cursor.expectMark('(');
  const length = cursor.number('payload length', 0, 0x10_0000);
  cursor.expectMark(')');
  return length;
}

// ---- TCP options

function parseOptions(cursor: Cursor): TcpOption[] | null {
  if (cursor.take('ellipsis')) {
    cursor.expectMark('>');
    return null;
  }
  const options: TcpOption[] = [];
  do options.push(parseTcpOption(cursor));
  while (cursor.takeMark(','));
  cursor.expectMark('>');
  return options;
}

function parseTcpOption(cursor: Cursor): TcpOption {
  const { text: name, line } = cursor.expect('word', 'a TCP option');
  switch (name) {
    case 'nop':
    case 'eol':
    case 'sackOK':
      return { kind: name };
    case 'mss':
      return { kind: 'mss', value: cursor.number('mss', 0, 0xffff) };
    case 'wscale':
      return { kind: 'wscale', value: cursor.number('wscale', 0, 255) };
    case 'sack':
      return { kind: 'sack', blocks: parseSackBlocks(cursor) };
    case 'TS':
      return parseTimestamps(cursor);
    default:
      throw new Unsupported(line, `TCP option ${name}`);
  }
}

function parseSackBlocks(cursor: Cursor): [number, number][] {
  const blocks: [number, number][] = [];
  do {
    const left = cursor.number('left edge of a SACK block');
    cursor.expectMark(':');
    blocks.push([left, cursor.number('right edge of a SACK block')]);
  } while (cursor.is('integer'));
  return blocks;
}

function parseTimestamps(cursor: Cursor): TcpOption {
  cursor.expectWord('val');
  const val = cursor.take('ellipsis') ? null : cursor.number('timestamp');
  cursor.expectWord('ecr');
  const ecr = cursor.number('timestamp echo');
  return { kind: 'TS', val, ecr, absoluteEcr: cursor.takeMark('!') };
}

// ---- ICMP

function parseIcmp(cursor: Cursor, quotedFirst: SequenceRange | null): IcmpSpec {
  const typeToken = cursor.expect('word', 'an ICMP type');
  const type = icmpType(typeToken.text);
  if (type === null) throw new ScriptError(typeToken.line, `'${typeToken.text}' is not an ICMP type`);
  let code = 0;
  if (cursor.is('word') && !cursor.is('word', 'mtu') && !cursor.is('word', 'id')) {
    const codeToken = cursor.next();
    const found = icmpCode(type, codeToken.text);
    if (found === null) throw new ScriptError(codeToken.line, `'${codeToken.text}' is not a code of ${typeToken.text}`);
    code = found;
  } else if (type === ICMP_UNREACHABLE) cursor.fail('an ICMP code');
  const mtu = cursor.take('word', 'mtu') ? cursor.number('mtu', 0, 0xffff) : 0;
  if (cursor.take('word', 'id')) cursor.number('echo identifier', 0, 0xffff);
  const quoted = cursor.isMark('[') ? parseQuoted(cursor) : (quotedFirst ?? NOTHING_QUOTED);
  return { kind: 'icmp', type, code, mtu, quoted };
}

/** `[1:1001(1000)]`: the segment that an ICMP error is about. */
function parseQuoted(cursor: Cursor): SequenceRange {
  cursor.expectMark('[');
  const { kind, text, line } = cursor.token;
  if (kind === 'word') throw new Unsupported(line, `ICMP about ${text}`);
  const range = parseSequence(cursor);
  cursor.expectMark(']');
  return range;
}
