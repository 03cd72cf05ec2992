import { Args, Flags } from '@oclif/core';
import { RtcpCommand } from '../lib/cli/command.ts';
import { UsageError } from '../lib/cli/command-error.ts';
import { EXIT_DIFFERENCE, EXIT_FAILED } from '../lib/cli/exit-codes.ts';
import * as flag from '../lib/cli/flags.ts';
import { plural } from '../lib/cli/units.ts';
import { systemClock } from '../lib/clock.ts';
import type { Link } from '../lib/link/link.ts';
import { interfaceFor, openArpLink } from '../lib/probe/arp-link.ts';
import { printAnnouncement, printEvent, printProbe, printReply, printWatch } from '../lib/probe/arp-print.ts';
import { ArpProbe } from '../lib/probe/arp-probe.ts';
import type { ProbeReport, WatchedEvent, WatchReport } from '../lib/probe/arp-report.ts';
import { probeReport, watchedEvent } from '../lib/probe/arp-report.ts';
import type { ArpWatchOptions } from '../lib/probe/arp-watch.ts';
import { ArpWatch } from '../lib/probe/arp-watch.ts';
import { runStation } from '../lib/probe/station.ts';
import { parseAddresses } from '../lib/probe/targets.ts';
import { VendorList } from '../lib/probe/vendor.ts';
import { formatMac } from '../lib/wire/address.ts';

const MEND = 'rtcp arp-probe 192.0.2.7, or rtcp arp-probe --watch --iface eth0';
/** A watch may run for months: --json keeps no more than this. */
const MAX_JSON_EVENTS = 100_000;

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
    if (addresses.length === 0 && (!flags.watch || flags.iface === undefined)) {
      throw new UsageError(flags.watch ? '--watch needs an interface' : 'no address is named', MEND);
    }
    const { link, info, stopwatch } = openArpLink(flags.iface ?? interfaceFor(addresses[0]));
    const own = info.address === 0 ? [] : [info.address];
    const vendors = flags.vendor ? VendorList.load() : null;
    if (vendors?.source === null) this.output.warn('no list of vendors is installed (apt-get install ieee-data)');
    try {
      if (flags.watch) {
        const durationUs = flags.duration ?? null;
        return await this.watch(link, { targets: new Set(addresses), own: new Set(own), durationUs }, vendors);
      }
      const options = {
        targets: addresses,
        source: flags.source ?? info.address,
        rounds: flags.count,
        intervalUs: flags.interval,
        timeoutUs: flags.timeout,
        rate: flags.rate,
        first: flags.first,
        announce: flags.announce,
        own,
      };
      return await this.probe(new ArpProbe(link, options, stopwatch), link, vendors, flags.announce);
    } finally {
      link.close();
    }
  }

  private async probe(
    probe: ArpProbe,
    link: Link,
    vendors: VendorList | null,
    announced: boolean,
  ): Promise<ProbeReport> {
    if (probe.targets.length === 1) probe.onReply = (reply) => printReply(this.output, reply);
    const asked = plural(probe.targets.length, 'address', 'addresses');
    const progress = this.output.progress(`${announced ? 'announcing' : 'asking for'} ${asked} on ${link.name}`);
    await runStation(probe, link, systemClock, this.interrupt.signal);
    progress.stop();
    const report = probeReport(probe, link.name, vendors);
    if (announced) printAnnouncement(this.output, report, formatMac(link.mac));
    else printProbe(this.output, report, vendors !== null);
    if (report.summary.conflicts > 0) this.exitWith(EXIT_DIFFERENCE);
    else if (report.summary.answered < report.summary.expected) this.exitWith(EXIT_FAILED);
    return report;
  }

  private async watch(link: Link, options: ArpWatchOptions, vendors: VendorList | null): Promise<WatchReport> {
    const watch = new ArpWatch(link, options);
    const events: WatchedEvent[] = [];
    watch.onEvent = (event) => {
      const seen = watchedEvent(event, vendors);
      printEvent(this.output, seen);
      if (this.output.json && events.length < MAX_JSON_EVENTS) events.push(seen);
    };
    this.output.note(`listening to ARP on ${link.name}; Ctrl-C ends it`);
    await runStation(watch, link, systemClock, this.interrupt.signal);
    const report = { interface: link.name, summary: { ...watch.counters, addresses: watch.addresses }, events };
    printWatch(this.output, report);
    if (report.summary.conflict > 0) this.exitWith(EXIT_DIFFERENCE);
    return report;
  }
}
