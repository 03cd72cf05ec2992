/**
 * The names that scripts have for ICMP types and codes (RFC 792, RFC 1122, RFC 1812); `type_9` and `code_9` name any other.
 */
import {
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMP_PARAMETER_PROBLEM,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  ICMP_UNREACHABLE,
} from '../../src/lib/wire/icmp.ts';

const TYPES: Readonly<Record<string, number>> = {
  echo_reply: ICMP_ECHO_REPLY,
  unreachable: ICMP_UNREACHABLE,
  source_quench: ICMP_SOURCE_QUENCH,
  redirect: ICMP_REDIRECT,
  echo_request: ICMP_ECHO_REQUEST,
  time_exceeded: ICMP_TIME_EXCEEDED,
  parameter_problem: ICMP_PARAMETER_PROBLEM,
  timestamp_request: 13,
  timestamp_reply: 14,
  information_request: 15,
  information_reply: 16,
  address_mask_request: 17,
  address_mask_reply: 18,
};

const CODES: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  [ICMP_UNREACHABLE]: {
    net_unreachable: 0,
    host_unreachable: 1,
    protocol_unreachable: 2,
    proto_unreachable: 2,
    port_unreachable: 3,
    frag_needed: 4,
    source_route_failed: 5,
    net_unknown: 6,
    host_unknown: 7,
    source_host_isolated: 8,
    net_prohibited: 9,
    host_prohibited: 10,
    net_unreachable_for_tos: 11,
    host_unreachable_for_tos: 12,
    packet_filtered: 13,
    comm_prohibited: 13,
    precedence_violation: 14,
    precedence_cutoff: 15,
  },
  [ICMP_TIME_EXCEEDED]: {
    ttl_exceeded_in_transit: 0,
    ttl_exceeded: 0,
    reassembly_time_exceeded: 1,
    frag_reassembly_time_exceeded: 1,
  },
  [ICMP_REDIRECT]: { net_redirect: 0, host_redirect: 1, net_redirect_for_tos: 2, host_redirect_for_tos: 3 },
  [ICMP_PARAMETER_PROBLEM]: { pointer_indicates_error: 0, missing_required_option: 1, bad_length: 2 },
};

export function icmpType(name: string): number | null {
  return TYPES[name] ?? numbered('type_', name);
}

export function icmpCode(type: number, name: string): number | null {
  return CODES[type]?.[name] ?? numbered('code_', name);
}

function numbered(prefix: string, name: string): number | null {
  if (!name.startsWith(prefix)) return null;
  const value = Number(name.slice(prefix.length));
  return Number.isInteger(value) && value >= 0 && value <= 255 ? value : null;
}
