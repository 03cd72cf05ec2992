/**
 * The commands in backticks, as far as they have a meaning here: they set system settings, ask for the state of sockets, or
 * prepare what a simulated machine need not prepare. Nothing is ever run.
 */
import { evaluate } from './code.ts';
import type { Settings } from './profile.ts';
import { Mismatch, Unsupported } from './script.ts';
import { FREEBSD_SYSCTLS, LINUX_SYSCTLS, type Setter } from './sysctls.ts';

/** A connection as `sockstat` lists it. */
export interface SocketState {
  readonly state: string;
  readonly localPort: number;
}

export interface ShellContext {
  readonly settings: Settings;
  /** A setting was changed. */
  changed(): void;
  socketStates(): SocketState[];
  /** `tcpdrop`: ends connections in this state. */
  dropConnections(state: string): void;
}

/** Commands without a meaning on a simulated machine, and why. */
const NO_OPERATIONS: Readonly<Record<string, string>> = {
  kldload: 'every algorithm is there',
  kldstat: 'every algorithm is there',
  kldunload: 'every algorithm is there',
  ethtool: 'segments compare joined, so offloads make no difference',
  ifconfig: 'the link is there',
  sync: 'there is no disk',
  dmesg: 'there is no kernel log',
  tcpdump: 'what is sent is looked at here',
  pkill: 'nothing was started',
  killall: 'nothing was started',
  sleep: 'the clock is virtual; before the first packet nothing changes with time',
  true: 'does nothing',
  ':': 'does nothing',
  echo: 'tells the reader',
  printf: 'tells the reader',
  logger: 'tells the reader',
  rm: 'the files of other commands, which are not run',
  modprobe: 'every algorithm is there',
  route: 'there is one link',
  exit: 'the settings are gone when the script ends',
};

/** The script by which Linux's own tests begin. */
const DEFAULTS_SCRIPT = /(^|\/)(set_)?defaults\.sh$/;
/** Others, by their arguments. */
const HARMLESS: readonly (readonly [RegExp, string])[] = [
  [/^(\S*\/)?(sysctl_restore\S*|cleanup|restore)\.sh$/, 'what was set is gone when a script ends'],
  [/^tc qdisc (?!.*limit 0).*\b(pfifo|fq|noqueue|del)\b/, 'no queue is ever full'],
  [/^ip tcp_metrics /, 'nothing is remembered between connections'],
  [/^nstat -n$/, 'begins to count what other commands ask for'],
];
const SYSCTL_SCRIPT = /(^|\/)set_sysctls\.(py|sh)$/;
const PROC_PREFIX = /^\/?(proc\/sys\/)?/;

export function runShell(command: string, line: number, context: ShellContext): void {
  const text = command
    .replace(/\\\n/g, ' ')
    .replace(/(^|\s)#[^\n]*/g, '$1')
    .replace(/\d?>\s*(\/dev\/null|&\d)/g, ' ')
    .replace(/\$\(\(([\d\s*+/-]+)\)\)/g, (_, sum: string) => String(evaluate(sum, line)));
  for (const part of text.split(/\n|;|&&|\|\|(?!\|)/)) {
    if (part.trim() !== '') runCommand(part.trim(), line, context);
  }
}

function runCommand(text: string, line: number, context: ShellContext): void {
  if (/^echo\b.*>\s*\/proc\/sys\//.test(text)) {
    const [, value, path] = /^echo\s+(.*?)\s*>\s*(\S+)$/.exec(text) ?? [];
    set(path ?? text, value ?? '', line, context);
    return;
  }
  const words = shellWords(text);
  const name = words[0];
  if (name === 'sysctl') sysctl(words.slice(1), line, context);
  else if (SYSCTL_SCRIPT.test(name)) for (const word of words.slice(1)) assign(word, line, context);
  else if (name === 'sockstat') sockstat(text, line, context);
  else if (name === 'tcpdrop') tcpdrop(words, line, context);
  else if (DEFAULTS_SCRIPT.test(name)) setLinuxTestDefaults(context);
  else if (!Object.hasOwn(NO_OPERATIONS, name) && !HARMLESS.some(([pattern]) => pattern.test(text))) {
    throw new Unsupported(line, `shell command '${text.replace(/\s+/g, ' ')}'`);
  }
}

// ---- settings

/** What they set that is not the profile already. */
function setLinuxTestDefaults(context: ShellContext): void {
  const { tcp } = context.settings;
  tcp.maxSynRetransmissions = 5;
  tcp.idleRestart = false;
  tcp.ecn = 'off';
  context.changed();
}

/** `-w name=value …`, `name=value`, or a name alone, which only asks. */
function sysctl(words: readonly string[], line: number, context: ShellContext): void {
  for (const word of words) {
    if (!word.startsWith('-') && word.includes('=')) assign(word, line, context);
  }
}

function assign(word: string, line: number, context: ShellContext): void {
  const at = word.indexOf('=');
  if (at < 0) throw new Unsupported(line, `shell argument '${word}'`);
  set(word.slice(0, at), word.slice(at + 1), line, context);
}

function set(path: string, value: string, line: number, context: ShellContext): void {
  const name = path.replace(PROC_PREFIX, '').replaceAll('/', '.');
  const setter = setterOf(name, context.settings);
  if (setter === undefined) throw new Unsupported(line, `system setting ${name}`);
  const words = value
    .replace(/^["']|["']$/g, '')
    .trim()
    .split(/\s+/);
  if (!setter(context.settings, words)) throw new Unsupported(line, `${name} = ${words.join(' ')}`);
  context.changed();
}

function setterOf(name: string, settings: Settings): Setter | undefined {
  const [table, prefix] =
    settings.profile === 'linux' ? [LINUX_SYSCTLS, /^net\.ipv[46]\./] : [FREEBSD_SYSCTLS, /^net\.inet\.tcp\./];
  const key = name.replace(prefix, '');
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** Words at white space, but not within quotes, which are taken off. */
function shellWords(text: string): string[] {
  return [...text.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) => word.replace(/["']/g, ''));
}

// ---- states

/**
 * `sockstat -4 -P tcp -p 8080 -s | grep packetdril | grep -c TIME_WAIT | grep 1`: the lines with a state are counted, and the
 * pipe succeeds if the last grep finds its text in the number.
 */
function sockstat(text: string, line: number, context: ShellContext): void {
  const [list, ...greps] = text.split('|').map((part) => shellWords(part));
  const portAt = list.indexOf('-p');
  const port = portAt < 0 ? 0 : Number(list[portAt + 1]);
  let states = context.socketStates().filter(({ localPort }) => port === 0 || localPort === port);
  let count: string | null = null;
  for (const words of greps) {
    if (words[0] !== 'grep') throw new Unsupported(line, `shell command '${text}'`);
    const pattern = words.at(-1) ?? '';
    if (count !== null) {
      if (!count.includes(pattern)) throw new Mismatch(line, `${count} sockets as asked for, not ${pattern}`);
      continue;
    }
    if (!pattern.startsWith('packetdril')) states = states.filter(({ state }) => state.includes(pattern));
    if (words.includes('-c')) count = String(states.length);
  }
  if (count === null && states.length === 0) throw new Mismatch(line, 'there is no such socket');
}

function tcpdrop(words: readonly string[], line: number, context: ShellContext): void {
  const at = words.indexOf('-s');
  if (at >= 0) context.dropConnections(words[at + 1]);
  else if (words.includes('-a')) context.dropConnections('');
  else throw new Unsupported(line, `shell command '${words.join(' ')}'`);
}
