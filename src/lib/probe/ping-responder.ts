/**
 * Answers ARP and ICMP echo for an address of its own: a network interface without transports, whose line may be made as
 * bad as wanted (link/fault.ts). The stack that `serve` stands on, alone.
 *
 *   echo request ─▶ Interface ─▶ echo reply ─▶ FaultLink: loss, delay, duplication, reordering, bit errors ─▶ wire
 */
import type { Link } from '../link/link.ts';
import { Interface } from '../net/interface.ts';
import { SilentObserver } from '../net/observer.ts';
import type { Random } from '../random.ts';
import type { Cidr } from '../wire/address.ts';
import { formatMac, macBytes } from '../wire/address.ts';
import type { Station } from './station.ts';

export interface PingResponderOptions {
  own: Cidr;
  mac?: Uint8Array;
  random: Random;
  /** Requests after which it ends, and time; null: never. */
  requests: number | null;
  durationUs: number | null;
  /** How long replies may still be under way in the link after the last request. */
  lingerUs: number;
}

export interface EchoSeen {
  /** int32 */
  source: number;
  identifier: number;
  sequence: number;
  ttl: number;
  dataBytes: number;
}

/** Peers that are told apart in the summary at most. */
const MAX_PEERS = 4096;

export class PingResponder implements Station {
  nowUs = 0;
  finished = false;
  readonly interface: Interface;
  /** Requests by the peer's address. */
  readonly peers = new Map<number, number>();
  requests = 0;
  conflicts = 0;
  onEcho: ((echo: EchoSeen) => void) | null = null;
  /** Another host uses our address. */
  onConflict: ((mac: string) => void) | null = null;
  private readonly options: PingResponderOptions;
  private endUs = Infinity;
  private started = false;

  constructor(link: Link, options: PingResponderOptions) {
    const { own, mac, random } = options;
    this.options = options;
    this.interface = new Interface(link, { ...own, mac, random, insist: true });
    this.interface.observer = new EchoObserver(this);
  }

  input(frame: number, length: number, rxFlags: number): void {
    this.interface.nowUs = this.nowUs;
    this.interface.input(frame, length, rxFlags);
  }

  output(nowUs: number): void {
    this.nowUs = nowUs;
    if (!this.started) this.start(nowUs);
    this.interface.output(nowUs);
    this.finished = nowUs >= this.endUs;
  }

  nextDeadlineUs(): number {
    return Math.min(this.interface.nextDeadlineUs(), this.endUs);
  }

  echoed(echo: EchoSeen): void {
    this.requests++;
    const known = this.peers.get(echo.source);
    if (known !== undefined || this.peers.size < MAX_PEERS) this.peers.set(echo.source, (known ?? 0) + 1);
    this.onEcho?.(echo);
    if (this.requests === this.options.requests) this.endUs = Math.min(this.endUs, this.nowUs + this.options.lingerUs);
  }

  conflicted(mac: string): void {
    this.conflicts++;
    this.onConflict?.(mac);
  }

  private start(nowUs: number): void {
    this.started = true;
    this.interface.arp.claim.announce(nowUs);
    if (this.options.durationUs !== null) this.endUs = nowUs + this.options.durationUs;
  }
}

class EchoObserver extends SilentObserver {
  private readonly responder: PingResponder;

  constructor(responder: PingResponder) {
    super();
    this.responder = responder;
  }

  override echoRequest(source: number, identifier: number, sequence: number, ttl: number, dataBytes: number): void {
    this.responder.echoed({ source, identifier, sequence, ttl, dataBytes });
  }

  override addressConflict(high16: number, low32: number, _lost: boolean): void {
    this.responder.conflicted(formatMac(macBytes(high16, low32)));
  }
}
