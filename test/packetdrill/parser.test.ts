import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACK, CWR, ECE, FIN, PSH, RST, SYN, URG } from '../../src/lib/wire/tcp.ts';
import { parseScript } from './parser.ts';
import { type CallAction, type PacketAction, type Script, ScriptError, type TcpSpec, Unsupported } from './script.ts';

const parse = (text: string, defines: Record<string, string> = {}): Script =>
  parseScript('test.pkt', text, new Map(Object.entries(defines)));

function packet(text: string): PacketAction {
  const { action } = parse(`+0 ${text}`).events[0];
  if (action.kind !== 'packet') throw new Error('not a packet');
  return action;
}

function tcp(text: string): TcpSpec {
  const found = packet(text).packet;
  if (found.kind !== 'tcp') throw new Error('not TCP');
  return found;
}

function call(text: string): CallAction {
  const { action } = parse(`+0 ${text}`).events[0];
  if (action.kind !== 'call') throw new Error('not a call');
  return action;
}

function errorOf(text: string): ScriptError | Unsupported {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ScriptError || error instanceof Unsupported) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

describe('a script', () => {
  it('has options, with or without a value, up to the first event', () => {
    const { options } = parse('--ip_version=ipv4\n--tolerance_usecs=5000\n--debug\n+0 close(3) = 0\n');
    expect(options.map(({ name, value, line }) => [line, name, value])).toEqual([
      [1, 'ip_version', 'ipv4'],
      [2, 'tolerance_usecs', '5000'],
      [3, 'debug', null],
    ]);
  });

  it('has comments of both kinds, and keeps line numbers through them', () => {
    const { events } = parse('// one\n/* two\nthree */\n+0 close(3) = 0 // five\n\n+1 close(4) = 0\n');
    expect(events.map(({ line }) => line)).toEqual([4, 6]);
  });

  it('has commands without a time, before and after, that happen at once', () => {
    const { events } = parse('`sysctl -q a=1`\n+1 close(3) = 0\n`sysctl -q a=0`');
    expect(events.map(({ action }) => action.kind)).toEqual(['shell', 'call', 'shell']);
    expect(events[2].time).toEqual({ kind: 'relative', us: 0, endUs: 0 });
  });

  it('has code over several lines', () => {
    const { action } = parse('+0 %{\nassert 1 == 1\n}%').events[0];
    expect(action).toEqual({ kind: 'code', text: '\nassert 1 == 1\n' });
  });
});

describe('a time', () => {
  const time = (text: string) => parse(`${text} > . 1:1(0) ack 1`).events[0].time;

  it.each([
    ['0', { kind: 'absolute', us: 0, endUs: 0 }],
    ['1.25', { kind: 'absolute', us: 1_250_000, endUs: 1_250_000 }],
    ['+.04', { kind: 'relative', us: 40_000, endUs: 40_000 }],
    ['+ 0.5', { kind: 'relative', us: 500_000, endUs: 500_000 }],
    ['0.5~1', { kind: 'absolute', us: 500_000, endUs: 1_000_000 }],
    ['+1~+2.5', { kind: 'relative', us: 1_000_000, endUs: 2_500_000 }],
    ['*', { kind: 'any' }],
  ])('%s', (text, expected) => {
    expect(time(text)).toEqual(expected);
  });

  it.each([
    ['2~1 > . 1:1(0) ack 1', 'this time range is backwards'],
    ['-1 > . 1:1(0) ack 1', 'a time can not be negative'],
    ['* < . 1:1(0) ack 1', 'only a packet that the stack sends'],
    ['+1~+2 close(3) = 0', 'only a packet that the stack sends'],
    ['x > . 1:1(0) ack 1', "expected a time in seconds, found 'x'"],
  ])('%s is refused', (text, reason) => {
    expect(errorOf(text).message).toContain(reason);
  });
});

describe('a packet', () => {
  it.each([
    ['S 0:0(0)', SYN],
    ['S. 0:0(0)', SYN | ACK],
    ['. 1:1(0)', ACK],
    ['- 1:1(0)', 0],
    ['FP. 1:1(0)', FIN | PSH | ACK],
    ['SEW 0:0(0)', SYN | ECE | CWR],
    ['RU 0:0(0)', RST | URG],
  ])('has flags: %s', (text, flags) => {
    expect(tcp(`> ${text}`).flags).toBe(flags);
  });

  it('has a direction, ports, numbers, a window, an urgent pointer', () => {
    const spec = tcp('< 40000 > 8080 P. 1:1001(1000) ack 7 win 300 urg 5');
    expect(spec).toMatchObject({ sourcePort: 40_000, destinationPort: 8080, ack: 7, window: 300, urgent: 5 });
    expect(spec.sequence).toEqual({ start: 1, length: 1000, absolute: false, open: false });
    expect(packet('> . 1:1(0)').direction).toBe('out');
  });

  it('has numbers that wrap, are absolute, or open', () => {
    expect(tcp('< . 4294967295:1(2) ack 1').sequence).toMatchObject({ start: 0xffff_ffff, length: 2 });
    expect(tcp('> R 17:17(0)!').sequence.absolute).toBe(true);
    expect(tcp('> S. ...(0) ack 1').sequence.open).toBe(true);
  });

  it('has options in any order', () => {
    expect(tcp('< S 0:0(0) <mss 1460, nop,wscale 7,sackOK,TS val 5 ecr 0!,eol>').options).toEqual([
      { kind: 'mss', value: 1460 },
      { kind: 'nop' },
      { kind: 'wscale', value: 7 },
      { kind: 'sackOK' },
      { kind: 'TS', val: 5, ecr: 0, absoluteEcr: true },
      { kind: 'eol' },
    ]);
    expect(tcp('> . 1:1(0) ack 1 <sack 1:2 5:9, TS val ... ecr 4>').options).toEqual([
      {
        kind: 'sack',
        blocks: [
          [1, 2],
          [5, 9],
        ],
      },
      { kind: 'TS', val: null, ecr: 4, absoluteEcr: false },
    ]);
    expect(tcp('> . 1:1(0) ack 1 <...>').options).toBeNull();
    expect(tcp('> . 1:1(0) ack 1').options).toEqual([]);
  });

  it('has a type of service and a time to live', () => {
    expect(packet('> [ect0] . 1:1(0)').ip).toEqual({ tos: 2, tosMask: 3, ect01: false, ttl: null });
    expect(packet('> (tos 0x28) . 1:1(0)').ip).toMatchObject({ tos: 0x28, tosMask: 0xff });
    expect(packet('> [dscp cs1, ecn ce, ttl 9] . 1:1(0)').ip).toEqual({
      tos: 0x23,
      tosMask: 0xff,
      ect01: false,
      ttl: 9,
    });
    expect(packet('> [ect01] . 1:1(0)').ip.ect01).toBe(true);
  });

  it('may be an ICMP error, with what it quotes before or behind', () => {
    const quoted = { start: 1, length: 1000, absolute: false, open: false };
    expect(packet('< icmp unreachable frag_needed mtu 1400 [1:1001(1000)]').packet).toEqual({
      kind: 'icmp',
      type: 3,
      code: 4,
      mtu: 1400,
      quoted,
    });
    expect(packet('< [1:1001(1000)] icmp time_exceeded ttl_exceeded_in_transit').packet).toMatchObject({
      type: 11,
      quoted,
    });
    expect(packet('< icmp source_quench').packet).toMatchObject({ type: 4, code: 0 });
  });
});

describe('a call', () => {
  it('has arguments of every kind', () => {
    expect(call('f(..., -1, 0x1F, "ab" "c", A|B, [1, 2], {x=1, fd=3}, htons(80)) = 7').arguments).toEqual([
      { kind: 'open' },
      { kind: 'number', value: -1 },
      { kind: 'number', value: 31 },
      { kind: 'string', value: 'abc' },
      {
        kind: 'or',
        terms: [
          { kind: 'word', name: 'A' },
          { kind: 'word', name: 'B' },
        ],
      },
      {
        kind: 'list',
        items: [
          { kind: 'number', value: 1 },
          { kind: 'number', value: 2 },
        ],
      },
      {
        kind: 'struct',
        fields: [
          { name: 'x', value: { kind: 'number', value: 1 } },
          { name: 'fd', value: { kind: 'number', value: 3 } },
        ],
      },
      { kind: 'function', name: 'htons', arguments: [{ kind: 'number', value: 80 }] },
    ]);
  });

  it('has a message header with counts', () => {
    const [, message] = call(
      'recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 100}], msg_flags=0}, 0) = 100',
    ).arguments;
    if (message.kind !== 'struct') throw new Error('not a structure');
    expect(message.fields.map(({ name }) => name)).toEqual(['msg_name', 'msg_iov', 'msg_flags']);
  });

  it('has a result, perhaps an error with a note, perhaps an end', () => {
    expect(call('connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)')).toMatchObject({
      result: { kind: 'number', value: -1 },
      errno: 'EINPROGRESS',
      endUs: null,
    });
    expect(call('fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)')).toMatchObject({
      result: { kind: 'number', value: 2 },
      errno: null,
    });
    const blocking = parse('+0...0.2 accept(3, ..., ...) = 4').events[0].action;
    expect(blocking).toMatchObject({ name: 'accept', endUs: 200_000 });
  });
});

describe('conditionals', () => {
  const text =
    '#ifdef A\n+0 close(1) = 0\n#else\n+0 close(2) = 0\n#endif\n#ifndef B\n+0 close(3) = 0\n#endif\n+0 close(4) = 0';
  const lines = (defines: Record<string, string>): number[] => parse(text, defines).events.map(({ line }) => line);

  it('choose by what is defined', () => {
    expect(lines({})).toEqual([4, 7, 9]);
    expect(lines({ A: '', B: '1' })).toEqual([2, 9]);
  });

  it('nest, and count lines that are left out', () => {
    const nested = '#if defined(A)\n#ifdef B\n+0 close(1) = 0\n#endif\n+0 close(2) = 0\n#endif\n+0 close(3) = 0';
    expect(parse(nested, { B: '' }).events.map(({ line }) => line)).toEqual([7]);
    expect(parse(nested, { A: '' }).events.map(({ line }) => line)).toEqual([5, 7]);
  });

  it('give words a value, also by an option', () => {
    expect(parse('#define FD 7\n+0 close(FD) = 0').events[0].action).toMatchObject({
      arguments: [{ kind: 'number', value: 7 }],
    });
    expect(parse('--define=NAME="x"\n+0 f(NAME) = 0').events[0].action).toMatchObject({
      arguments: [{ kind: 'string', value: 'x' }],
    });
  });

  it.each([
    ['#ifdef A\n+0 close(3) = 0', 1, 'this #if has no #endif'],
    ['\n#endif', 2, '#endif without #if'],
    ['#else', 1, '#else without #if'],
    ['#if A + B\n#endif', 1, 'is not a condition'],
  ])('%j is refused', (script, line, reason) => {
    expect(errorOf(script)).toMatchObject({ line });
    expect(errorOf(script).message).toContain(reason);
  });
});

describe('what can not be read', () => {
  it.each([
    ['', 1, 'a script needs at least one event'],
    ['+0 close(3) = 0\n+0 < X. 1:1(0) ack 1', 2, "'X' in 'X' is not a TCP flag"],
    ['+0 < . 1:5(3) ack 1', 1, '1:5 is not 3 bytes'],
    ['+0 < . 1:1(0) ack 1 win 70000', 1, 'window 70000 is not between 0 and 65535'],
    ['+0 < . 1:1(0) ack 1 <...>', 1, '<...> is for packets that the stack sends'],
    ['+0 < [ect01] . 1:1(0) ack 1', 1, '[ect01] is for packets that the stack sends'],
    ['+0 < . 1:1(0) ack 1 <mss>', 1, "expected mss, found '>'"],
    ['+0 < icmp unreachable nowhere', 1, "'nowhere' is not a code of unreachable"],
    ['+0 < icmp strange', 1, "'strange' is not an ICMP type"],
    ['\n\n+0 close(3', 3, "expected ')', found the end of the file"],
    ['+0 close(3) 0', 1, "expected '=', found '0'"],
    ['+0 `echo', 1, 'this ` has no end'],
    ['+0 [1]', 1, 'expected a packet, a system call'],
    ['+0 close(3) = 0 (why', 1, "expected ')'"],
  ])('%j', (text, line, reason) => {
    const error = errorOf(text);
    expect(error).toBeInstanceOf(ScriptError);
    expect(error.message).toContain(reason);
    expect(error.line).toBe(line);
  });

  it('says so of any text, with a line in it, and nothing else happens', () => {
    const words = fc.constantFrom(
      '+0',
      '<',
      '>',
      'S.',
      '1:1(0)',
      'ack',
      '1',
      '<mss',
      '{',
      '[',
      '%{',
      '`',
      '"',
      '#if',
      '\n',
      '...',
      ')',
      '=',
      'icmp',
      '--x',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(words, fc.string({ maxLength: 5 })), { maxLength: 30 }), (parts) => {
        const text = parts.join(' ');
        try {
          parse(text);
        } catch (error) {
          if (!(error instanceof ScriptError || error instanceof Unsupported)) throw error;
          expect(error.line).toBeGreaterThan(0);
          expect(error.line).toBeLessThanOrEqual(text.split('\n').length);
        }
      }),
    );
  });
});

describe('what is not spoken here', () => {
  it.each([
    ['+0 close(3) = 0\n+0 < sctp: INIT[flgs=0]', 2, 'sctp packets'],
    ['+0 < udp (100)', 1, 'udp packets'],
    ['+0 > ipv6 ::1 > ::2: . 1:1(0)', 1, 'ipv6 packets'],
    ['+0 > S 0:0(0) <mss 1460,FO>', 1, 'TCP option FO'],
    ['+0 > S 0:0(0) <mss 1460,mp_capable a>', 1, 'TCP option mp_capable'],
    ['+0 > S.5 0:0(0)', 1, 'the ACE field of AccECN'],
    ['+0 < . 1:1(0) ack 1 {mut ip ihl}', 1, 'mutated packets'],
    ['+0 < icmp unreachable port_unreachable [udp (5)]', 1, 'ICMP about udp'],
    ['+0 > (flowlabel 0x1) . 1:1(0)', 1, 'IPv6'],
  ])('%j', (text, line, reason) => {
    const error = errorOf(text);
    expect(error).toBeInstanceOf(Unsupported);
    expect(error.message).toBe(reason);
    expect(error.line).toBe(line);
  });
});
