/**
 * What Redis 7.2 has and this server doesn't, with the reason: commands by name, subcommands as `container|subcommand`. Their
 * specs are in the table all the same; a command is served (and told of by COMMAND) once its name is taken out here; `npm run
 * commands-doc` then writes docs/commands.md anew.
 */
const NOT_YET = 'not there yet';
const REPLICATION = 'there is no replication';
const PERSISTENCE = 'nothing is written to disk';
const CLUSTER = 'there is no cluster';
const MODULES = "native modules of Redis can't be loaded";
const ACL = 'there is one user, who may do everything';

export const absent: Readonly<Record<string, string>> = {
  // generic
  migrate: NOT_YET,
  // transactions
  // pubsub
  // server
  // replication
  failover: REPLICATION,
  psync: REPLICATION,
  replconf: REPLICATION,
  replicaof: REPLICATION,
  slaveof: REPLICATION,
  sync: REPLICATION,
  // persistence
  bgrewriteaof: PERSISTENCE,
  bgsave: PERSISTENCE,
  save: PERSISTENCE,
  // cluster
  'restore-asking': CLUSTER,
  // modules
  module: MODULES,
  // ACL
  'acl|deluser': ACL,
  'acl|load': ACL,
  'acl|save': ACL,
  'acl|setuser': ACL,
};
