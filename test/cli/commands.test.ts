/**
 * The command line as a user meets it: the built program is run. (`npm test` builds it first.)
 */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const RTCP = fileURLToPath(new URL('../../bin/rtcp', import.meta.url));
const run = promisify(execFile);
const COMMANDS = readdirSync(new URL('../../src/commands/', import.meta.url)).map((file) => file.replace(/\.ts$/, ''));

interface Ended {
  stdout: string;
  stderr: string;
  code: number;
}

async function rtcp(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  try {
    const { stdout, stderr } = await run(RTCP, args, { timeout: 30_000, env: { ...process.env, ...env } });
    return { stdout, stderr, code: 0 };
  } catch (error) {
    const { stdout = '', stderr = '', code = -1 } = error as Partial<Ended>;
    return { stdout, stderr, code };
  }
}

/** Every error is two lines: the cause, and what mends it. */
function expectExplained(ended: Ended, code: number, cause: RegExp, mend: RegExp): void {
  const lines = ended.stderr.trim().split('\n');
  expect({ code: ended.code, lines: lines.length, stdout: ended.stdout }).toEqual({ code, lines: 2, stdout: '' });
  expect(lines[0]).toMatch(cause);
  expect(lines[1]).toMatch(/^mend: /);
  expect(lines[1]).toMatch(mend);
}

describe.concurrent('rtcp', () => {
  it('lists every command', async () => {
    const { stdout, code } = await rtcp(['--help']);
    expect(code).toBe(0);
    expect(COMMANDS.filter((name) => !stdout.includes(`  ${name} `))).toEqual([]);
  });

  it('explains a command that does not exist', async () => {
    expectExplained(await rtcp(['serv']), 2, /no command 'serv'/, /rtcp serve is near.*rtcp --help/);
    expectExplained(await rtcp(['help', 'benhc']), 2, /no command 'benhc'/, /rtcp bench is near/);
    expectExplained(await rtcp(['--io', 'tap']), 2, /no command is named before --io/, /rtcp --help/);
    expectExplained(await rtcp(['doctor', 'extra']), 2, /doctor extra|extra/, /rtcp doctor --help/);
  });

  it.each(COMMANDS)('%s --help shows its summary, flags and examples that run as they stand', async (name) => {
    const { stdout, stderr, code } = await rtcp([name, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('--json');
    const examples = stdout.split('\nEXAMPLES\n')[1] ?? '';
    expect(examples).toMatch(new RegExp(`\\$ rtcp ${name}( |\n)`));
    expect(examples).not.toContain('<%');
  });

  it.each(COMMANDS)('%s refuses a flag that does not exist, with exit code 2', async (name) => {
    expectExplained(await rtcp([name, '--nonsense']), 2, /--nonsense/, new RegExp(`rtcp ${name} --help`));
  });

  it('suggests the flag that was meant', async () => {
    expectExplained(await rtcp(['bench', '--roundz', '3']), 2, /--roundz/, /--rounds/);
  });

  it.each([
    [['bench', '--size', '3q'], /--size: '3q' is not a size/],
    [['bench', '--rounds', '0'], /--rounds: 0 is less than 1/],
    [['bench', '--rounds'], /--rounds expects a value/],
    [['bench'], /nothing to compare with/],
    [['bench', '--target', '127.0.0.1:6379'], /one --target/],
    [['bench', '--target', 'x', '--target', 'y'], /not \[NAME=\]HOST:PORT/],
    [['bench', '--vs', 'redis', '--fail-if', 'p99>fast'], /is not a condition/],
    [['arp-probe'], /no address is named/],
    [['arp-probe', '--watch'], /needs an interface/],
    [['arp-probe', '192.0.2.300'], /not an IPv4 address or network/],
    [['arp-probe', '10.0.0.0/8'], /more than 65536 addresses/],
    [['ping-responder'], /Missing required flag.* ip|--ip/],
    [['ping-responder', '--ip', '192.0.2.1', '--loss', '2'], /--loss: '2' is not a share/],
    [['ping-responder', '--ip', '192.0.2.1', '--mac', '01:00:00:00:00:01'], /group address/],
    [['serve', '--shards', '2'], /one shard so far/],
    [['serve', '--port', '70000'], /not a port/],
    [['serve', '--set', 'maxclients'], /not NAME=VALUE/],
    [['serve', '--set', 'no-such-thing=1'], /no such directive/],
    [['serve', '--log-level', 'loud'], /not a level/],
    [['serve', '--io', 'packet'], /interface/],
  ])('%j is a usage error', async (args, cause) => {
    expectExplained(await rtcp(args), 2, cause, /./);
  });

  it('--json prints one document for an error, too', async () => {
    const { stdout, stderr, code } = await rtcp(['bench', '--rounds', '0', '--json']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      error: { cause: '--rounds: 0 is less than 1', mend: 'rtcp bench --help', exitCode: 2 },
    });
  });

  it('--json prints one document for a command that does not exist', async () => {
    const { stdout, stderr, code } = await rtcp(['serv', '--json']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ error: { cause: "there is no command 'serv'", exitCode: 2 } });
  });

  it('bench names a program that is not installed, and what installs it', async () => {
    const ended = await rtcp(['bench', '--vs', 'redis', '--redis-server', 'redis-none']);
    expectExplained(ended, 1, /redis-none is not installed/, /apt-get install/);
  });

  it('takes a flag from the environment, and the command line over it', async () => {
    expectExplained(await rtcp(['bench'], { RTCP_ROUNDS: '0' }), 2, /--rounds: 0 is less than 1/, /./);
    expectExplained(await rtcp(['bench', '--rounds', '2'], { RTCP_ROUNDS: '0' }), 2, /nothing to compare/, /./);
  });

  it('an interface that does not exist is named, with those that do', async () => {
    const missing = await rtcp(['arp-probe', '--iface', 'eth99', '192.0.2.1']);
    expectExplained(missing, 2, /eth99/, /\blo\b/);
  });

  it('doctor --json lists findings, each with a status', async () => {
    const { stdout, code } = await rtcp(['doctor', '--json']);
    const { verdict, findings } = JSON.parse(stdout) as {
      verdict: string;
      findings: { name: string; status: string }[];
    };
    expect(code).toBe(verdict === 'own stack' ? 0 : 1);
    expect(findings.map((finding) => finding.name)).toEqual(
      expect.arrayContaining(['kernel', 'AF_XDP', 'AF_PACKET', 'TAP']),
    );
    expect(findings.filter((finding) => !['ok', 'warn', 'fail'].includes(finding.status))).toEqual([]);
  });

  it('prints no colour where nobody asked for it', async () => {
    const { stdout } = await rtcp(['doctor']);
    expect(stdout).toContain('kernel');
    expect(stdout).not.toContain('\u001b[');
  });

  it('a reader that goes away early is no error', async () => {
    const { stdout, stderr } = await run('sh', ['-c', `'${RTCP}' serve --help | head -1`], { timeout: 30_000 });
    expect(stdout).toMatch(/^Serve Redis clients/);
    expect(stderr).toBe('');
  });
});
