/**
 * A script's own `--option=value` lines.
 */
import type { Settings } from './profile.ts';
import { type Script, ScriptError, type ScriptOption, Unsupported } from './script.ts';

/** Options about the tool that packets are sent with, or its output: nothing here depends on them. */
const WITHOUT_EFFECT = new Set([
  'define',
  'mss', // how large injected segments are cut by a card
  'local_ip',
  'remote_ip',
  'netmask_ip',
  'gateway_ip',
  'connect_ip',
  'bind_ip',
  'speed',
  'debug',
  'verbose',
  'dry_run',
  'init_scripts',
  'code_command_line',
  'code_format',
  'code_sockopt',
  'non_fatal',
  'wire_client_dev',
  'wire_server_dev',
  'is_anyip',
  'send_omit_free',
  'tcp_ts_ecr_scaled',
  'persistent_tun_dev',
  'tun_dev',
  'use_ip_bind_address_no_port',
  'nodad',
  'fragment',
]);
const SMALLEST_MTU = 68;
const LARGEST_MTU = 65_535;

export function applyOptions(script: Script, settings: Settings): void {
  for (const option of script.options) applyOption(option, settings);
}

function applyOption(option: ScriptOption, settings: Settings): void {
  const { name, value, line } = option;
  switch (name) {
    case 'ip_version':
      if (value !== 'ipv4') throw new Unsupported(line, `--ip_version=${value}`);
      return;
    case 'tolerance_usecs':
      settings.toleranceUs = numberOf(option, 0, 1e9);
      return;
    case 'tolerance_percent':
      settings.tolerancePercent = Number(value);
      return;
    case 'mtu':
      settings.mtu = numberOf(option, SMALLEST_MTU, LARGEST_MTU);
      return;
    case 'tcp_ts_tick_usecs':
      settings.tickUs = numberOf(option, 0, 1e6);
      return;
    case 'bind_port':
      settings.bindPort = numberOf(option, 1, 0xffff);
      return;
    case 'connect_port':
      settings.connectPort = numberOf(option, 1, 0xffff);
      return;
    case 'strict_segments':
      settings.strict = true;
      return;
    case 'wire_protocol':
    case 'wire_client':
    case 'wire_server':
      throw new Unsupported(line, `--${name}`);
    default:
      if (!WITHOUT_EFFECT.has(name)) throw new Unsupported(line, `option --${name}`);
  }
}

function numberOf({ name, value, line }: ScriptOption, least: number, most: number): number {
  const number = Number(value);
  if (value === null || !Number.isInteger(number) || number < least || number > most) {
    throw new ScriptError(line, `--${name} needs a number between ${least} and ${most}`);
  }
  return number;
}
