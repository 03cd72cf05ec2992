/**
 * Serving a loopback address through our own stack needs one sysctl: frames that we inject on `lo` carry no route, and the
 * kernel calls them martian unless net.ipv4.conf.lo.route_localnet is 1. It is set, said, and restored on exit. A server
 * that was killed can't restore it: it leaves a note in /run, and the next one restores what the note says.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const SYSCTL = '/proc/sys/net/ipv4/conf/lo/route_localnet';
const NOTES = '/run/rtcp';
const NOTE = `${NOTES}/route_localnet`;

export class RouteLocalnet {
  private original: string | null = null;

  /** Sets the sysctl; true when it had to be changed. Throws what the file system says (EACCES, EROFS). */
  set(): boolean {
    const now = readFileSync(SYSCTL, 'utf8').trim();
    const note = readNote();
    // A note of a process that is gone: what it found is the original, not what it left.
    if (note !== null && !alive(note.pid)) this.original = note.value;
    else if (now !== '1') this.original = now;
    if (this.original !== null) {
      mkdirSync(NOTES, { recursive: true });
      writeFileSync(NOTE, `${process.pid} ${this.original}\n`);
    }
    if (now === '1') return false;
    writeFileSync(SYSCTL, '1');
    return true;
  }

  restore(): void {
    if (this.original === null) return;
    writeFileSync(SYSCTL, this.original);
    rmSync(NOTE, { force: true });
    this.original = null;
  }
}

function readNote(): { pid: number; value: string } | null {
  let text: string;
  try {
    text = readFileSync(NOTE, 'utf8');
  } catch {
    return null; // no server was killed
  }
  const [pid, value] = text.trim().split(' ');
  return value === '0' || value === '1' ? { pid: Number(pid), value } : null;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
