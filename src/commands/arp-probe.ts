import { Args, Flags } from '@oclif/core';
import { RtcpCommand } from '../lib/cli/command.ts';
import { UsageError } from '../lib/cli/command-error.ts';
import { EXIT_DIFFERENCE, EXIT_FAILED } from '../lib/cli/exit-codes.ts';
import * as flag from '../lib/cli/flags.ts';
import { formatDurationUs } from '../lib/cli/units.ts';
import { systemClock } from '../lib/clock.ts';
import { interfaceFor, openArpLink } from '../lib/probe/arp-link.ts';
import { ArpProbe } from '../lib/probe/arp-probe.ts';
import type { ProbeReport, TargetReport, WatchReport } from '../lib/probe/arp-report.ts';
import { probeReport, watchedEvent } from '../lib/probe/arp-report.ts';
import { ArpWatch } from '../lib/probe/arp-watch.ts';
import { runStation } from '../lib/probe/station.ts';
import { parseAddresses } from '../lib/probe/targets.ts';
import { VendorList } from '../lib/probe/vendor.ts';
import { formatIpv4 } from '../lib/wire/address.ts';

export default class ArpProbeCommand extends RtcpCommand {
  static override summary = 'Ask by ARP who has an address, how fast it answers, and whether two hosts claim it.';
  static override description =
    'Sends ARP requests from an AF_PACKET socket (CAP_NET_RAW) and measures every answer. Two hardware addresses for one IPv4 address are a conflict. Exit codes: 0 every address answered, 1 some did not, 3 a conflict was seen.';
  static override examples = [
    {
      command: '<%= config.bin %> arp-probe 192.0.2.7',
      description: 'One host, three requests, on the interface that the routes lead through',
    },
    { command: '<%= config.bin %> arp-probe --iface eth0 -c 1 192.0.2.0/24', description: 'Who is on this network' },
    {
      command: '<%= config.bin %> arp-probe --iface eth0 --announce 192.0.2.7',
      description: 'Tell the link that this address is here (gratuitous ARP)',
    },
    {
      command: '<%= config.bin %> arp-probe --iface eth0 --watch',
      description: 'Report new hosts, moves and conflicts until Ctrl-C',
    },
  ];

  static override strict = false;
  static override args = {
    address: Args.string({
      description: 'Addresses or networks: 192.0.2.7 192.0.2.0/24',
      multiple: true,
      ignoreStdin: true,
    }),
  };

  static override flags = flag.withEnvironment({
    iface: Flags.string({ aliases: ['interface'], helpValue: 'IF', description: 'Interface (default: by route)' }),
    count: flag.count({ char: 'c', min: 1, default: 3, description: 'Requests to each address' }),
    timeout: flag.duration({
      char: 'w',
      bareUnit: 's',
      default: 1_000_000,
      defaultHelp: async () => '1s',
      description: 'Wait so long after the last request',
    }),
    interval: flag.duration({
      char: 'i',
      bareUnit: 's',
      default: 1_000_000,
      defaultHelp: async () => '1s',
      description: 'From one request to an address to the next',
    }),
    rate: flag.count({ min: 1, max: 100_000, default: 1000, description: 'Requests per second, over all addresses' }),
    first: Flags.boolean({ char: 'f', description: 'Stop when every address has answered once' }),
    source: flag.ipv4({ description: "Sender address in requests (default: the interface's; 0.0.0.0 asks as nobody)" }),
    announce: Flags.boolean({
      description: 'Announce the addresses as ours instead of asking for them',
      exclusive: ['watch', 'source'],
    }),
    watch: Flags.boolean({ description: 'Listen only; with addresses, to these' }),
    duration: flag.duration({ bareUnit: 's', dependsOn: ['watch'], description: 'End the watch after this time' }),
    vendor: Flags.boolean({ description: "Name the maker of each card, from this machine's lists" }),
  });

  async run(): Promise<ProbeReport | WatchReport> {
    const { flags, argv } = await this.parse(ArpProbeCommand);
    const addresses = parseAddresses(argv as string[]);
    if (addresses.length === 0 && !flags.watch)
      throw new UsageError('no address is named', 'rtcp arp-probe 192.0.2.7, or rtcp arp-probe --watch --iface eth0');
    if (addresses.length === 0 && flags.iface === undefined)
      throw new UsageError('--watch needs an interface', 'rtcp arp-probe --watch --iface eth0');
    const { link, info } = openArpLink(flags.iface ?? interfaceFor(addresses[0]));
    const own = info.address === 0 ? [] : [info.address];
    const vendors = flags.vendor ? VendorList.load() : null;
    if (vendors?.source === null) this.output.warn('no list of vendors is installed (apt-get install ieee-data)');
    try {
      if (flags.watch) {
        const watch = new ArpWatch(link, {
          targets: new Set(addresses),
          own: new Set(own),
          durationUs: flags.duration ?? null,
        });
        return await this.watch(watch, info.name, vendors, () =>
          runStation(watch, link, systemClock, this.interrupt.signal),
        );
      }
      const probe = new ArpProbe(link, {
        targets: addresses,
        source: flags.source ?? info.address,
        rounds: flags.count,
        intervalUs: flags.interval,
        timeoutUs: flags.timeout,
        rate: flags.rate,
        first: flags.first,
        announce: flags.announce,
        own,
      });
      return await this.probe(probe, info.name, vendors, () =>
        runStation(probe, link, systemClock, this.interrupt.signal),
      );
    } finally {
      link.close();
    }
  }

  private async probe(
    probe: ArpProbe,
    iface: string,
    vendors: VendorList | null,
    work: () => Promise<void>,
  ): Promise<ProbeReport> {
    const many = probe.targets.length > 1;
    if (!many) {
      probe.onReply = ({ address, mac, rttUs }) =>
        this.output.data(`${formatIpv4(address)} is at ${mac}  ${formatDurationUs(rttUs)}`);
    }
    const progress = this.output.progress(`asking for ${probe.targets.length} address(es) on ${iface}`);
    await work();
    progress.stop();
    const report = probeReport(probe, iface, vendors);
    this.printTargets(
      report.targets.filter((target) => !many || target.replies > 0 || target.conflict),
      vendors !== null,
    );
    const { summary } = report;
    this.output.data(
      `${summary.sent} sent, ${summary.replies} replies, ${summary.answered} of ${summary.addresses} answered, ${summary.conflicts} in conflict`,
    );
    if (summary.conflicts > 0) this.exitWith(EXIT_DIFFERENCE);
    else if (summary.answered < summary.expected) this.exitWith(EXIT_FAILED);
    return report;
  }

  private printTargets(targets: TargetReport[], vendors: boolean): void {
    if (targets.length === 0) return;
    const columns = [
      { head: 'address' },
      { head: 'sent', align: 'right' as const },
      { head: 'answered', align: 'right' as const },
      { head: 'min', align: 'right' as const },
      { head: 'avg', align: 'right' as const },
      { head: 'max', align: 'right' as const },
      { head: 'hardware address' },
      ...(vendors ? [{ head: 'vendor' }] : []),
    ];
    const rtt = (us: number | null): string => (us === null ? '–' : formatDurationUs(us));
    const rows = targets.map((target) => [
      target.address,
      String(target.sent),
      String(target.answered),
      rtt(target.minUs),
      rtt(target.averageUs),
      rtt(target.maxUs),
      target.conflict ? this.output.style('red', `${target.macs.join(' ')} conflict`) : target.macs.join(' ') || '–',
      ...(vendors ? [target.vendors.join(', ')] : []),
    ]);
    this.output.table(columns, rows);
  }

  private async watch(
    watch: ArpWatch,
    iface: string,
    vendors: VendorList | null,
    work: () => Promise<void>,
  ): Promise<WatchReport> {
    const events: WatchReport['events'] = [];
    watch.onEvent = (event) => {
      const seen = watchedEvent(event, vendors);
      if (this.output.json) {
        if (events.length < MAX_JSON_EVENTS) events.push(seen);
        return;
      }
      const was = seen.previousMac === null ? '' : `, was ${seen.previousMac}`;
      const vendor = seen.vendor === null ? '' : ` (${seen.vendor})`;
      const line = `${seen.time} ${seen.kind} ${seen.address} is at ${seen.mac}${vendor}${was}`;
      this.output.data(seen.kind === 'conflict' ? this.output.style('red', line) : line);
    };
    this.output.note(`listening to ARP on ${iface}; Ctrl-C ends it`);
    await work();
    const { counters } = watch;
    this.output.data(
      `${counters.packets} packets, ${watch.addresses} addresses, ${counters.moved} moved, ${counters.conflict} conflicts`,
    );
    if (counters.conflict > 0) this.exitWith(EXIT_DIFFERENCE);
    return { interface: iface, summary: { ...counters, addresses: watch.addresses }, events };
  }
}

/** A watch may run for months: --json keeps no more than this. */
const MAX_JSON_EVENTS = 100_000;
