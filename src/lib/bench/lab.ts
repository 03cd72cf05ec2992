/**
 * The wire of a benchmark: two network namespaces joined by a veth pair, made for one server and removed after it.
 *
 *   ┌ rtcpb-PID-N-c ────────┐          ┌ rtcpb-PID-N-s ────────┐
 *   │ load    192.0.2.1/24  │── veth ──│ 192.0.2.2/24   server │   .3 is rtcp's own address on the same wire
 *   └───────────────────────┘          └───────────────────────┘
 *
 * A TAP needs no wire: server and load share the server's namespace, and the kernel's side of the TAP is the client.
 * A namespace takes its interfaces with it when it is deleted; that is done in any case, also on the second Ctrl-C.
 */
import { execFileSync } from 'node:child_process';
import { CommandError } from '../cli/command-error.ts';
import { EXIT_NO_PRIVILEGE } from '../cli/exit-codes.ts';

export const CLIENT_ADDRESS = '192.0.2.1';
export const SERVER_ADDRESS = '192.0.2.2';
export const OWN_ADDRESS = '192.0.2.3';
export const TAP_KERNEL_ADDRESS = '198.51.100.1';
export const TAP_OWN_ADDRESS = '198.51.100.2';
export const PREFIX_LENGTH = 24;
export const SERVER_INTERFACE = 'server0';
export const CLIENT_INTERFACE = 'client0';

const COMMAND_TIMEOUT_MS = 10_000;

let labs = 0;

export class Lab {
  readonly serverNamespace: string;
  readonly clientNamespace: string;

  private constructor(serverNamespace: string, clientNamespace: string) {
    this.serverNamespace = serverNamespace;
    this.clientNamespace = clientNamespace;
  }

  /** Makes namespaces and wire; throws a CommandError, with nothing left behind, when that is not allowed here. */
  static create(): Lab {
    const name = `rtcpb-${process.pid}-${labs++}`;
    const lab = new Lab(`${name}-s`, `${name}-c`);
    try {
      lab.build();
    } catch (error) {
      lab.remove();
      const { stderr } = error as { stderr?: unknown };
      const reason = String(stderr || error)
        .trim()
        .split('\n', 1)[0];
      throw new CommandError(
        `no network namespaces can be made: ${reason}`,
        'run it as root, with iproute2 installed: sudo rtcp bench',
        EXIT_NO_PRIVILEGE,
      );
    }
    return lab;
  }

  /** Makes one and removes it: whether it can be done is known before anything is said or started. */
  static tryOut(): void {
    Lab.create().remove();
  }

  /** Idempotent; what does not exist is no error. */
  remove(): void {
    for (const namespace of [this.serverNamespace, this.clientNamespace]) {
      try {
        ip('netns', 'del', namespace);
      } catch {
        // it was never made, or is gone already
      }
    }
  }

  private build(): void {
    const { serverNamespace: server, clientNamespace: client } = this;
    ip('netns', 'add', server);
    ip('netns', 'add', client);
    ip(
      '-n',
      server,
      'link',
      'add',
      SERVER_INTERFACE,
      'type',
      'veth',
      'peer',
      'name',
      CLIENT_INTERFACE,
      'netns',
      client,
    );
    ip('-n', server, 'address', 'add', `${SERVER_ADDRESS}/${PREFIX_LENGTH}`, 'dev', SERVER_INTERFACE);
    ip('-n', client, 'address', 'add', `${CLIENT_ADDRESS}/${PREFIX_LENGTH}`, 'dev', CLIENT_INTERFACE);
    for (const [namespace, device] of [
      [server, 'lo'],
      [client, 'lo'],
      [server, SERVER_INTERFACE],
      [client, CLIENT_INTERFACE],
    ]) {
      ip('-n', namespace, 'link', 'set', device, 'up');
    }
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: COMMAND_TIMEOUT_MS });
}
