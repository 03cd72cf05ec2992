import { describe, expect, it } from 'vitest';
import { type AddressFlags, PlanError, planTransport, type Surroundings } from '../../src/lib/server/plan.ts';
import { formatIpv4, parseIpv4 } from '../../src/lib/wire/address.ts';

const flags = (over: Partial<AddressFlags> = {}): AddressFlags => ({
  io: 'auto',
  port: 6379,
  takeover: false,
  bind: '127.0.0.1',
  ...over,
});

function machine(privileged = true): Surroundings {
  const host = { address: parseIpv4('192.0.2.7') as number, prefix: 24 };
  return {
    privileged,
    privilegeMend: "setcap 'cap_net_admin+ep' node",
    interfaceAddress: (name) =>
      name === 'eth0'
        ? host
        : name === 'lo'
          ? { address: 0x7f00_0001, prefix: 8 }
          : name === 'bare0'
            ? null
            : undefined,
    interfaces: () => ['lo', 'eth0', 'bare0'],
  };
}

const refusal = (over: Partial<AddressFlags>, around = machine()): PlanError => {
  try {
    planTransport(flags(over), around);
  } catch (error) {
    if (error instanceof PlanError) return error;
    throw error;
  }
  throw new Error('was not refused');
};

describe('planTransport', () => {
  it('with nothing said and the privilege takes our port of the loopback address', () => {
    const plan = planTransport(flags(), machine());
    expect(plan).toMatchObject({ io: ['xdp'], interfaceName: 'lo', takeover: true, connect: 'redis-cli' });
    expect(formatIpv4(plan.address)).toBe('127.0.0.1');
  });

  it('with nothing said and no privilege takes kernel sockets and says what would change that', () => {
    const plan = planTransport(flags(), machine(false));
    expect(plan.io).toEqual(['socket']);
    expect(plan.reason).toContain('setcap');
  });

  it('with an interface and an address of our own prefers AF_XDP and falls back to AF_PACKET', () => {
    const plan = planTransport(
      flags({ iface: 'eth0', ip: '192.0.2.10/24', gateway: '192.0.2.1', port: 7000 }),
      machine(),
    );
    expect(plan).toMatchObject({
      io: ['xdp', 'packet'],
      takeover: false,
      prefix: 24,
      connect: 'redis-cli -h 192.0.2.10 -p 7000',
    });
    expect(planTransport(flags({ iface: 'eth0', ip: '192.0.2.10', io: 'packet' }), machine()).io).toEqual(['packet']);
  });

  it('takes over a port of the host address only when told to', () => {
    expect(planTransport(flags({ iface: 'eth0', takeover: true }), machine())).toMatchObject({
      io: ['xdp'],
      takeover: true,
    });
    expect(refusal({ iface: 'eth0', ip: '192.0.2.7/24' }).mend).toContain('--takeover');
    expect(refusal({ iface: 'eth0', takeover: true, io: 'packet' }).mend).toContain('--io xdp');
    expect(refusal({ iface: 'bare0', takeover: true }).mend).toContain('--ip');
  });

  it('gives the other side of a TAP the first free address', () => {
    const plan = planTransport(flags({ io: 'tap', ip: '192.0.2.1/24' }), machine());
    expect(plan).toMatchObject({ io: ['tap'], interfaceName: 'rtcp0' });
    expect(formatIpv4(plan.gateway)).toBe('192.0.2.2');
    expect(formatIpv4(planTransport(flags({ io: 'tap', ip: '192.0.2.9/24' }), machine()).gateway)).toBe('192.0.2.1');
  });

  it('asks for the interface of an address that lo does not have', () => {
    const { message, mend, exitCode } = refusal({ ip: '192.0.2.77/24' });
    expect({ message, mend, exitCode }).toEqual({
      message: 'on which interface is 192.0.2.77/24 to be?',
      mend: 'name it, e.g. --iface eth0 --ip 192.0.2.77/24',
      exitCode: 2,
    });
  });

  it('names the cause and the mend of what can not be, with the exit code of its kind', () => {
    expect(refusal({ iface: 'eth9', ip: '192.0.2.10/24' })).toMatchObject({
      exitCode: 2,
      mend: 'choose one of: lo, eth0, bare0',
    });
    expect(refusal({ iface: 'eth0' }).mend).toContain('--takeover');
    expect(refusal({ io: 'tap' }).mend).toContain('--ip');
    expect(refusal({ io: 'packet' }).exitCode).toBe(2);
    expect(refusal({ io: 'xdp' }, machine(false))).toMatchObject({
      exitCode: 4,
      mend: "setcap 'cap_net_admin+ep' node",
    });
    expect(refusal({ iface: 'eth0', ip: '192.0.2.300/24' }).message).toContain('no IPv4 address');
    expect(refusal({ iface: 'eth0', ip: '192.0.2.10/0' }).message).toContain('prefix');
  });

  it.each(['0.0.0.0/24', '224.0.0.1/24', '255.255.255.255/32', '192.0.2.255/24', '192.0.2.0/24', '198.51.100.7/30'])(
    'refuses %s: it is no address of a host',
    (ip) => {
      expect(refusal({ iface: 'eth0', ip }).message).toContain(ip);
      expect(refusal({ io: 'tap', ip }).exitCode).toBe(2);
    },
  );

  it('takes both addresses of a subnet of two, and 127/8 on lo', () => {
    for (const ip of ['198.51.100.6/31', '198.51.100.7/31', '198.51.100.7/32', '127.0.0.1/8']) {
      expect(planTransport(flags({ iface: ip.startsWith('127') ? 'lo' : 'eth0', ip }), machine()).port).toBe(6379);
    }
  });

  it.each([
    { iface: 'eth0' },
    { ip: '192.0.2.10/24' },
    { mac: '02:00:00:00:00:01' },
    { gateway: '192.0.2.1' },
    { takeover: true },
  ])('refuses %o for kernel sockets instead of ignoring it', (over) => {
    expect(refusal({ io: 'socket', ...over }).message).toContain(`--${Object.keys(over)[0]}`);
  });
});
