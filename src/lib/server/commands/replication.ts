/**
 * What there is to say of replicas and of a cluster where there are none: WAIT, WAITAOF wait for nobody until their time is
 * over, and what only a cluster has is refused as a redis-server without one refuses it.
 */
import { integerArgument } from '../../engine/arguments.ts';
import { type TimeoutAnswer, timeoutMsArgument } from '../../engine/blocking.ts';
import type { Engine, Handler } from '../../engine/engine.ts';

const NO_CLUSTER = 'ERR This instance has cluster support disabled';
const NO_AOF = 'ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.';
const NOT_POSITIVE = 'ERR value is out of range, must be positive';

export function replicationHandlers(): Record<string, Handler> {
  const noCluster: Handler = (engine) => engine.reply.error(NO_CLUSTER);
  return { wait, waitaof, readonly: noCluster, readwrite: noCluster, asking: noCluster, cluster: noCluster };
}

/** WAIT numreplicas timeout */
function wait(engine: Engine, arg: number): void {
  const replicas = integerArgument(engine, arg + 1);
  if (Number.isNaN(replicas)) return;
  const deadlineMs = timeoutMsArgument(engine, arg + 2);
  if (deadlineMs >= 0) waitFor(engine, replicas, deadlineMs, 'zero');
}

/** WAITAOF numlocal numreplicas timeout */
function waitaof(engine: Engine, arg: number): void {
  const local = integerArgument(engine, arg + 1);
  if (Number.isNaN(local)) return;
  if (local < 0 || local > 1) {
    engine.reply.error('ERR value is out of range, value must between 0 and 1');
    return;
  }
  const replicas = integerArgument(engine, arg + 2);
  if (Number.isNaN(replicas)) return;
  if (replicas < 0) {
    engine.reply.error(NOT_POSITIVE);
    return;
  }
  const deadlineMs = timeoutMsArgument(engine, arg + 3);
  if (deadlineMs < 0) return;
  if (local > 0) engine.reply.error(NO_AOF);
  else waitFor(engine, replicas, deadlineMs, 'twoZeros');
}

/** Waits for so many replicas: none comes. */
function waitFor(engine: Engine, replicas: number, deadlineMs: number, answer: TimeoutAnswer): void {
  const { reply } = engine;
  if (replicas > 0 && engine.blocker.block({ keys: [], type: -1, deadlineMs, onTimeout: answer })) return;
  if (answer === 'twoZeros') {
    reply.array(2);
    reply.integer(0);
  }
  reply.integer(0);
}
