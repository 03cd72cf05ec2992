/**
 * What the ARP tools report, as plain data: the shape of --json, and what the tables are printed from.
 */
import { formatIpv4 } from '../wire/address.ts';
import type { ArpProbe, ArpTarget } from './arp-probe.ts';
import type { ArpEvent, ArpEventKind } from './arp-watch.ts';
import type { VendorList } from './vendor.ts';

export interface TargetReport {
  address: string;
  sent: number;
  /** Requests that were answered, and replies in all. */
  answered: number;
  replies: number;
  macs: string[];
  vendors: string[];
  conflict: boolean;
  /** The address is ours, or announced as ours: an answer is a conflict. */
  ours: boolean;
  /** Round trips in microseconds; null without a reply. */
  minUs: number | null;
  averageUs: number | null;
  maxUs: number | null;
}

export interface ProbeReport {
  interface: string;
  targets: TargetReport[];
  summary: {
    addresses: number;
    sent: number;
    replies: number;
    /** Addresses with at least one reply, of those `expected` to answer (the ones that are not ours). */
    answered: number;
    expected: number;
    conflicts: number;
  };
}

export interface WatchedEvent {
  time: string;
  kind: ArpEventKind;
  address: string;
  mac: string;
  previousMac: string | null;
  vendor: string | null;
}

export interface WatchReport {
  interface: string;
  summary: {
    packets: number;
    requests: number;
    replies: number;
    new: number;
    moved: number;
    conflict: number;
    addresses: number;
  };
  events: WatchedEvent[];
}

export function probeReport(probe: ArpProbe, interfaceName: string, vendors: VendorList | null): ProbeReport {
  const targets = probe.targets.map((target) => targetReport(target, vendors));
  const count = (of: (target: TargetReport) => boolean): number => targets.filter(of).length;
  return {
    interface: interfaceName,
    targets,
    summary: {
      addresses: targets.length,
      sent: targets.reduce((sum, target) => sum + target.sent, 0),
      replies: targets.reduce((sum, target) => sum + target.replies, 0),
      answered: count((target) => target.replies > 0 && !target.ours),
      expected: count((target) => !target.ours),
      conflicts: count((target) => target.conflict),
    },
  };
}

function targetReport(target: ArpTarget, vendors: VendorList | null): TargetReport {
  const heard = target.replies > 0;
  return {
    address: formatIpv4(target.address),
    sent: target.sent,
    answered: target.answered,
    replies: target.replies,
    macs: [...target.macs],
    vendors: vendors === null ? [] : target.macs.map((mac) => vendors.name(mac)),
    conflict: target.conflict,
    ours: target.ours,
    minUs: heard ? tenths(target.minUs) : null,
    averageUs: heard ? tenths(target.sumUs / target.replies) : null,
    maxUs: heard ? tenths(target.maxUs) : null,
  };
}

/** Finer is not what a clock of microseconds tells. */
function tenths(us: number): number {
  return Math.round(us * 10) / 10;
}

/** An event with the wall clock's time. */
export function watchedEvent(event: ArpEvent, vendors: VendorList | null): WatchedEvent {
  return {
    time: new Date().toISOString(),
    kind: event.kind,
    address: formatIpv4(event.address),
    mac: event.mac,
    previousMac: event.previousMac,
    vendor: vendors?.name(event.mac) ?? null,
  };
}
