import { Flags } from '@oclif/core';
import { RtcpCommand } from '../lib/cli/command.ts';
import { EXIT_DIFFERENCE } from '../lib/cli/exit-codes.ts';
import * as flag from '../lib/cli/flags.ts';
import type { Progress } from '../lib/cli/output.ts';
import { plural } from '../lib/cli/units.ts';
import { systemClock } from '../lib/clock.ts';
import { FaultLink } from '../lib/link/fault.ts';
import type { Conditions } from '../lib/link/impairment.ts';
import type { NetCounters } from '../lib/net/counters.ts';
import type { OwnLinkKind } from '../lib/probe/own-address-link.ts';
import { OWN_LINK_KINDS, openOwnAddressLink } from '../lib/probe/own-address-link.ts';
import { PingResponder } from '../lib/probe/ping-responder.ts';
import { runStation } from '../lib/probe/station.ts';
import { Random, secretWords } from '../lib/random.ts';
import { formatCidr, formatIpv4, formatMac } from '../lib/wire/address.ts';

interface ResponderResult {
  address: string;
  interface: string;
  io: string;
  mac: string;
  seed: number;
  requests: number;
  peers: { address: string; requests: number }[];
  line: { lost: number; duplicated: number; reordered: number; corrupted: number };
  conflicts: number;
  counters: NetCounters;
}

export default class PingResponderCommand extends RtcpCommand {
  static override summary = 'Answer ARP and ping for an address of its own, over a line as bad as you like.';
  static override description =
    "Runs the stack that serve stands on, without TCP, beside the kernel's own addresses. Loss, delay and the like befall what it sends, decided by a seeded generator. Ends after --count or --duration, or at Ctrl-C, with a summary. Exit codes: 0 done, 3 another host used the address.";
  static override examples = [
    {
      command: '<%= config.bin %> ping-responder --iface eth0 --ip 192.0.2.10/24',
      description: 'A host of its own on eth0 (root, or the capabilities that doctor names)',
    },
    {
      command:
        '<%= config.bin %> ping-responder --iface eth0 --ip 192.0.2.10/24 --loss 10% --delay 20ms --jitter 5ms --seed 7',
      description: 'A bad line, the same one every time',
    },
    {
      command: '<%= config.bin %> ping-responder --io tap --ip 198.51.100.2/24 --gateway 198.51.100.1',
      description: 'On a device of its own; the kernel is 198.51.100.1',
    },
  ];

  static override flags = flag.withEnvironment({
    iface: Flags.string({
      aliases: ['interface'],
      helpValue: 'IF',
      description: 'Interface (with --io tap: the device to make, default rtcp0)',
    }),
    ip: flag.cidr({ required: true, defaultPrefixLength: 24, description: 'Our address; nobody else may have it' }),
    io: Flags.string({ options: [...OWN_LINK_KINDS], default: 'packet', description: 'How frames come and go' }),
    mac: flag.mac({ description: "Our hardware address (default: the interface's)" }),
    gateway: flag.ipv4({ description: "With --io tap: the address of the kernel's side" }),
    loss: flag.share({ default: 0, description: 'Share of frames that are lost' }),
    delay: flag.duration({ default: 0, description: 'Time that each frame takes longer' }),
    jitter: flag.duration({ default: 0, description: 'Up to so much more, at random' }),
    duplicate: flag.share({ default: 0, description: 'Share of frames that arrive twice' }),
    reorder: flag.share({ default: 0, description: 'Share of frames that later ones overtake (by 1 ms)' }),
    corrupt: flag.share({ default: 0, description: 'Share of frames with one wrong bit' }),
    seed: Flags.integer({ description: 'Of the generator, to have the same line again (default: random, printed)' }),
    count: flag.count({ char: 'c', min: 1, description: 'End after so many echo requests' }),
    duration: flag.duration({ bareUnit: 's', description: 'End after this time' }),
    verbose: Flags.boolean({ char: 'v', description: 'A line for each echo request' }),
  });

  async run(): Promise<ResponderResult> {
    const { flags } = await this.parse(PingResponderCommand);
    const io = flags.io as OwnLinkKind;
    const seed = flags.seed ?? secretWords(1)[0] >>> 0;
    const random = new Random(seed);
    const conditions: Conditions = {
      loss: flags.loss,
      delayUs: flags.delay,
      jitterUs: flags.jitter,
      duplicate: flags.duplicate,
      reorder: flags.reorder,
      corrupt: flags.corrupt,
    };
    const interfaceName = flags.iface ?? (io === 'tap' ? 'rtcp0' : 'lo');
    const inner = openOwnAddressLink({
      kind: io,
      interfaceName,
      own: flags.ip,
      mac: flags.mac,
      kernelAddress: flags.gateway ?? 0,
    });
    const link = new FaultLink(inner, conditions, random, systemClock);
    try {
      const responder = new PingResponder(link, {
        own: flags.ip,
        mac: flags.mac,
        random: new Random(~seed),
        requests: flags.count ?? null,
        durationUs: flags.duration ?? null,
        lingerUs: flags.delay + flags.jitter + (flags.reorder > 0 ? REORDER_LINGER_US : 0),
      });
      this.output.note(
        `${formatCidr(flags.ip)} is at ${formatMac(link.mac)} on ${link.name} (${io}), seed ${seed}; Ctrl-C ends it`,
      );
      await this.respond(responder, link, flags.verbose);
      return this.finish(responder, link, seed);
    } finally {
      link.close();
    }
  }

  private async respond(responder: PingResponder, link: FaultLink, verbose: boolean): Promise<void> {
    const progress: Progress = this.output.progress('waiting for the first ping');
    responder.onConflict = (mac) => this.output.warn(`${mac} uses our address too`);
    responder.onEcho = ({ source, identifier, sequence, ttl, dataBytes }) => {
      if (verbose) {
        this.output.data(`${formatIpv4(source)} id ${identifier} seq ${sequence} ttl ${ttl} ${dataBytes} bytes`);
      }
      progress.update(
        `${plural(responder.requests, 'request')} from ${plural(responder.peers.size, 'host')}, ${link.impairment.lost} replies lost`,
      );
    };
    await runStation(responder, link, systemClock, this.interrupt.signal);
    progress.stop();
  }

  private finish(responder: PingResponder, link: FaultLink, seed: number): ResponderResult {
    const { lost, duplicated, reordered, corrupted } = link.impairment;
    const counters = responder.interface.counters;
    this.output.data(
      `${plural(responder.requests, 'echo request')} from ${plural(responder.peers.size, 'host')}, ${plural(counters.arpRepliesOut, 'ARP reply', 'ARP replies')}; on the line ${lost} lost, ${duplicated} duplicated, ${reordered} reordered, ${corrupted} corrupted`,
    );
    if (responder.conflicts > 0) this.exitWith(EXIT_DIFFERENCE);
    return {
      address: formatIpv4(responder.interface.address),
      interface: link.name,
      io: link.kind,
      mac: formatMac(link.mac),
      seed,
      requests: responder.requests,
      peers: [...responder.peers].map(([address, requests]) => ({ address: formatIpv4(address), requests })),
      line: { lost, duplicated, reordered, corrupted },
      conflicts: responder.conflicts,
      counters,
    };
  }
}

/** A reordered frame comes a millisecond later than the others. */
const REORDER_LINGER_US = 1_000;
