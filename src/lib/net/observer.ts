/** What the interface tells a tool that wants to watch. One null check for each event when nobody does. */
export interface NetObserver {
  /** A well-formed ARP packet, whoever it is about. Addresses int32; `vlan` is the TCI or -1. */
  arpSeen(
    operation: number,
    senderHigh16: number,
    senderLow32: number,
    senderAddress: number,
    targetAddress: number,
    vlan: number,
  ): void;
  /** Another host uses our address, or probes for it. `lost`: we gave the address up. */
  addressConflict(otherHigh16: number, otherLow32: number, lost: boolean): void;
  /** Probing found nobody: the address is ours (RFC 5227 §2.1.1). */
  addressClaimed(): void;
  /** An echo request that is being answered; `length` counts its data bytes. */
  echoRequest(source: number, identifier: number, sequence: number, ttl: number, length: number): void;
  /** An ICMP error of ours leaves. */
  icmpErrorSent(destination: number, type: number, code: number): void;
}

/** An observer that does nothing, to be extended by tools that want one event only. */
export class SilentObserver implements NetObserver {
  arpSeen(_operation: number, _high16: number, _low32: number, _sender: number, _target: number, _vlan: number): void {}
  addressConflict(_high16: number, _low32: number, _lost: boolean): void {}
  addressClaimed(): void {}
  echoRequest(_source: number, _identifier: number, _sequence: number, _ttl: number, _length: number): void {}
  icmpErrorSent(_destination: number, _type: number, _code: number): void {}
}
