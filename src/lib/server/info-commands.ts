/** The sections of INFO that are about commands: how often, how long, how many went wrong, with which errors. */
import type { ServerContext } from './context.ts';
import type { Fields } from './info-fields.ts';

const US_DECIMALS = 3;
const NS_PER_US = 1000;

/** Each command that was called or refused. */
export function commandStatSection({ commandStats }: ServerContext): Fields {
  const { names, calls, micros, rejected, failed } = commandStats;
  const fields: [string, string][] = [];
  for (let slot = 0; slot < names.length; slot++) {
    if (calls[slot] + rejected[slot] + failed[slot] === 0) continue;
    const perCall = calls[slot] === 0 ? 0 : micros[slot] / calls[slot];
    const value =
      `calls=${calls[slot]},usec=${Math.round(micros[slot])},usec_per_call=${perCall.toFixed(2)},` +
      `rejected_calls=${rejected[slot]},failed_calls=${failed[slot]}`;
    fields.push([`cmdstat_${names[slot]}`, value]);
  }
  return fields;
}

export function errorStatSection({ errorStats }: ServerContext): Fields {
  return [...errorStats.counts].sort().map(([code, count]) => [`errorstat_${code}`, `count=${count}`]);
}

/** Percentiles of the commands whose latencies were recorded. */
export function latencyStatSection({ commandStats, config }: ServerContext): Fields {
  if (!config.latencyTracking) return [];
  const fields: [string, string][] = [];
  for (const [slot, name] of commandStats.names.entries()) {
    const latency = commandStats.latency(slot);
    if (latency === null) continue;
    const values = config.latencyPercentiles.map((percent) => {
      const us = latency.percentile(percent) / NS_PER_US;
      return `p${percent}=${us.toFixed(US_DECIMALS)}`;
    });
    fields.push([`latency_percentiles_usec_${name}`, values.join(',')]);
  }
  return fields;
}
