import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/lib/cli/command-error.ts';
import { parseAddresses } from '../../src/lib/probe/targets.ts';
import { parseVendorList, VendorList } from '../../src/lib/probe/vendor.ts';
import { formatIpv4 } from '../../src/lib/wire/address.ts';

const expand = (...texts: string[]): string[] => parseAddresses(texts).map(formatIpv4);

describe('addresses on the command line', () => {
  it('are single ones and networks without their first and last', () => {
    expect(expand('192.0.2.7', '198.51.100.4/30')).toEqual(['192.0.2.7', '198.51.100.5', '198.51.100.6']);
    expect(expand('192.0.2.9/31')).toEqual(['192.0.2.8', '192.0.2.9']);
    expect(expand('192.0.2.9/24')).toHaveLength(254);
    expect(expand('255.255.255.0/24').at(-1)).toBe('255.255.255.254');
    expect(parseAddresses(['10.1.0.0/16'])).toHaveLength(65_534);
  });

  it('are asked once', () => {
    expect(expand('192.0.2.1', '192.0.2.0/30', '192.0.2.1')).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  it.each(['192.0.2', '192.0.2.256', '192.0.2.1/33', 'host', '192.0.2.1-9', '10.0.0.0/15', '0.0.0.0/0'])(
    '%s is a usage error',
    (text) => {
      expect(() => parseAddresses([text])).toThrow(UsageError);
    },
  );
});

describe('vendors', () => {
  it('are read from the lists of ieee-data, nmap and arp-scan', () => {
    const text = [
      '00-00-0C   (hex)\t\tCisco Systems, Inc',
      '00000C     (base 16)\t\tCisco Systems, Inc',
      '001B21 Intel Corporate',
      '00:50:56\tVMware\tVMware, Inc.',
      '# comment',
    ].join('\n');
    expect([...parseVendorList(text)]).toEqual([
      ['00000C', 'Cisco Systems, Inc'],
      ['001B21', 'Intel Corporate'],
      ['005056', 'VMware, Inc.'],
    ]);
  });

  it('an address that software made up has none', () => {
    const list = new VendorList(new Map([['00000C', 'Cisco']]), 'test');
    expect(list.name('00:00:0c:12:34:56')).toBe('Cisco');
    expect(list.name('02:00:0c:12:34:56')).toBe('locally administered');
    expect(list.name('00:11:22:33:44:55')).toBe('unknown');
    expect(VendorList.load(['/nonexistent']).source).toBeNull();
  });
});
