/**
 * All of Redis's commands: those of 7.2, and the hash fields with an expiration time that came later. Which of them are here
 * is said by absent.ts.
 */
import { aclCommands } from './acl.ts';
import { bitmapCommands } from './bitmap.ts';
import { clusterCommands } from './cluster.ts';
import { connectionCommands } from './connection.ts';
import { extensionCommands } from './extension.ts';
import { genericCommands } from './generic.ts';
import { geoCommands } from './geo.ts';
import { geoRadiusCommands } from './geo-radius.ts';
import { hashCommands } from './hash.ts';
import { hashExpiryCommands } from './hash-expiry.ts';
import { hyperloglogCommands } from './hyperloglog.ts';
import { listCommands } from './list.ts';
import { pubsubCommands } from './pubsub.ts';
import { replicationCommands } from './replication.ts';
import { scriptingCommands } from './scripting.ts';
import { serverCommands } from './server.ts';
import { setCommands } from './set.ts';
import { sortedSetCommands } from './sorted-set.ts';
import { sortedSetCombineCommands } from './sorted-set-combine.ts';
import { sortedSetRangeCommands } from './sorted-set-range.ts';
import type { CommandSpec } from './spec.ts';
import { streamCommands } from './stream.ts';
import { streamGroupCommands } from './stream-group.ts';
import { stringCommands } from './string.ts';
import { transactionsCommands } from './transactions.ts';

export const allCommands: readonly CommandSpec[] = [
  ...stringCommands,
  ...genericCommands,
  ...connectionCommands,
  ...serverCommands,
  ...listCommands,
  ...setCommands,
  ...hashCommands,
  ...hashExpiryCommands,
  ...sortedSetCommands,
  ...sortedSetRangeCommands,
  ...sortedSetCombineCommands,
  ...streamCommands,
  ...streamGroupCommands,
  ...bitmapCommands,
  ...hyperloglogCommands,
  ...geoCommands,
  ...geoRadiusCommands,
  ...transactionsCommands,
  ...pubsubCommands,
  ...scriptingCommands,
  ...replicationCommands,
  ...extensionCommands,
  ...aclCommands,
  ...clusterCommands,
];
