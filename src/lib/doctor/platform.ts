/**
 * What the machine is: kernel, Node.js, architecture, compiler, native library, memory.
 */
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { formatBytes } from '../cli/units.ts';
import { libraryCandidates } from '../native/library.ts';
import type { Finding } from './check.ts';
import { fail, ok, warn } from './check.ts';

/** Links made by bpf_link(XDP): 5.9. Multi-buffer AF_XDP: 6.6. Checksum offload metadata: 6.8. */
const KERNEL_MINIMUM = [5, 9];
const KERNEL_BEST = [6, 8];
const NODE_MAJOR = 24;
const ARCHITECTURES = ['x64', 'arm64'];

export function checkKernel(text = release()): Finding {
  const [major, minor] = text.split(/[.-]/).map(Number);
  const atLeast = ([wantedMajor, wantedMinor]: number[]): boolean =>
    major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  if (!atLeast(KERNEL_MINIMUM))
    return fail(
      'kernel',
      `Linux ${text}: AF_XDP links need 5.9`,
      'install a newer kernel; --io socket works meanwhile',
    );
  if (!atLeast(KERNEL_BEST))
    return warn(
      'kernel',
      `Linux ${text}: no AF_XDP checksum offload (6.8), before 6.6 no frames over 2 KB`,
      'install a newer kernel, or use --io packet',
    );
  return ok('kernel', `Linux ${text}`);
}

export function checkNode(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  const pinned = process.execPath.includes('node_modules');
  const found = `${process.version}, ${pinned ? 'the pinned one' : process.execPath}`;
  if (major < NODE_MAJOR)
    return warn('node', `${found}: slower than ${NODE_MAJOR}`, 'npm ci (it brings the pinned Node.js)');
  return pinned ? ok('node', found) : warn('node', `${found}, not the pinned one`, 'npm ci, then start it as bin/rtcp');
}

export function checkArchitecture(): Finding {
  if (ARCHITECTURES.includes(process.arch)) return ok('architecture', process.arch);
  return warn('architecture', `${process.arch}: never tried`, null);
}

export function checkCompiler(): Finding {
  const compiler = ['cc', 'gcc', 'clang'].map(programPath).find((path) => path !== null);
  if (compiler !== undefined && compiler !== null) return ok('compiler', compiler);
  return warn('compiler', 'none: the prebuilt native library is used', 'sudo apt-get install gcc libc6-dev');
}

export function checkLibrary(): Finding {
  const path = libraryCandidates().find((candidate) => existsSync(candidate));
  if (path === undefined) return fail('native library', 'missing', 'npm run build:native');
  const origin = process.env.RTCP_NATIVE_LIB
    ? 'by RTCP_NATIVE_LIB'
    : path.includes('prebuilt')
      ? 'prebuilt'
      : 'built here';
  return ok('native library', `${path} (${origin})`);
}

/** The limit of pinned memory, which AF_XDP's packet memory counts against without CAP_IPC_LOCK (`exempt` with it). */
export function checkMemlock(limits = readFileSync('/proc/self/limits', 'utf8'), exempt = false): Finding {
  const soft = /^Max locked memory\s+(\S+)/m.exec(limits)?.[1] ?? 'unknown';
  if (soft === 'unlimited') return ok('locked memory', 'unlimited');
  const bytes = Number(soft);
  if (exempt) return ok('locked memory', 'unlimited, by CAP_IPC_LOCK');
  if (bytes >= 256 << 20) return ok('locked memory', formatBytes(bytes));
  return warn(
    'locked memory',
    `${formatBytes(bytes)}: AF_XDP's packet memory does not fit`,
    'ulimit -l unlimited, or --io packet',
  );
}

export function checkHugePages(): Finding {
  const path = '/sys/kernel/mm/transparent_hugepage/enabled';
  if (!existsSync(path))
    return warn('huge pages', 'the kernel has no transparent huge pages: large keyspaces are slower', null);
  const mode = /\[(\w+)\]/.exec(readFileSync(path, 'utf8'))?.[1] ?? 'unknown';
  if (mode === 'never') return warn('huge pages', 'off: large keyspaces are slower', `echo madvise > ${path}`);
  return ok('huge pages', `transparent, ${mode}`);
}

/** Where a program is, by PATH and the directories for administrators; null when it is not installed. */
export function programPath(name: string): string | null {
  const directories = (process.env.PATH ?? '').split(':').concat('/usr/local/sbin', '/usr/sbin', '/sbin');
  const found = directories.filter(Boolean).find((directory) => existsSync(join(directory, name)));
  return found === undefined ? null : join(found, name);
}
