/** LATENCY: what took long (../latency-monitor.ts), and how the durations of commands are distributed (../latency.ts). */
import { findCommand } from '../../engine/command-table.ts';
import type { Engine, Handler } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import type { LatencyHistogram } from '../latency.ts';
import type { LatencyHistory } from '../latency-monitor.ts';
import { sparkline } from '../sparkline.ts';
import { container } from './container.ts';

const LATENCY_HELP = [
  'DOCTOR',
  '    Return a human readable latency analysis report.',
  'GRAPH <event>',
  '    Return an ASCII latency graph for the <event> class.',
  'HISTORY <event>',
  '    Return time-latency samples for the <event> class.',
  'LATEST',
  '    Return the latest latency samples for all events.',
  'RESET [<event> ...]',
  '    Reset latency data of one or more <event> classes.',
  '    (default: reset all data for all event classes)',
  'HISTOGRAM [COMMAND ...]',
  '    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.',
  '    If no commands are specified then all histograms are replied.',
];
const GRAPH_COLUMNS = 80;
const NS_PER_US = 1000;
/** The first bound of a histogram, and how many there are, each twice the one before: 1 µs to 1 s. */
const FIRST_BOUND_NS = 1024;
const BOUNDS = 21;
/** A bound is the largest of the values that two decimal digits can't tell from it. */
const BOUND_PRECISION = 128;

/** What helps against an event, for the doctor. */
const ADVICE: Readonly<Record<string, string>> = {
  command:
    'SLOWLOG GET shows which commands were slow: those whose work grows with the size of a value are best split up.',
  'fast-command':
    'Commands that work in constant time were slow, so the machine was: look for other processes on its cores, and for swapping.',
  'expire-cycle': 'Many keys expired at the same time: spread their deadlines over a few seconds.',
  'eviction-cycle':
    'maxmemory is reached and keys have to go before commands can run: give it more, or write less at once.',
  'active-defrag-cycle':
    'Memory is being defragmented: active-defrag-cycle-max bounds how much of the time that may take.',
};

export function latencyHandler(context: ServerContext): Handler {
  const { events } = context.latencyMonitor;
  return container('latency', LATENCY_HELP, {
    latest: (engine) => latest(engine, events),
    history: (engine, arg) => history(engine, events.get(engine.text(arg + 2))),
    graph: (engine, arg) => graph(engine, engine.text(arg + 2), events.get(engine.text(arg + 2))),
    reset: (engine, arg, argc) => reset(context, engine, arg, argc),
    doctor: (engine) => engine.reply.verbatim('txt', diagnosis(context)),
    histogram: (engine, arg, argc) => histogram(context, engine, arg, argc),
  });
}

function latest(engine: Engine, events: ReadonlyMap<string, LatencyHistory>): void {
  engine.reply.array(events.size);
  for (const [event, { samples, maxMs }] of events) {
    const last = samples[samples.length - 1];
    engine.reply.array(4);
    engine.reply.bulkText(event);
    engine.reply.integer(last.seconds);
    engine.reply.integer(last.ms);
    engine.reply.integer(maxMs);
  }
}

function history(engine: Engine, known: LatencyHistory | undefined): void {
  const samples = known?.samples ?? [];
  engine.reply.array(samples.length);
  for (const { seconds, ms } of samples) {
    engine.reply.array(2);
    engine.reply.integer(seconds);
    engine.reply.integer(ms);
  }
}

function graph(engine: Engine, event: string, known: LatencyHistory | undefined): void {
  if (known === undefined) {
    engine.reply.error(`ERR No samples available for event '${event}'`);
    return;
  }
  const nowSeconds = Math.floor(engine.nowMs / 1000);
  const values = known.samples.map(({ ms }) => ms);
  const range = `high ${Math.max(...values)} ms, low ${Math.min(...values)} ms (all time high ${known.maxMs} ms)`;
  const bars = known.samples.map(({ seconds, ms }) => ({ value: ms, label: age(nowSeconds - seconds) }));
  const title = `${event} - ${range}\n${'-'.repeat(GRAPH_COLUMNS)}\n`;
  engine.reply.verbatim('txt', title + sparkline(bars, GRAPH_COLUMNS));
}

function age(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** LATENCY RESET [event …] */
function reset(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  const monitor = context.latencyMonitor;
  let names = [...monitor.events.keys()];
  if (argc > 2) names = Array.from({ length: argc - 2 }, (_, i) => engine.text(arg + 2 + i));
  engine.reply.integer(names.filter((name) => monitor.reset(name)).length);
}

/** What LATENCY DOCTOR says: how often and how badly, and what to do about it. */
function diagnosis({ config, latencyMonitor }: ServerContext): string {
  const { events } = latencyMonitor;
  if (config.latencyMonitorMs === 0 && events.size === 0) {
    return (
      'Nothing is known: latency is not monitored. CONFIG SET latency-monitor-threshold <milliseconds> remembers from now ' +
      'on what takes longer than that.\n'
    );
  }
  if (events.size === 0) return 'All is well: nothing has taken longer than latency-monitor-threshold so far.\n';
  const lines = ['What took longer than latency-monitor-threshold:', ''];
  const advice: string[] = [];
  for (const [event, { samples, maxMs }] of events) {
    const total = samples.reduce((sum, { ms }) => sum + ms, 0);
    const average = total / samples.length;
    const deviation = samples.reduce((sum, { ms }) => sum + Math.abs(ms - average), 0) / samples.length;
    const span = samples[samples.length - 1].seconds - samples[0].seconds;
    const period = samples.length > 1 ? `, about every ${(span / (samples.length - 1)).toFixed(1)} s` : '';
    lines.push(
      `- ${event}: in ${samples.length} seconds${period}; on average ${average.toFixed(0)} ms ` +
        `(mean deviation ${deviation.toFixed(0)} ms), at worst ${maxMs} ms.`,
    );
    const text = ADVICE[event];
    if (text !== undefined) advice.push(`- ${event}: ${text}`);
  }
  return `${[...lines, '', 'What helps:', '', ...advice].join('\n')}\n`;
}

/** LATENCY HISTOGRAM [command …]: of a container, its subcommands. */
function histogram(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  const { commandStats } = context;
  let slots = commandStats.names.map((_, slot) => slot);
  if (argc > 2) {
    slots = [];
    for (let i = arg + 2; i < arg + argc; i++) {
      const command = findCommand(engine.text(i));
      if (command === undefined) continue;
      const named = command.subcommands.size > 0 ? [...command.subcommands.values()] : [command];
      for (const each of named) slots.push(commandStats.slotOf(each));
    }
  }
  const found = slots.filter((slot) => commandStats.latency(slot) !== null);
  engine.reply.map(found.length);
  for (const slot of found) {
    engine.reply.bulkText(commandStats.names[slot]);
    sayHistogram(engine, commandStats.latency(slot) as LatencyHistogram);
  }
}

function sayHistogram(engine: Engine, latency: LatencyHistogram): void {
  const { reply } = engine;
  const points: [us: number, count: number][] = [];
  let seen = 0;
  for (let k = 0; k < BOUNDS && seen < latency.count; k++) {
    const power = FIRST_BOUND_NS * 2 ** k;
    const bound = power + power / BOUND_PRECISION - 1;
    const count = k === BOUNDS - 1 ? latency.count : latency.countUpTo(bound);
    if (count > seen) points.push([Math.floor(bound / NS_PER_US), count]);
    seen = Math.max(seen, count);
  }
  reply.map(2);
  reply.bulkText('calls');
  reply.integer(latency.count);
  reply.bulkText('histogram_usec');
  reply.map(points.length);
  for (const [us, count] of points) {
    reply.integer(us);
    reply.integer(count);
  }
}
