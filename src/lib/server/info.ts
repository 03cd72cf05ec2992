/**
 * INFO: sections of `field:value` lines, with the names and the order of redis-server 7.2, which monitoring tools parse. What
 * stands for something that rtcp does not have is 0, not missing. What is rtcp's own is in a section at the end that is shown
 * on request (`INFO rtcp`) or with everything. The sections themselves are in info-server.ts and info-commands.ts.
 *
 *   # Clients
 *   connected_clients:1
 */
import type { ServerContext } from './context.ts';
import { commandStatSection, errorStatSection, latencyStatSection } from './info-commands.ts';
import type { Fields } from './info-fields.ts';
import {
  clientSection,
  clusterSection,
  cpuSection,
  keyspaceSection,
  memorySection,
  persistenceSection,
  replicationSection,
  rtcpSection,
  serverSection,
  statSection,
} from './info-server.ts';

interface Section {
  /** What a client asks for it by. */
  readonly name: string;
  readonly title: string;
  readonly fields: (context: ServerContext) => Fields;
  /** Shown when nothing is asked for. */
  readonly byDefault: boolean;
  /** Part of `all`, too, not just of `everything`. */
  readonly inAll: boolean;
}

function section(title: string, fields: (context: ServerContext) => Fields, byDefault = true, inAll = true): Section {
  return { name: title.toLowerCase(), title, fields, byDefault, inAll };
}

const SECTIONS: readonly Section[] = [
  section('Server', serverSection),
  section('Clients', clientSection),
  section('Memory', memorySection),
  section('Persistence', persistenceSection),
  section('Stats', statSection),
  section('Replication', replicationSection),
  section('CPU', cpuSection),
  section('Modules', () => []),
  section('Commandstats', commandStatSection, false),
  section('Errorstats', errorStatSection),
  section('Latencystats', latencyStatSection, false),
  section('Cluster', clusterSection),
  section('Keyspace', keyspaceSection),
  section('Rtcp', rtcpSection, false, false),
];

/** The sections that are asked for (lower case; none means the default ones), in their own order. Unknown ones are nothing. */
export function infoText(context: ServerContext, wanted: readonly string[]): string {
  const everything = wanted.includes('everything');
  const all = everything || wanted.includes('all');
  const byDefault = wanted.length === 0 || wanted.includes('default');
  const shown = SECTIONS.filter(
    (one) => everything || (all && one.inAll) || (byDefault && one.byDefault) || wanted.includes(one.name),
  );
  return shown.map((one) => sectionText(one.title, one.fields(context))).join('\r\n');
}

function sectionText(title: string, fields: Fields): string {
  return `# ${title}\r\n${fields.map(([name, value]) => `${name}:${value}\r\n`).join('')}`;
}
