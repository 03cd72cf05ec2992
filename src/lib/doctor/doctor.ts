/**
 * The whole examination. `rtcp serve` runs on our own stack when a process may open AF_XDP (its default) or AF_PACKET;
 * kernel sockets need nothing but the native library.
 */
import type { Finding } from './check.ts';
import { fail, ok, warn } from './check.ts';
import { checkCapabilities, checkPacket, checkPort, checkTap, checkXdp, locksFreely } from './links.ts';
import {
  checkArchitecture,
  checkCompiler,
  checkHugePages,
  checkKernel,
  checkLibrary,
  checkMemlock,
  checkNode,
  programPath,
} from './platform.ts';

export type Verdict = 'own stack' | 'kernel sockets only' | 'nothing';

export interface Examination {
  verdict: Verdict;
  findings: Finding[];
}

/** Programs that the tests and `bench` use, with Debian's package. */
const PROGRAMS: readonly [program: string, package_: string][] = [
  ['redis-server', 'redis-server'],
  ['redis-cli', 'redis-tools'],
  ['redis-benchmark', 'redis-tools'],
  ['ip', 'iproute2'],
  ['ping', 'iputils-ping'],
  ['arping', 'arping'],
  ['tcpdump', 'tcpdump'],
  ['tshark', 'tshark'],
  ['ethtool', 'ethtool'],
];

export function examine(port: number): Examination {
  const xdp = checkXdp();
  const packet = checkPacket();
  const library = checkLibrary();
  const capability = checkCapabilities();
  const findings = [
    checkKernel(),
    checkNode(),
    checkArchitecture(),
    checkCompiler(),
    library,
    capability,
    xdp,
    packet,
    checkTap(),
    checkMemlock(undefined, locksFreely()),
    checkHugePages(),
    checkPort(port),
    ...checkPrograms(),
  ];
  const own = xdp.status === 'ok' || packet.status === 'ok';
  if (!own && capability.status === 'ok') {
    findings.push(fail('own stack', 'neither AF_XDP nor AF_PACKET opens here', 'rtcp serve --io socket works without'));
  }
  return { verdict: own ? 'own stack' : library.status === 'ok' ? 'kernel sockets only' : 'nothing', findings };
}

/** One command installs all that is missing. */
function checkPrograms(): Finding[] {
  const missing = PROGRAMS.filter(([program]) => programPath(program) === null);
  const packages = new Set(missing.map(([, package_]) => package_));
  return PROGRAMS.map(([program]) => {
    const path = programPath(program);
    if (path !== null) return ok(program, path);
    return warn(program, 'not installed (for tests and bench)', `sudo apt-get install ${[...packages].join(' ')}`);
  });
}
