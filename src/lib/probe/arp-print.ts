/**
 * The ARP tools' reports for people: a line for each event, a table of addresses, a summary as its last line.
 */
import type { Output } from '../cli/output.ts';
import type { Column } from '../cli/table.ts';
import { formatDurationUs, plural } from '../cli/units.ts';
import { formatIpv4 } from '../wire/address.ts';
import type { ArpReply } from './arp-probe.ts';
import type { ProbeReport, TargetReport, WatchedEvent, WatchReport } from './arp-report.ts';

const COLUMNS: Column[] = [
  { head: 'address' },
  { head: 'sent', align: 'right' },
  { head: 'answered', align: 'right' },
  { head: 'min', align: 'right' },
  { head: 'avg', align: 'right' },
  { head: 'max', align: 'right' },
  { head: 'hardware address' },
];

export function printReply(output: Output, { address, mac, rttUs }: ArpReply): void {
  output.data(`${formatIpv4(address)} is at ${mac}  ${formatDurationUs(rttUs)}`);
}

/** Of many addresses, only those that somebody has. */
export function printProbe(output: Output, report: ProbeReport, withVendors: boolean): void {
  const { summary, targets } = report;
  const shown = targets.filter((target) => targets.length === 1 || target.macs.length > 0);
  const columns = withVendors ? [...COLUMNS, { head: 'vendor' }] : COLUMNS;
  const rows = shown.map((target) => row(output, target, withVendors));
  if (rows.length > 0) output.table(columns, rows);
  const replies = plural(summary.replies, 'reply', 'replies');
  output.data(
    `${summary.sent} sent, ${replies}, ${summary.answered} of ${summary.addresses} answered, ${summary.conflicts} in conflict`,
  );
}

/** Announced addresses: who else has one is all that is to be told. */
export function printAnnouncement(output: Output, { summary, targets }: ProbeReport, ownMac: string): void {
  for (const { address, sent, macs, conflict } of targets) {
    if (conflict) output.data(output.style('red', `${address} is in conflict: it is at ${macs.join(' ')}, too`));
    else if (targets.length === 1) output.data(`${address} is at ${ownMac}: announced ${plural(sent, 'time')}`);
  }
  const announced = plural(summary.addresses, 'address', 'addresses');
  output.data(`${plural(summary.sent, 'announcement')} of ${announced}, ${summary.conflicts} in conflict`);
}

function row(output: Output, target: TargetReport, withVendors: boolean): string[] {
  const macs = target.macs.join(' ') || (target.ours ? 'our own address: nobody else has it' : '–');
  return [
    target.address,
    String(target.sent),
    String(target.answered),
    roundTrip(target.minUs),
    roundTrip(target.averageUs),
    roundTrip(target.maxUs),
    target.conflict ? output.style('red', `${macs} conflict`) : macs,
    ...(withVendors ? [target.vendors.join(', ')] : []),
  ];
}

function roundTrip(us: number | null): string {
  return us === null ? '–' : formatDurationUs(us);
}

export function printEvent(output: Output, event: WatchedEvent): void {
  const vendor = event.vendor === null ? '' : ` (${event.vendor})`;
  const was = event.previousMac === null ? '' : `, was ${event.previousMac}`;
  const line = `${event.time} ${event.kind} ${event.address} is at ${event.mac}${vendor}${was}`;
  output.data(event.kind === 'conflict' ? output.style('red', line) : line);
}

export function printWatch(output: Output, { summary }: WatchReport): void {
  const packets = plural(summary.packets, 'packet');
  const addresses = plural(summary.addresses, 'address', 'addresses');
  output.data(`${packets}, ${addresses}, ${summary.moved} moved, ${plural(summary.conflict, 'conflict')}`);
}
