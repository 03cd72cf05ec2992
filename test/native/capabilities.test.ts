/** What the process may do, against what the kernel says, with and without privileges. */
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { expect, test } from 'vitest';
import { capabilities, NEEDED_CAPABILITY_BITS, setcapCommand } from '../../src/lib/native/capabilities.ts';
import { check, NativeError } from '../../src/lib/native/error.ts';

test('the effective set is the one of /proc', () => {
  const line = /CapEff:\s*([0-9a-f]+)/.exec(readFileSync('/proc/thread-self/status', 'utf8'));
  const mask = BigInt(`0x${line?.[1]}`);
  const has = (bit: number): boolean => ((mask >> BigInt(bit)) & 1n) === 1n;
  expect(capabilities()).toEqual({
    netAdmin: has(12),
    netRaw: has(13),
    bpf: has(39) || has(21),
    ipcLock: has(14),
  });
  expect(NEEDED_CAPABILITY_BITS.length).toBe(5);
});

test('the mend names the binary that really runs', () => {
  expect(setcapCommand()).toBe(
    `sudo setcap cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon,cap_ipc_lock=ep ${realpathSync(process.execPath)}`,
  );
});

/** Runs a module's code without any capability. */
function unprivileged(code: string): string {
  const url = (path: string): string => new URL(`../../src/lib/${path}`, import.meta.url).href;
  const script = `
    const { PacketMemory } = await import('${url('memory/packet-memory.ts')}');
    const { PacketLink } = await import('${url('link/packet.ts')}');
    const { XdpLink } = await import('${url('link/xdp.ts')}');
    const { TapLink } = await import('${url('link/tap.ts')}');
    const { capabilities } = await import('${url('native/capabilities.ts')}');
    const memory = new PacketMemory(64 << 20, 1 << 20);
    const match = { kind: 'address', address: 0x0a000001 };
    try { console.log(JSON.stringify(${code})); } catch (error) { console.log(error.name, error.code, error.message); }`;
  const result = spawnSync(
    'setpriv',
    ['--bounding-set=-all', '--inh-caps=-all', process.execPath, '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  );
  return result.stdout.trim() + result.stderr.trim();
}

test('without privileges each driver says what would give them', () => {
  expect(unprivileged('capabilities()')).toBe(
    JSON.stringify({ netAdmin: false, netRaw: false, bpf: false, ipcLock: false }),
  );
  const mend = /; run as root, or once: sudo setcap cap_net_raw,.*=ep \/.*node$/;
  const packet = unprivileged(`PacketLink.open({ memory, interfaceName: 'lo', match })`);
  expect(packet).toContain(`NativeError EPERM can't open a packet socket on lo: operation not permitted (EPERM)`);
  expect(packet).toMatch(mend);
  const xdp = unprivileged(`XdpLink.open({ memory, interfaceName: 'lo', match })`);
  expect(xdp).toContain(`NativeError EPERM can't open an AF_XDP socket`);
  expect(xdp).toMatch(mend);
  const tap = unprivileged(`TapLink.open({ memory, interfaceName: 'rtcpnever' })`);
  expect(tap).toMatch(/^NativeError EPERM can't create the TAP device rtcpnever/);
  expect(tap).toMatch(mend);
});

test('check passes results on and explains failures', () => {
  expect(check(7, 'succeed')).toBe(7);
  const failure = (): number => check(-16, 'bind it', { 16: 'stop the other' });
  expect(failure).toThrow(NativeError);
  expect(failure).toThrow(`can't bind it: resource busy or locked (EBUSY); stop the other`);
  expect(() => check(-12345, 'do it')).toThrow(`can't do it: error 12345 (E12345)`);
});
