/**
 * Transactions: commands that are queued and run together, if what is watched stays as it is.
 * The facts of Redis 7.2 (COMMAND INFO, COMMAND DOCS), one entry for each command.
 */
import { type CommandSpec, key, manyKeys } from './spec.ts';

export const transactionsCommands: CommandSpec[] = [
  {
    name: 'discard',
    arity: 1,
    flags: 'noscript loading stale fast allow_busy',
    categories: 'transaction',
    group: 'transactions',
    since: '2.0.0',
    summary: 'Discards a transaction.',
    complexity: 'O(N), when N is the number of queued commands',
  },
  {
    name: 'exec',
    arity: 1,
    flags: 'noscript loading stale skip_slowlog',
    categories: 'transaction',
    group: 'transactions',
    since: '1.2.0',
    summary: 'Executes all commands in a transaction.',
    complexity: 'Depends on commands in the transaction',
  },
  {
    name: 'multi',
    arity: 1,
    flags: 'noscript loading stale fast allow_busy',
    categories: 'transaction',
    group: 'transactions',
    since: '1.2.0',
    summary: 'Starts a transaction.',
    complexity: 'O(1)',
  },
  {
    name: 'unwatch',
    arity: 1,
    flags: 'noscript loading stale fast allow_busy',
    categories: 'transaction',
    group: 'transactions',
    since: '2.2.0',
    summary: 'Forgets about watched keys of a transaction.',
    complexity: 'O(1)',
  },
  {
    name: 'watch',
    arity: -2,
    flags: 'noscript loading stale fast allow_busy',
    categories: 'transaction',
    group: 'transactions',
    since: '2.2.0',
    summary: 'Monitors changes to keys to determine the execution of a transaction.',
    complexity: 'O(1) for every key.',
    keys: [manyKeys('RO')],
    arguments: [key('key', { multiple: true })],
  },
];
