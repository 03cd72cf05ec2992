/**
 * Each rule by which what the stack sent is compared, with a script that passes and one that must not.
 */
import { describe, expect, it } from 'vitest';
import type { ProfileName } from './profile.ts';
import { judge, type Verdict } from './verdict.ts';

interface Choice {
  readonly strict?: boolean;
  readonly profile?: ProfileName | 'auto';
  readonly defines?: Record<string, string>;
}

function verdictOf(text: string, { strict = false, profile = 'auto', defines = {} }: Choice = {}): Verdict {
  return judge('test.pkt', text, { strict, profile, definitions: new Map(Object.entries(defines)), trace: () => {} });
}

const LISTEN = `
 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
`;

/** An established connection on descriptor 4: peer's MSS 1000, round trip 100 ms, no options. */
const OPEN = `${LISTEN}
+0 < S 0:0(0) win 60000 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 60000
+0 accept(3, ..., ...) = 4
`;

function expectPass(text: string, choice?: Choice): void {
  const { verdict, line, reason } = verdictOf(text, choice);
  expect({ verdict, line, reason }).toEqual({ verdict: 'PASS', line: 0, reason: '' });
}

/** `text` must fail at its last line (or `line`), for this reason. */
function expectFail(text: string, reason: string, choice?: Choice): void {
  const found = verdictOf(text, choice);
  expect(found.reason).toContain(reason);
  expect(found.verdict).toBe('FAIL');
  expect(found.line).toBe(text.trimEnd().split('\n').length);
}

function expectUnsupported(text: string, reason: string, choice?: Choice): void {
  const found = verdictOf(text, choice);
  expect(found.reason).toContain(reason);
  expect(found.verdict).toBe('UNSUPPORTED');
}

describe('flags, numbers, acknowledgments', () => {
  it('agree', () => expectPass(`${OPEN}+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1`));

  it.each([
    ['+0 > F. 1:101(100) ack 1', 'flags P., not F.'],
    ['+0 > P. 2:102(100) ack 1', 'sequence number 1, not 2'],
    ['+0 > P. 1:102(101) ack 1', '100 bytes, not 101'],
    ['+0 > P. 1:101(100) ack 2', 'ack 1, not 2'],
    ['+0 > . 1:1(0) ack 1', 'flags P., not .'],
  ])('%s does not', (line, reason) => expectFail(`${OPEN}+0 write(4, ..., 100) = 100\n${line}`, reason));

  it('leave PSH on data to the sender, unless strict', () => {
    const script = `${OPEN}+0 write(4, ..., 100) = 100\n+0 > . 1:101(100) ack 1`;
    expectPass(script);
    expectFail(script, 'flags P., not .', { strict: true });
  });

  it('are absolute for what belongs to no connection', () => {
    const closed = ' 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 < . 17:20(3) ack 34 win 100\n';
    expectPass(`${closed}+0 > R 34:34(0)`);
    expectFail(`${closed}+0 > R 35:35(0)`, 'sequence number 34, not 35');
  });

  it('may be left open: ...(n)', () => {
    expectPass(`${LISTEN}+0 < S 0:0(0) win 100 <mss 1000>\n+0 > S. ...(0) ack 1 <...>\n+0 < . 1:1(0) ack 1 win 100`);
    expectFail(`${LISTEN}+0 < S 0:0(0) win 100 <mss 1000>\n+0 > S. ...(5) ack 1 <...>`, '0 bytes, not 5');
  });
});

describe('options', () => {
  const syn = `${LISTEN}+0 < S 0:0(0) win 60000 <mss 1000,sackOK,TS val 700 ecr 0,nop,wscale 7>\n`;

  it('are a set: order and filling do not count', () => {
    expectPass(`${syn}+0 > S. 0:0(0) ack 1 <wscale 8,eol,TS val 5 ecr 700,nop,sackOK,mss 1460>`);
  });

  it.each([
    ['<mss 1460,sackOK,TS val 5 ecr 700>', 'option <wscale 8> is not expected'],
    ['<mss 1461,sackOK,TS val 5 ecr 700,wscale 8>', 'mss 1460, not 1461'],
    ['<mss 1460,sackOK,TS val 5 ecr 700,wscale 9>', 'wscale 8, not 9'],
    ['<mss 1460,sackOK,TS val 5 ecr 701,wscale 8>', 'TS ecr 700, not 701'],
    ['<mss 1460,TS val 5 ecr 700,wscale 8>', 'option <sackOK> is not expected'],
    ['', 'is not expected'],
  ])('%s is not what the SYN,ACK has', (options, reason) => {
    expectFail(`${syn}+0 > S. 0:0(0) ack 1 ${options}`, reason);
  });

  it('may be left open, all or a timestamp', () => {
    expectPass(`${syn}+0 > S. 0:0(0) ack 1 <...>`);
    expectPass(`${syn}+0 > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val ... ecr 700,wscale 8>`);
  });

  it('that are missing are missed', () => {
    expectFail(
      `${LISTEN}+0 < S 0:0(0) win 60000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <mss 1460,sackOK>`,
      'option <sackOK> is missing',
    );
  });

  const stamped = `--tcp_ts_tick_usecs=1000${syn}+0 > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 50 ecr 700,wscale 8>
+.1 < . 1:1(0) ack 1 win 60000 <nop,nop,TS val 800 ecr 50>
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 10) = 10
`;

  it('count time in timestamps, when the script says how long a tick is', () => {
    expectPass(`${stamped}+0 > P. 1:11(10) ack 1 <nop,nop,TS val 150 ecr 800>`);
    expectFail(`${stamped}+0 > P. 1:11(10) ack 1 <nop,nop,TS val 250 ecr 800>`, 'TS val 150, not 250');
  });

  const holes = `${LISTEN}+0 < S 0:0(0) win 60000 <mss 1000,sackOK>
+0 > S. 0:0(0) ack 1 <mss 1460,sackOK>
+0 < . 1:1(0) ack 1 win 60000
+0 accept(3, ..., ...) = 4
+0 < . 101:201(100) ack 1 win 60000
+0 > . 1:1(0) ack 1 <sack 101:201>
+0 < . 301:401(100) ack 1 win 60000
`;

  it('compare SACK blocks: the newest first', () => {
    expectPass(`${holes}+0 > . 1:1(0) ack 1 <nop,nop,sack 301:401 101:201>`);
    expectFail(
      `${holes}+0 > . 1:1(0) ack 1 <nop,nop,sack 101:201 301:401>`,
      'sack 301:401 101:201, not 101:201 301:401',
    );
    expectFail(`${holes}+0 > . 1:1(0) ack 1 <nop,nop,sack 301:402 101:201>`, 'sack 301:401 101:201, not');
    expectFail(`${holes}+0 > . 1:1(0) ack 1 <nop,nop,sack 301:401>`, 'sack 301:401 101:201, not');
  });
});

describe('windows', () => {
  const data = `${OPEN}+0 < P. 1:101(100) ack 1 win 60000\n`;

  it('compare in strict only', () => {
    expectPass(`${data}+0 > . 1:1(0) ack 101 win 5`);
    expectFail(`${data}+0 > . 1:1(0) ack 101 win 5`, 'not 5', { strict: true });
  });

  it('compare when the script, or the stack, has none', () => {
    expectFail(`${data}+0 > . 1:1(0) ack 101 win 0`, 'not 0');
    const full = `${LISTEN}+0 setsockopt(3, SOL_SOCKET, SO_RCVBUF, [4000], 4) = 0
+0 < S 0:0(0) win 60000 <mss 1000>
+0 > S. 0:0(0) ack 1 win 4000 <mss 1460>
+0 < . 1:1(0) ack 1 win 60000
+0 accept(3, ..., ...) = 4
+0 < P. 1:4001(4000) ack 1 win 60000
`;
    expectPass(`${full}+0 > . 1:1(0) ack 4001 win 0`);
    expectFail(`${full}+0 > . 1:1(0) ack 4001 win 1000`, 'win 0, not 1000');
  });
});

describe('the IP header', () => {
  const sent = `${OPEN}+0 setsockopt(4, IPPROTO_IP, IP_TOS, [0x28], 4) = 0\n+0 write(4, ..., 10) = 10\n`;

  it('compares as far as it is said', () => {
    expectPass(`${sent}+0 > (tos 0x28) P. 1:11(10) ack 1`);
    expectPass(`${sent}+0 > [noecn] P. 1:11(10) ack 1`);
    expectPass(`${sent}+0 > [ttl 64] P. 1:11(10) ack 1`);
    expectFail(`${sent}+0 > (tos 0x2c) P. 1:11(10) ack 1`, 'type of service 0x28, not 0x2c');
    expectFail(`${sent}+0 > [ect0] P. 1:11(10) ack 1`, 'type of service 0x28, not 0x02');
    expectFail(`${sent}+0 > [ect01] P. 1:11(10) ack 1`, 'neither ECT(0) nor ECT(1)');
    expectFail(`${sent}+0 > [ttl 63] P. 1:11(10) ack 1`, 'ttl 64, not 63');
  });
});

describe('segments that are cut otherwise', () => {
  const sent = `${OPEN}+0 write(4, ..., 3000) = 3000\n`;

  it('compare joined, and split', () => {
    expectPass(`${sent}+0 > P. 1:3001(3000) ack 1`);
    expectPass(`${sent}+0 > . 1:501(500) ack 1\n+0 > . 501:2501(2000) ack 1\n+0 > P. 2501:3001(500) ack 1`);
  });

  it('do not, in strict', () => {
    expectPass(`${sent}+0 > . 1:1001(1000) ack 1\n+0 > . 1001:2001(1000) ack 1\n+0 > P. 2001:3001(1000) ack 1`, {
      strict: true,
    });
    expectFail(`${sent}+0 > P. 1:3001(3000) ack 1`, 'flags ., not P.', { strict: true });
    expectFail(`${sent}+0 > . 1:501(500) ack 1`, '1000 bytes, not 500', { strict: true });
  });

  it('are not made up', () => {
    expectFail(`${sent}+0 > P. 1:3101(3100) ack 1`, '3000 bytes, not 3100');
    expectFail(`${sent}+0 > . 1:2001(2000) ack 1\n+0 > P. 2101:3001(900) ack 1`, 'sequence number 2001, not 2101');
  });

  it('have a FIN at their end', () => {
    const closed = `${sent}+0 shutdown(4, SHUT_WR) = 0\n`;
    expectPass(`${closed}+0 > P. 1:3001(3000) ack 1\n+0 > F. 3001:3001(0) ack 1`);
    expectFail(`${closed}+0 > FP. 1:3001(3000) ack 1`, 'flags P., not FP.');
  });
});

describe('time', () => {
  const ack = `${OPEN}+0 setsockopt(4, SOL_TCP, TCP_QUICKACK, [0], 4) = 0\n+0 < P. 1:101(100) ack 1 win 60000\n`;

  it('is exact within the tolerance', () => {
    expectPass(`${ack}+.040 > . 1:1(0) ack 101`);
    expectPass(`${ack}+.0437 > . 1:1(0) ack 101`);
    expectPass(`--tolerance_usecs=20000${ack}+.055 > . 1:1(0) ack 101`);
    expectFail(`${ack}+.050 > . 1:1(0) ack 101`, 'too early, at 0.140000 s');
    expectFail(`${ack}+.030 > . 1:1(0) ack 101`, 'the stack sent nothing until 0.134000 s');
    expectFail(`--tolerance_usecs=100\n--tolerance_percent=0${ack}+.0402 > . 1:1(0) ack 101`, 'too early');
  });

  it('may be a range, or any', () => {
    expectPass(`${ack}+.010~+.060 > . 1:1(0) ack 101`);
    expectPass(`${ack}* > . 1:1(0) ack 101`);
    expectFail(`${ack}+.050~+.060 > . 1:1(0) ack 101`, 'too early');
  });

  it('may be absolute', () => {
    expectPass(`${ack}.140 > . 1:1(0) ack 101\n.200 write(4, ..., 10) = 10\n.200 > P. 1:11(10) ack 101`);
    expectFail(`${ack}.150 > . 1:1(0) ack 101`, 'too early');
  });

  it('goes on from what happened last', () => {
    expectPass(`${ack}+0~+.100 > . 1:1(0) ack 101\n+.010 write(4, ..., 10) = 10\n.150 > P. 1:11(10) ack 101`);
  });
});

describe('what is not expected', () => {
  it('fails the next packet that is', () => {
    expectFail(
      `${OPEN}+0 write(4, ..., 10) = 10\n+.01 < P. 1:11(10) ack 11 win 60000\n+.1 > . 11:11(0) ack 11`,
      'too early, at 0.100000 s',
    );
  });

  it('is a failure when nothing comes', () => expectFail(`${OPEN}+0 > . 1:1(0) ack 1`, 'the stack sent nothing'));
});

describe('calls', () => {
  it.each([
    ['+0 write(4, ..., 10) = 11', 'write returned 10, not 11'],
    ['+0 read(4, ..., 10) = 10', 'read blocks'],
    ['+0 close(9) = 0', 'close returned -1 EBADF, not 0'],
    ['+0 close(9) = -1 EINVAL (x)', 'close returned -1 EBADF, not -1 EINVAL'],
    ['+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [ECONNRESET], [4]) = 0', 'SO_ERROR is 0, not ECONNRESET'],
    ['+0 ioctl(4, SIOCINQ, [1]) = 0', 'SIOCINQ is 0, not 1'],
    ['+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLIN}], 1, 0) = 1', 'revents of socket 1 is 4, not POLLIN'],
  ])('%s fails', (line, reason) => expectFail(`${OPEN}${line}`, reason));

  it('agree', () => {
    expectPass(`${OPEN}+0 close(9) = -1 EBADF (Bad file descriptor)
+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1
+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 read(4, ..., 10) = -1 EWOULDBLOCK (Resource temporarily unavailable)
+0 < P. 1:11(10) ack 1 win 60000
+0 > . 1:1(0) ack 11
+0 ioctl(4, SIOCINQ, [10]) = 0
+0 recv(4, ..., 4, MSG_PEEK) = 4
+0 read(4, ..., 100) = 10`);
  });

  it('block until their time', () => {
    const blocking = (end: string): string => `${OPEN}+0...${end} read(4, ..., 100) = 10
+.2 < P. 1:11(10) ack 1 win 60000
+0 > . 1:1(0) ack 11`;
    expectPass(blocking('0.2'));
    expect(verdictOf(blocking('0.1'))).toMatchObject({ verdict: 'FAIL', line: 10 });
    expect(verdictOf(blocking('0.3'))).toMatchObject({ verdict: 'FAIL', line: 10 });
    expect(verdictOf(`${OPEN}+0...0.1 read(4, ..., 100) = 10`)).toMatchObject({
      verdict: 'FAIL',
      reason: expect.stringContaining('read has not returned'),
    });
  });

  it('that are not known are not passed over', () => {
    expectUnsupported(`${OPEN}+0 sendfile(4, 5, [0], 10) = 10`, 'system call sendfile');
    expectUnsupported(`${OPEN}+0 setsockopt(4, SOL_TCP, TCP_MD5SIG, ..., 4) = 0`, 'socket option TCP_MD5SIG');
    expectUnsupported(`${OPEN}+0 setsockopt(4, SOL_TCP, TCP_STRANGE, [1], 4) = 0`, 'socket option TCP_STRANGE');
    expectUnsupported('+0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3', 'sockets other than TCP');
    expectUnsupported('+0 socket(..., SOCK_STREAM, IPPROTO_SCTP) = 3', 'sockets other than TCP');
    expectUnsupported('+0 socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) = 3', 'argument 1 of socket');
  });
});

describe('commands', () => {
  it('set what the stack knows', () => {
    const syn = '+0 < S 0:0(0) win 60000 <mss 1000,sackOK,nop,wscale 7>\n';
    expectPass(`\`sysctl -q net.ipv4.tcp_sack=0\`${LISTEN}${syn}+0 > S. 0:0(0) ack 1 <mss 1460,wscale 8>`);
    expectPass(`\`sysctl -w net.inet.tcp.rfc1323=0\`${LISTEN}${syn}+0 > S. 0:0(0) ack 1 <mss 1460,sackOK>`);
    expectPass(`\`./set_sysctls.py /proc/sys/net/ipv4/tcp_sack=0 /proc/sys/net/ipv4/tcp_rmem="4096 4096 65535"\`
${LISTEN}${syn}+0 > S. 0:0(0) ack 1 <mss 1460,wscale 0>`);
  });

  it.each([
    ['sysctl -q net.ipv4.tcp_strange=1', 'system setting net.ipv4.tcp_strange'],
    ['sysctl -q net.ipv4.tcp_ecn=9', 'net.ipv4.tcp_ecn = 9'],
    ['sysctl -w net.inet.tcp.blackhole=2', 'net.inet.tcp.blackhole = 2'],
    ['iptables -A INPUT -j DROP', "shell command 'iptables -A INPUT -j DROP'"],
    ['sysctl -q net.ipv4.tcp_sack=0; reboot', "shell command 'reboot'"],
  ])('%s is not supported', (command, reason) => expectUnsupported(`+0 \`${command}\`${OPEN}`, reason));

  it('ask for states', () => {
    const ask = (state: string, count: number): string =>
      `+0 \`sysctl -w net.inet.tcp.rfc1323=1\`${OPEN}+0 \`sockstat -4 -P tcp -s | grep packetdril | grep -c ${state} | grep ${count}\``;
    expectPass(ask('ESTABLISHED', 1));
    expectPass(ask('LISTEN', 1));
    expectPass(ask('TIME_WAIT', 0));
    expectFail(ask('ESTABLISHED', 2), '1 sockets as asked for, not 2');
  });
});

describe('assertions', () => {
  it.each([
    'assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd',
    'assert tcpi_state == TCP_ESTABLISHED and not tcpi_lost',
    'assert 90000 <= tcpi_rtt <= 110000; print tcpi_rtt',
    'assert (tcpi_unacked +\n  1) * 2 == 2 # nothing is out',
    'if tcpi_snd_cwnd > 100:\n  assert False\nassert abs(-1) == 1',
    'assert tcpi_ca_state == TCP_CA_Open or 1 == 2',
    'limit = 0x10\nassert tcpi_snd_cwnd < limit',
  ])('%j holds', (code) => expectPass(`${OPEN}+0 %{ ${code} }%`));

  it.each([
    ['assert tcpi_snd_cwnd == 11', 'tcpi_snd_cwnd == 11 does not hold: tcpi_snd_cwnd is 10'],
    ['assert tcpi_state != TCP_ESTABLISHED', 'does not hold'],
    ['assert 1 < 2 < 2', 'does not hold'],
    ['assert not 1', 'does not hold'],
    ['if 1:\n  assert 0', 'does not hold'],
    ['limit = 10; assert tcpi_snd_cwnd < limit', 'limit is 10'],
  ])('%j does not', (code, reason) => {
    const found = verdictOf(`${OPEN}+0 %{ ${code} }%`);
    expect(found.verdict).toBe('FAIL');
    expect(found.reason).toContain(reason);
  });

  it.each([
    'import os',
    'x += 1',
    'tcpi_rtt = 1',
    'assert os.system("ls")',
    'assert strange == 1',
    'assert [1]',
    'for i in range(3): pass',
  ])('%j is not understood', (code) => expect(verdictOf(`${OPEN}+0 %{ ${code} }%`).verdict).toBe('UNSUPPORTED'));
});

describe('a script that would not end', () => {
  it('ends', () => {
    const found = verdictOf(`${OPEN}+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n* > . 1:1(0) ack 1`);
    expect(found.verdict).toBe('FAIL');
    expect(verdictOf(`${OPEN}+1000000 close(4) = 0`).verdict).toBe('PASS');
  });
});

describe('the dialects', () => {
  it('differ in what #ifdef chooses, when nothing else was chosen', () => {
    const text = (system: string): string => `#ifdef ${system}\n+0 close(9) = 0\n#endif\n+0 close(9) = -1 EBADF (x)`;
    expect(verdictOf(text('Linux')).verdict).toBe('FAIL');
    expectPass(text('FreeBSD'));
    expect(verdictOf(`\`sysctl -w net.inet.tcp.msl=30000\`\n${text('FreeBSD')}`).verdict).toBe('FAIL');
    expectPass(text('Linux'), { defines: { OTHER: '' } });
  });

  it('are guessed by what is set, or by the SYN that is expected', () => {
    const connect =
      ' 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n+0 connect(3, ..., ...) = -1 EINPROGRESS (x)\n';
    expectPass(`${connect}+0 > S 0:0(0) <mss 1460,nop,wscale 6,sackOK,TS val 1 ecr 0>`);
    expectPass(`${connect}+0 > S 0:0(0) <mss 1460,nop,wscale 8,sackOK,TS val 1 ecr 0>`);
    expectFail(`${connect}+0 > S 0:0(0) <mss 1460,nop,wscale 7,sackOK,TS val 1 ecr 0>`, 'wscale 8, not 7');
    expectFail(`${connect}+0 > S 0:0(0) <mss 1460,nop,wscale 6,sackOK,TS val 1 ecr 0>`, 'wscale 8, not 6', {
      profile: 'linux',
    });
  });

  it('are guessed by how the other end fills up its options', () => {
    const open = (filler: string): string =>
      `${LISTEN}+0 < S 0:0(0) win 60000 <mss 1000,sackOK,${filler},${filler}>\n+0 > S. 0:0(0) ack 1 <...>\n+.1 < . 1:1(0) ack 1 win 60000\n+0 accept(3, ..., ...) = 4\n`;
    const probe = '+0 write(4, ..., 2000) = 2000\n+0 > P. 1:2001(2000) ack 1\n+.2 > P. 1001:2001(1000) ack 1';
    expectPass(open('nop') + probe);
    expectFail(open('eol') + probe, 'nothing');
  });

  it('keep what code has named for later code', () => {
    expectPass(`${OPEN}+0 %{ initial = tcpi_snd_cwnd }%\n+0 %{ assert initial == 10 }%`);
  });

  it('close otherwise on unread bytes', () => {
    const unread = `${OPEN}+0 < P. 1:11(10) ack 1 win 60000\n+0~+.1 > . 1:1(0) ack 11\n+.2 close(4) = 0\n`;
    expectPass(`${unread}+0 > R. 1:1(0) ack 11`, { profile: 'linux' });
    expectPass(`${unread}+0 > F. 1:1(0) ack 11`, { profile: 'freebsd' });
  });
});
