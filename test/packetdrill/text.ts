/**
 * Segments and options as scripts write them, for messages.
 */
import { ACK, CWR, ECE, FIN, PSH, RST, SYN, URG } from '../../src/lib/wire/tcp.ts';
import type { Flow } from './flow.ts';
import type { TcpOption } from './script.ts';
import type { LiveSegment, WireOption } from './segment.ts';

const LETTERS: readonly (readonly [number, string])[] = [
  [SYN, 'S'],
  [FIN, 'F'],
  [RST, 'R'],
  [PSH, 'P'],
  [URG, 'U'],
  [ECE, 'E'],
  [CWR, 'W'],
  [ACK, '.'],
];

export function describeFlags(flags: number): string {
  return (
    LETTERS.filter(([bit]) => (flags & bit) !== 0)
      .map(([, letter]) => letter)
      .join('') || '-'
  );
}

export function describeOption(option: WireOption | TcpOption): string {
  switch (option.kind) {
    case 'mss':
    case 'wscale':
      return `${option.kind} ${option.value}`;
    case 'sack':
      return `sack ${option.blocks.map(([left, right]) => `${left >>> 0}:${right >>> 0}`).join(' ')}`;
    case 'TS':
      return `TS val ${option.val === null ? '...' : option.val >>> 0} ecr ${option.ecr >>> 0}`;
    case 'unknown':
      return `option ${option.number}`;
    default:
      return option.kind;
  }
}

/** `P. 1:1001(1000) ack 1 win 65535 <…>`, numbered as the flow's script does. */
export function describeSegment(live: LiveSegment, flow: Flow): string {
  const start = flow.scriptLocal(live.sequence);
  const end = (start + live.payload.length) % 0x1_0000_0000;
  const ack = (live.flags & ACK) === 0 ? '' : ` ack ${live.ack >>> 0}`;
  const options = live.options.length === 0 ? '' : ` <${live.options.map(describeOption).join(',')}>`;
  return `${describeFlags(live.flags)} ${start}:${end}(${live.payload.length})${ack} win ${live.window}${options}`;
}
