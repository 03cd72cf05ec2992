/**
 * Serving 127.0.0.1 through our own stack needs two sysctls of `lo`. Frames that we inject there carry no route, so the
 * kernel looks at their addresses as if they came off a wire, and calls them martian:
 *
 *   route_localnet   a loopback address may arrive from a device
 *   accept_local     an address of this host may be the source (127.0.0.1 needs it, 127.0.0.9 wouldn't)
 *
 * They are set, said, and restored on exit. A server that was killed can't restore them: it leaves a note in /run, and the
 * next one restores what the note says.
 */
import { mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const NAMES = ['route_localnet', 'accept_local'];
const sysctl = (name: string): string => `/proc/sys/net/ipv4/conf/lo/${name}`;

/** Where what belongs to a running server is kept: for root in /run, for others where they may write. */
export function runFolder(): string {
  if (process.getuid?.() === 0) return '/run/rtcp';
  return process.env.XDG_RUNTIME_DIR
    ? join(process.env.XDG_RUNTIME_DIR, 'rtcp')
    : join(tmpdir(), `rtcp-${process.getuid?.()}`);
}

export class LoopbackRouting {
  /** What is to be restored: a value for each name. */
  private readonly originals = new Map<string, string>();
  private readonly note: string;

  constructor() {
    // The sysctls are those of the network namespace, so the note is, too.
    this.note = `${runFolder()}/loopback-${readlinkSync('/proc/self/ns/net').replace(/\D/g, '')}`;
  }

  /** Sets the sysctls; returns the names of those that had to be changed. Throws what the file system says (EACCES, EROFS). */
  set(): string[] {
    const left = this.readNote();
    for (const name of NAMES) {
      const now = readFileSync(sysctl(name), 'utf8').trim();
      const original = left.get(name) ?? now;
      if (original !== '1') this.originals.set(name, original);
    }
    if (this.originals.size > 0) {
      mkdirSync(dirname(this.note), { recursive: true, mode: 0o700 });
      const lines = [`pid ${process.pid}`, ...[...this.originals].map(([name, value]) => `${name} ${value}`)];
      writeFileSync(this.note, `${lines.join('\n')}\n`);
    }
    return NAMES.filter((name) => {
      if (readFileSync(sysctl(name), 'utf8').trim() === '1') return false;
      writeFileSync(sysctl(name), '1');
      return true;
    });
  }

  restore(): void {
    if (this.originals.size === 0) return;
    for (const [name, value] of this.originals) writeFileSync(sysctl(name), value);
    rmSync(this.note, { force: true });
    this.originals.clear();
  }

  /** What a server that is gone found before it set them. */
  private readNote(): Map<string, string> {
    let text: string;
    try {
      text = readFileSync(this.note, 'utf8');
    } catch {
      return new Map(); // no server was killed
    }
    const entries = new Map(text.split('\n').map((line) => line.split(' ') as [string, string]));
    if (alive(Number(entries.get('pid')))) return new Map();
    return new Map(
      NAMES.flatMap((name) => (/^\d$/.test(entries.get(name) ?? '') ? [[name, entries.get(name) as string]] : [])),
    );
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
