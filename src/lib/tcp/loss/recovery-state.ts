/**
 * Where a connection stands with loss and congestion, as Linux names it, and what the mechanisms remember from one
 * acknowledgment to the next. Made when a connection first needs it: most never do.
 *
 *              SACK, duplicate ACK             loss found
 *     OPEN ◀───────────────────▶ DISORDER ──────────────▶ RECOVERY ─┐
 *      │▲                            │       RTO, from any ─▶ LOSS ─┤ all that was in flight is acknowledged, or
 *      │└────────────────────────────┼──────────────────────────────┘ nothing was lost after all
 *      └── ECN echo ─▶ CWR ──────────┘
 */
import type { Connection } from '../connection.ts';
import { Delivered } from './delivered.ts';

/** Nothing is in doubt. */
export const OPEN = 0;
/** Something arrived out of order: reordered or lost. */
export const DISORDER = 1;
/** The window is being reduced because a router said so (RFC 3168 §6.1.2). */
export const CWR = 2;
/** Something is lost, and is resent by what acknowledgments say (RFC 6675, RFC 8985, RFC 6582). */
export const RECOVERY = 3;
/** The retransmission timer expired. */
export const LOSS = 4;

/** By number. */
export const CA_STATE_NAMES = ['open', 'disorder', 'cwr', 'recovery', 'loss'] as const;
export type CaStateName = (typeof CA_STATE_NAMES)[number];

export class RecoveryState {
  // RACK (RFC 8985 §5.2)
  /** Of all that has arrived, what was sent last: when, and where it ended; `rackValid` once there is some. */
  rackValid = false;
  rackSentUs = 0;
  rackEnd = 0;
  rackRttUs = 0;
  /** Highest sequence number that has arrived. */
  fack = 0;
  /** Times that something arrived late, and by how many segments at most (Linux's tcpi_reord_seen, tcpi_reordering). */
  reorderings = 0;
  reorderedSegments = 3;
  /** The reordering window in quarters of the least round trip, and for how many recoveries it stays wide. */
  reorderSteps = 1;
  reorderPersists = 0;
  /** A D-SACK widened the window; another does only when this is acknowledged. */
  widened = false;
  widenedUntil = 0;

  // Tail loss probe (RFC 8985 §7.3)
  /** A probe is out: SND.NXT then, and whether it was new data or a copy. */
  probing = false;
  probeEnd = 0;
  probeIsCopy = false;

  // Proportional rate reduction (RFC 6937 §3), in bytes
  prrDelivered = 0;
  prrOut = 0;
  recoverFlight = 0;

  // Undoing (RFC 3522, RFC 4015, RFC 3708)
  /** The last reduction may have been for nothing: SND.UNA then. */
  undoable = false;
  undoFrom = 0;
  /** Resent since, and not reported as received twice. */
  undoBytes = 0;
  /** The timestamp of the first copy; `copied` once there is one. */
  copied = false;
  firstCopyTs = 0;

  // F-RTO (RFC 5682 §3.1)
  /** The timeout may have been spurious: the next acknowledgments tell. */
  frto = false;
  /** New data goes before lost data, to find out (step 2b). */
  frtoSendsNew = false;

  // RFC 6582
  /** §3.2: only the first partial acknowledgment restarts the timer. */
  partialAckSeen = false;

  // Statistics
  dsackDups = 0;
  /** Segments (or super-segments) that were sent again. */
  copies = 0;

  readonly delivered = new Delivered();

  /** `sequence`: SND.UNA. */
  constructor(sequence: number) {
    this.fack = sequence;
  }
}

export function recoveryOf(c: Connection): RecoveryState {
  c.recovery ??= new RecoveryState(c.sndUna);
  return c.recovery;
}
