/**
 * What happened in TCP, one integer for each cause. Everything that a peer sends and that is not used is counted here.
 */
export class TcpCounters {
  segmentsIn = 0;
  segmentsOut = 0;
  /** Segments that the straight-line path took. */
  predicted = 0;

  // Dropped on arrival
  tooShort = 0;
  badChecksum = 0;
  /** Accepted with only the pseudo-header sum in the checksum field. */
  partialChecksum = 0;
  badOptions = 0;
  /** From a broadcast or multicast address, or to one, or from port 0. */
  badAddress = 0;
  /** For no connection and no listener. */
  noConnection = 0;
  synBacklogFull = 0;
  /** The accept queue was full: a SYN, or the last ACK of a handshake. */
  acceptQueueFull = 0;
  /** An ACK to a listener while cookies were out, that repeats none of them. */
  badCookie = 0;
  synWithFin = 0;
  connectionTableFull = 0;
  noRoute = 0;
  /** RFC 7323 §5. */
  pawsRejected = 0;
  /** RFC 7323 §3.2: timestamps were agreed and are missing. */
  missingTimestamps = 0;
  outsideWindow = 0;
  noAckFlag = 0;
  /** RFC 5961 §5: acknowledges what was never sent, or what is long gone. */
  badAck = 0;
  resetOutsideWindow = 0;
  unexpectedSyn = 0;
  dataAfterFin = 0;
  /** New bytes for a connection that nobody reads any more. */
  dataAfterClose = 0;
  reassemblyNoMemory = 0;
  reassemblyTooManyRanges = 0;

  // Answers
  challengeAcks = 0;
  challengeThrottled = 0;
  resetsOut = 0;
  resetsThrottled = 0;
  resetsIn = 0;

  // Connections
  passiveOpens = 0;
  /** SYNs that were answered without keeping state, and those of them that became connections. */
  cookiesSent = 0;
  cookiesAccepted = 0;
  activeOpens = 0;
  established = 0;
  refused = 0;
  timeouts = 0;
  aborts = 0;
  /** Ended by their owner, and reset because there were too many of these. */
  orphansReset = 0;
  /** Closed by an owner that had not read all: reset. */
  unreadResets = 0;
  userTimeouts = 0;
  timeWaitEntered = 0;
  timeWaitReused = 0;
  timeWaitEvicted = 0;

  // Data
  outOfOrder = 0;
  /** A receive window was doubled. */
  windowsGrown = 0;
  duplicateBytes = 0;
  retransmitted = 0;
  timeoutsFired = 0;
  fastRetransmits = 0;
  zeroWindowProbes = 0;
  /** RFC 3168: data that came marked, and acknowledgments that say that ours did. */
  congestionMarksIn = 0;
  congestionEchoesIn = 0;
  keepAliveProbes = 0;
  delayedAcks = 0;
  duplicateAcksIn = 0;
  /** RFC 8985 §7. */
  tailProbes = 0;
  /** RFC 2883: what we sent came twice; and what we were sent. */
  dsacksIn = 0;
  dsacksOut = 0;
  /** SACK blocks outside of what is in flight, turned round, or for which the ledger had no room. */
  sackBlocksIgnored = 0;
  /** Nothing had been lost: undo.ts. */
  reductionsUndone = 0;
  pathMtuLowered = 0;
  pathMtuRaised = 0;
  /** Smaller segments were tried because full ones seemed to get lost. */
  blackHolesSuspected = 0;
  /** Segments with URG: the bytes are taken in line (RFC 6093 §5). */
  urgentSeen = 0;
  /** ICMP errors that were remembered, in case of a timeout. */
  softErrors = 0;
  icmpIgnored = 0;

  // Sending
  noBuffer = 0;
  /** A frame's payload had to be copied: it began inside a buffer and the link does not gather. */
  payloadCopies = 0;
}
