/**
 * What happened below TCP, one integer for each cause. Everything dropped is counted under its reason here: nothing a peer
 * sends raises an exception.
 */
export class NetCounters {
  // Ethernet
  ethernetShort = 0;
  ethernetNotForUs = 0;
  ethernetBadSource = 0;
  ethernetUnknownType = 0;

  // ARP
  arpRequestsIn = 0;
  arpRepliesIn = 0;
  arpRequestsOut = 0;
  arpRepliesOut = 0;
  arpMalformed = 0;
  /** About somebody else, or while another stack answers for our address. */
  arpIgnored = 0;
  arpConflicts = 0;
  arpResolveFailed = 0;
  arpEvicted = 0;

  // IPv4 in
  ipv4In = 0;
  ipv4Short = 0;
  ipv4BadVersion = 0;
  ipv4BadHeaderLength = 0;
  ipv4BadTotalLength = 0;
  ipv4BadChecksum = 0;
  ipv4BadOptions = 0;
  ipv4SourceRoute = 0;
  ipv4BadSource = 0;
  ipv4NotForUs = 0;
  ipv4Broadcast = 0;
  /** Our address is being probed for, or was given up. */
  ipv4AddressUnusable = 0;
  ipv4UnknownProtocol = 0;

  // Reassembly
  fragmentsIn = 0;
  fragmentsReassembled = 0;
  fragmentBadLength = 0;
  fragmentDuplicate = 0;
  fragmentOverlap = 0;
  fragmentTooMany = 0;
  fragmentNoMemory = 0;
  fragmentEvicted = 0;
  fragmentTimeout = 0;

  // IPv4 out
  ipv4Out = 0;
  ipv4FragmentsOut = 0;
  ipv4NoRoute = 0;
  ipv4NoBuffer = 0;
  ipv4TooBig = 0;
  /** Datagrams thrown away because their next hop did not answer, or was asked for already. */
  ipv4Unresolved = 0;

  // ICMP
  icmpIn = 0;
  icmpShort = 0;
  icmpBadChecksum = 0;
  icmpUnhandled = 0;
  icmpEchoRequestsIn = 0;
  icmpEchoRepliesIn = 0;
  icmpEchoRepliesOut = 0;
  icmpErrorsIn = 0;
  icmpErrorsOut = 0;
  /** Errors in whose quotation is no datagram of ours. */
  icmpBadQuote = 0;
  icmpRateLimited = 0;
  /** Errors not sent because no error may be sent about such a datagram (RFC 1122 §3.2.2). */
  icmpSuppressed = 0;
}
