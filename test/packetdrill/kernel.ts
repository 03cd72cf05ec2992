/**
 * What stands between system calls and the stack: descriptors, ports, and the end of connections, which the stack tells by its
 * observer. The stack is made when it is first needed, with what the script had set by then.
 */
import { Random } from '../../src/lib/random.ts';
import { SECRET_WORDS } from '../../src/lib/tcp/config.ts';
import type { Connection } from '../../src/lib/tcp/connection.ts';
import type { TcpObserver } from '../../src/lib/tcp/events.ts';
import type { TcpStack } from '../../src/lib/tcp/stack.ts';
import { CLOSED, TIME_WAIT } from '../../src/lib/tcp/state.ts';
import type { Epoll } from './epoll.ts';
import { Flow, streamBytes } from './flow.ts';
import type { ProfileName, Settings } from './profile.ts';
import { available } from './receive-buffer.ts';
import { socketHandler, TcpSocket } from './tcp-socket.ts';
import { World } from './world.ts';

/** The last step of a connection's life, as its observer saw it. */
export interface Ending {
  readonly from: number;
  readonly to: number;
  readonly cause: string;
  readonly softError: number;
  /** Received bytes that nobody had read. */
  readonly unread: number;
}

const FIRST_EPHEMERAL_PORT = 40_000;
const FIRST_REMOTE_PORT = 50_000;
const FIRST_DESCRIPTOR = 3;

export class Kernel {
  readonly settings: Settings;
  readonly handler = socketHandler(this);
  readonly descriptors = new Map<number, TcpSocket | Epoll>();
  /** Connections that the script speaks of; the last is meant when it names no ports. */
  readonly flows: Flow[] = [];
  /** A listen(2) came after the last flow: the next SYN begins a new one. */
  private awaitsFlow = false;
  private readonly endings = new WeakMap<Connection, Ending>();
  private made: World | null = null;
  private nextPort = FIRST_EPHEMERAL_PORT;
  private nextRemotePort = FIRST_REMOTE_PORT;
  /** The reader got what was never sent. */
  damage: string | null = null;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  get profile(): ProfileName {
    return this.settings.profile;
  }

  get world(): World {
    this.made ??= this.makeWorld();
    return this.made;
  }

  /** The stack was made: time goes by. */
  get started(): boolean {
    return this.made !== null;
  }

  get stack(): TcpStack {
    return this.world.tcp;
  }

  private makeWorld(): World {
    const { settings } = this;
    const random = new Random(1);
    const world = new World({
      mtu: settings.mtu,
      tcp: {
        ...settings.tcp,
        random,
        secret: Int32Array.from({ length: SECRET_WORDS }, () => random.int32()),
        receiveWindowBytes: settings.receiveBufferBytes,
        maxReceiveWindowBytes: settings.maxReceiveBufferBytes,
      },
    });
    world.tcp.observer = this.observer();
    return world;
  }

  /** A setting was changed: also of a stack that runs already. */
  settingsChanged(): void {
    if (this.made !== null) Object.assign(this.made.tcp.config, this.settings.tcp);
  }

  /** SO_RCVBUF: of a connection, or of those to come. Linux then offers no scale that this needs not. */
  receiveBuffer(bytes: number, c: Connection | null): void {
    if (c !== null) {
      c.rcvBuffer = Math.max(c.rcvBuffer, bytes);
      return;
    }
    const { settings } = this;
    settings.receiveBufferBytes = bytes;
    if (this.profile === 'linux') settings.maxReceiveBufferBytes = bytes;
    if (this.made === null) return;
    const most = Math.max(bytes, settings.maxReceiveBufferBytes);
    const windowScale = Math.min(14, Math.max(0, Math.ceil(Math.log2(most / 0xffff))));
    Object.assign(this.made.tcp, { receiveWindow: bytes, maxReceiveWindow: most, windowScale });
  }

  // ---- descriptors and ports

  freeDescriptor(): number {
    let fd = FIRST_DESCRIPTOR;
    while (this.descriptors.has(fd)) fd++;
    return fd;
  }

  sockets(): TcpSocket[] {
    return [...this.descriptors.values()].filter((descriptor) => descriptor instanceof TcpSocket);
  }

  portInUse(port: number, by: TcpSocket): boolean {
    return this.sockets().some((socket) => socket !== by && socket.localPort === port && socket.listener !== null);
  }

  ephemeralPort(): number {
    return this.nextPort++;
  }

  // ---- flows

  /** A connect(2) began a connection. */
  connected(socket: TcpSocket): void {
    this.flows.push(new Flow(this.world.ends, socket.localPort, socket.remotePort));
    this.awaitsFlow = false;
  }

  listening(): void {
    this.awaitsFlow = true;
  }

  /** The flow of a packet of the script, a new one if there is none yet. Ports are 0 where it names none. */
  flow(localPort: number, remotePort: number): Flow {
    const named = localPort !== 0 || remotePort !== 0;
    const found = this.flows.findLast((flow) =>
      named ? flow.localPort === localPort && flow.remotePort === remotePort : !this.awaitsFlow,
    );
    if (found !== undefined) return found;
    const flow = new Flow(
      this.world.ends,
      named ? localPort : this.boundPort(),
      named ? remotePort : this.nextRemotePort++,
    );
    this.flows.push(flow);
    this.awaitsFlow = false;
    return flow;
  }

  private boundPort(): number {
    const bound = this.sockets().findLast((socket) => socket.localPort !== 0 && socket.connection === null);
    return bound?.localPort ?? this.settings.bindPort;
  }

  // ---- what the stack tells

  endingOf(c: Connection): Ending | null {
    return this.endings.get(c) ?? null;
  }

  private observer(): TcpObserver {
    const nothing = (): void => {};
    return {
      stateChanged: (c, from, to, cause) => {
        if (to !== CLOSED && to !== TIME_WAIT) return;
        this.endings.set(c, { from, to, cause, softError: c.softError, unread: available(c) });
      },
      segmentIn: nothing,
      segmentOut: nothing,
      dropped: nothing,
      retransmitted: nothing,
      congestionChanged: nothing,
      timeWaitEnded: nothing,
      notSent: nothing,
    };
  }

  /** Bytes that a reader gets must be those that the script's end sent there. */
  checkRead(c: Connection, bytes: Uint8Array, sequence: number): void {
    if (Buffer.compare(bytes, streamBytes(sequence >>> 0, bytes.length)) !== 0) {
      this.damage ??= `what ${c.remoteAddress()} sent is not what was read`;
    }
  }
}
