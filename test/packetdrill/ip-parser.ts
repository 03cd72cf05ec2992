/**
 * What a script says of an IP header, in brackets or parentheses: an ECN codepoint, a type of service, a DSCP name, a time to
 * live.
 *
 *   [ect0]  (tos 0x28)  [dscp cs1, ecn ce]  (ttl 5)  [ect01, ttl 255]
 */
import type { Cursor } from './cursor.ts';
import { type IpSpec, ScriptError, Unsupported } from './script.ts';

const ECN_MASK = 0x03;
const DSCP_MASK = 0xfc;
/** RFC 3168 §5. */
const CODEPOINTS: Readonly<Record<string, number>> = { noecn: 0, ect1: 1, ect0: 2, ce: 3 };
/** RFC 2474, RFC 2597, RFC 3246, RFC 5865, RFC 8622. */
const DSCP: Readonly<Record<string, number>> = { ef: 46, voice_admit: 44, 'voice-admit': 44, le: 1 };

export function parseIpInfo(cursor: Cursor, direction: 'in' | 'out'): IpSpec {
  const close = cursor.next().text === '(' ? ')' : ']';
  let tos = 0;
  let tosMask = 0;
  let ect01 = false;
  let ttl: number | null = null;
  do {
    const { text, line } = cursor.expect('word', 'ecn, tos, dscp or ttl');
    const name = text === 'ecn' ? cursor.expect('word', 'an ECN codepoint').text : text;
    if (name in CODEPOINTS) {
      tos |= CODEPOINTS[name];
      tosMask |= ECN_MASK;
    } else if (name === 'ect01') {
      if (direction === 'in') throw new ScriptError(line, '[ect01] is for packets that the stack sends');
      ect01 = true;
    } else if (name === 'tos' || name === 'class') {
      tos = cursor.number('tos', 0, 255);
      tosMask = 0xff;
    } else if (name === 'dscp') {
      tos |= dscp(cursor) << 2;
      tosMask |= DSCP_MASK;
    } else if (name === 'ttl') ttl = cursor.number('ttl', 0, 255);
    else if (name === 'flowlabel' || name === 'hlim') throw new Unsupported(line, 'IPv6');
    else throw new ScriptError(line, `'${name}' is no part of an IP header that can be named here`);
  } while (cursor.takeMark(','));
  cursor.expectMark(close);
  return { tos: tosMask === 0 ? null : tos, tosMask, ect01, ttl };
}

function dscp(cursor: Cursor): number {
  if (cursor.is('integer')) return cursor.number('dscp', 0, 63);
  const { text, line } = cursor.expect('word', 'a DSCP');
  const name = text.toLowerCase();
  if (name in DSCP) return DSCP[name];
  const selector = /^cs([0-7])$/.exec(name);
  if (selector !== null) return Number(selector[1]) * 8;
  const assured = /^af([1-4])([1-3])$/.exec(name);
  if (assured !== null) return Number(assured[1]) * 8 + Number(assured[2]) * 2;
  throw new ScriptError(line, `'${text}' is not a DSCP`);
}
