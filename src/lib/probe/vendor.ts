/**
 * Who made a network card: the first 24 bits of its hardware address (IEEE's OUI), looked up in whatever list this machine
 * has. An address with the locally-administered bit was made up by software and has no vendor.
 */
import { readFileSync } from 'node:fs';
import { parseMac } from '../wire/address.ts';

/** Debian's ieee-data, nmap-common, arp-scan, wireshark-common. */
const LISTS = [
  '/usr/share/ieee-data/oui.txt',
  '/usr/share/nmap/nmap-mac-prefixes',
  '/usr/share/arp-scan/ieee-oui.txt',
  '/usr/share/wireshark/manuf',
];

const LOCALLY_ADMINISTERED = 0x02;

export class VendorList {
  /** Vendor by the six hexadecimal digits of its prefix, upper case. */
  private readonly vendors: ReadonlyMap<string, string>;
  /** The file it came from; null when this machine has none. */
  readonly source: string | null;

  constructor(vendors: ReadonlyMap<string, string>, source: string | null) {
    this.vendors = vendors;
    this.source = source;
  }

  /** The first list that is there; an empty one otherwise. */
  static load(paths: readonly string[] = LISTS): VendorList {
    for (const path of paths) {
      let text: string;
      try {
        text = readFileSync(path, 'utf8');
      } catch {
        continue; // the package that has it is not installed
      }
      return new VendorList(parseVendorList(text), path);
    }
    return new VendorList(new Map(), null);
  }

  /** What to print for a hardware address. */
  name(mac: string): string {
    const bytes = parseMac(mac);
    if (bytes === null) return 'unknown';
    if ((bytes[0] & LOCALLY_ADMINISTERED) !== 0) return 'locally administered';
    return this.vendors.get(prefixOf(mac)) ?? 'unknown';
  }
}

function prefixOf(mac: string): string {
  return mac.replaceAll(/[:-]/g, '').slice(0, 6).toUpperCase();
}

/** One line for each prefix, `00:00:0C  Cisco`, `00000C Cisco` or `00-00-0C   (hex)  Cisco`; other lines are skipped. */
export function parseVendorList(text: string): Map<string, string> {
  const vendors = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([0-9A-F]{2}[:-]?[0-9A-F]{2}[:-]?[0-9A-F]{2})\s+(?:\((?:hex)\)\s+)?(\S.*)$/i.exec(line);
    if (match === null || match[2].startsWith('(base 16)')) continue;
    const name = match[2].split('\t').at(-1) ?? match[2];
    vendors.set(prefixOf(match[1]), name.trim());
  }
  return vendors;
}
