/**
 * Flag types shared by the commands (oclif's): quantities with units, addresses, and the environment fallback. A value
 * comes from the flag, else from RTCP_<FLAG> in the environment, else from a configuration file where the command reads
 * one, else it is the default.
 */
import { Flags } from '@oclif/core';
import type { FlagInput } from '@oclif/core/interfaces';
import type { Cidr } from '../wire/address.ts';
import { parseCidr, parseIpv4, parseMac } from '../wire/address.ts';
import type { DurationUnit } from './units.ts';
import { parseCount, parseDurationUs, parseShare, parseSizeBytes } from './units.ts';

function understood<T>(value: T | null, text: string, expected: string): T {
  if (value === null) throw new Error(`'${text}' is not ${expected}`);
  return value;
}

/** Microseconds. `bareUnit`: what a number without a unit means. */
export const duration = Flags.custom<number, { bareUnit?: DurationUnit }>({
  helpValue: 'TIME',
  parse: async (text, _context, options) =>
    understood(parseDurationUs(text, options.bareUnit ?? null), text, 'a time such as 10s, 250ms or 50us'),
});

/** Bytes. */
export const size = Flags.custom<number>({
  helpValue: 'SIZE',
  parse: async (text) => understood(parseSizeBytes(text), text, 'a size such as 1024, 64kb or 1gb'),
});

/** A share in [0, 1]. */
export const share = Flags.custom<number>({
  helpValue: 'SHARE',
  parse: async (text) => understood(parseShare(text), text, 'a share such as 1% or 0.01'),
});

/** A whole number that may end in k or m. */
export const count = Flags.custom<number, { min?: number; max?: number }>({
  helpValue: 'N',
  parse: async (text, _context, options) => {
    const value = understood(parseCount(text), text, 'a number such as 1000, 200k or 5m');
    if (options.min !== undefined && value < options.min) throw new Error(`${text} is less than ${options.min}`);
    if (options.max !== undefined && value > options.max) throw new Error(`${text} is more than ${options.max}`);
    return value;
  },
});

/** A TCP port, 1–65535. */
export const port = Flags.custom<number>({
  helpValue: 'PORT',
  parse: async (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : 0;
    return understood(value >= 1 && value <= 65_535 ? value : null, text, 'a port from 1 to 65535');
  },
});

/** An IPv4 address as int32. */
export const ipv4 = Flags.custom<number>({
  helpValue: 'ADDRESS',
  parse: async (text) => understood(parseIpv4(text), text, 'an IPv4 address such as 192.0.2.1'),
});

/** An IPv4 address with the length of its network's prefix. */
export const cidr = Flags.custom<Cidr, { defaultPrefixLength?: number }>({
  helpValue: 'ADDRESS/LEN',
  parse: async (text, _context, options) =>
    understood(parseCidr(text, options.defaultPrefixLength), text, 'an address such as 192.0.2.1 or 192.0.2.1/24'),
});

/** A hardware address, 6 bytes. */
export const mac = Flags.custom<Uint8Array>({
  helpValue: 'MAC',
  parse: async (text) => {
    const bytes = understood(parseMac(text), text, 'a hardware address such as 02:00:00:00:00:01');
    if ((bytes[0] & 1) === 1) throw new Error(`${text} is a group address: the first byte must be even`);
    return bytes;
  },
});

/** The fallback for every flag of a command: RTCP_ and the flag's name in capitals. */
export function withEnvironment<F extends FlagInput>(flags: F): F {
  for (const [name, flag] of Object.entries(flags)) flag.env = `RTCP_${name.toUpperCase().replaceAll('-', '_')}`;
  return flags;
}
