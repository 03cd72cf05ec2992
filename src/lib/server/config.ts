/**
 * The configuration of a running server: a text for every parameter of the table, and beside it plain fields for those that
 * the code asks for, renewed whenever their parameter changes.
 *
 *   redis.conf, flags ──▶ load ─┐
 *   CONFIG SET ──▶ set: all or nothing ─┴─▶ texts ──▶ fields ──▶ apply hooks (may refuse: everything is put back)
 */
import type { Parsed } from './config-kinds.ts';
import { findParameter, IMMUTABLE, MULTI_ARG, PARAMETERS, type Parameter, PROTECTED } from './config-table.ts';

/** Puts a changed parameter into effect; an error text when that can't be done. */
export type ApplyHook = (config: Config) => string | null;

/** Limits of what waits in a client's send queue, in bytes, by class of client; 0 is no limit. */
export interface OutputLimit {
  hardBytes: number;
  softBytes: number;
  softSeconds: number;
}

export const OUTPUT_NORMAL = 0;
export const OUTPUT_REPLICA = 1;
export const OUTPUT_PUBSUB = 2;

export const MIN_HZ = 1;
export const MAX_HZ = 500;

export class Config {
  /** The file given by --config, absolute; '' without one. */
  file = '';
  /** Concurrent clients admitted. */
  maxClients = 0;
  /** Seconds of silence after which a client is closed; 0 never. */
  timeoutSeconds = 0;
  /** Seconds of silence after which a peer is probed; 0 never. */
  keepAliveSeconds = 0;
  /** Largest argument of a command (proto-max-bulk-len), bytes. */
  maxBulkBytes = 0;
  /** Most bytes that a client may have sent of a command that is not complete. */
  queryBufferLimit = 0;
  outputLimits: readonly OutputLimit[] = [];
  /** Most bytes of the store; 0 is no limit. */
  maxMemoryBytes = 0;
  /** Most bytes of all clients' buffers (maxmemory-clients; a percentage is one of maxmemory); 0 is no limit. */
  maxClientsBytes = 0;
  /** Periodic work, times a second. */
  hz = 10;
  /** SLOWLOG takes commands from this many microseconds on; negative: none. */
  /** A script that runs longer lets others know that the server is busy; 0: never. */
  busyThresholdMs = 0;
  slowlogThresholdUs = 0;
  slowlogMaxLength = 0;
  /** '' when clients need not authenticate. */
  password = '';
  databases = 0;
  /** Keys that CLIENT TRACKING remembers readers of, at most; 0 is no limit. */
  trackingTableMaxKeys = 0;
  latencyTracking = true;
  /** What takes longer is remembered for LATENCY, in milliseconds; 0: nothing is. */
  latencyMonitorMs = 0;
  latencyPercentiles: readonly number[] = [];
  private readonly texts = new Map<Parameter, string>();
  private readonly hooks = new Map<Parameter, ApplyHook[]>();

  constructor() {
    for (const parameter of PARAMETERS) this.texts.set(parameter, parameter.initial);
    this.texts.set(known('dir'), process.cwd());
    this.refresh();
  }

  /** The value as CONFIG GET shows it. */
  get(parameter: Parameter): string {
    return this.texts.get(parameter) as string;
  }

  /** The value of the parameter of that name, which must exist. */
  text(name: string): string {
    return this.get(known(name));
  }

  isYes(name: string): boolean {
    return this.text(name) === 'yes';
  }

  number(name: string): number {
    return Number(this.text(name));
  }

  /** `hook` runs whenever the parameter has changed by CONFIG SET. */
  onChange(name: string, hook: ApplyHook): void {
    const parameter = known(name);
    this.hooks.set(parameter, [...(this.hooks.get(parameter) ?? []), hook]);
  }

  /** A directive of a file or a flag, before the server runs: no hooks. The error, or null. */
  load(parameter: Parameter, words: readonly string[]): string | null {
    if ((parameter.flags & MULTI_ARG) === 0 && words.length !== 1) return 'wrong number of arguments';
    const parsed = parameter.kind.parse(words, this.get(parameter));
    if ('error' in parsed) return parsed.error;
    this.texts.set(parameter, parsed.text);
    this.refresh();
    return null;
  }

  /**
   * CONFIG SET: `pairs` of name and value take effect together or not at all.
   *
   * @param local the client may change what enable-protected-configs reserves for local connections
   * @returns the error reply without `-ERR `, or null
   */
  set(pairs: readonly (readonly [string, string])[], local: boolean): string | null {
    const parameters: Parameter[] = [];
    for (const [name] of pairs) {
      const parameter = findParameter(name);
      if (parameter === undefined)
        return `Unknown option or number of arguments for CONFIG SET - '${name.split('\0', 1)[0]}'`;
      const refusal = this.refusal(parameter, local) ?? (parameters.includes(parameter) ? 'duplicate parameter' : null);
      if (refusal !== null) return failed(name, refusal);
      parameters.push(parameter);
    }
    const before = parameters.map((parameter) => this.get(parameter));
    const restore = (): void => {
      parameters.forEach((parameter, i) => void this.texts.set(parameter, before[i]));
      this.refresh();
    };
    for (const [i, parameter] of parameters.entries()) {
      const parsed = this.parse(parameter, pairs[i][1]);
      if ('error' in parsed) {
        restore();
        return failed(parameter.name, parsed.error);
      }
      this.texts.set(parameter, parsed.text);
    }
    this.refresh();
    const changed = parameters.filter((parameter, i) => this.get(parameter) !== before[i]);
    for (const [i, parameter] of changed.entries()) {
      const error = this.apply(parameter);
      if (error === null) continue;
      restore();
      for (const applied of changed.slice(0, i + 1)) this.apply(applied);
      return failed(parameter.name, error);
    }
    return null;
  }

  /** Runs the hooks of a parameter up to the first that refuses; its error, or null. */
  private apply(parameter: Parameter): string | null {
    for (const hook of this.hooks.get(parameter) ?? []) {
      const error = hook(this);
      if (error !== null) return error;
    }
    return null;
  }

  private refusal(parameter: Parameter, local: boolean): string | null {
    if ((parameter.flags & IMMUTABLE) !== 0) return "can't set immutable config";
    if ((parameter.flags & PROTECTED) === 0) return null;
    return this.allows('enable-protected-configs', local) ? null : "can't set protected config";
  }

  /** Whether a client may do what one of the parameters yes, no, local guards. */
  allows(name: string, local: boolean): boolean {
    const value = this.text(name);
    return value === 'yes' || (value === 'local' && local);
  }

  private parse(parameter: Parameter, value: string): Parsed {
    const several = (parameter.flags & MULTI_ARG) !== 0;
    const words = several ? (value === '' ? [] : value.split(' ')) : [value];
    return parameter.kind.parse(words, this.get(parameter));
  }

  /** The fields, from the texts. */
  private refresh(): void {
    this.texts.set(known('hz'), String(Math.min(MAX_HZ, Math.max(MIN_HZ, this.number('hz')))));
    this.hz = this.number('hz');
    this.maxClients = this.number('maxclients');
    this.timeoutSeconds = this.number('timeout');
    this.keepAliveSeconds = this.number('tcp-keepalive');
    this.maxBulkBytes = this.number('proto-max-bulk-len');
    this.queryBufferLimit = this.number('client-query-buffer-limit');
    this.maxMemoryBytes = this.number('maxmemory');
    const clients = this.text('maxmemory-clients');
    this.maxClientsBytes = clients.endsWith('%')
      ? (Number.parseInt(clients, 10) / 100) * this.maxMemoryBytes
      : Number(clients);
    this.busyThresholdMs = this.number('busy-reply-threshold');
    this.slowlogThresholdUs = this.number('slowlog-log-slower-than');
    this.slowlogMaxLength = this.number('slowlog-max-len');
    this.password = this.text('requirepass');
    this.databases = this.number('databases');
    this.trackingTableMaxKeys = this.number('tracking-table-max-keys');
    this.latencyMonitorMs = this.number('latency-monitor-threshold');
    this.latencyTracking = this.isYes('latency-tracking');
    const percentiles = this.text('latency-tracking-info-percentiles');
    this.latencyPercentiles = percentiles === '' ? [] : percentiles.split(' ').map(Number);
    this.outputLimits = outputLimits(this.text('client-output-buffer-limit'));
  }
}

function known(name: string): Parameter {
  const parameter = findParameter(name);
  if (parameter === undefined) throw new Error(`configuration: there is no parameter ${name}`);
  return parameter;
}

const failed = (name: string, error: string): string =>
  `CONFIG SET failed (possibly related to argument '${name}') - ${error}`;

/** `normal 0 0 0 slave … pubsub …`, in this order. */
function outputLimits(text: string): OutputLimit[] {
  const words = text.split(' ');
  return [0, 4, 8].map((at) => ({
    hardBytes: Number(words[at + 1]),
    softBytes: Number(words[at + 2]),
    softSeconds: Number(words[at + 3]),
  }));
}
