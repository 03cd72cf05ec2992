/** CONFIG: the parameters of config-table.ts as clients see and change them. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Engine, Handler } from '../../engine/engine.ts';
import { globMatches } from '../../engine/glob.ts';
import { findParameter, HIDDEN, PARAMETERS, type Parameter } from '../config-table.ts';
import type { ServerContext } from '../context.ts';
import { rewriteRedisConf } from '../redis-conf.ts';
import { bulkLatin1, container } from './container.ts';
import { isLocal } from './local.ts';

const CONFIG_HELP = [
  'GET <pattern>',
  '    Return parameters matching the glob-like <pattern> and their values.',
  'SET <directive> <value>',
  '    Set the configuration <directive> to <value>.',
  'RESETSTAT',
  '    Reset statistics reported by the INFO command.',
  'REWRITE',
  '    Rewrite the configuration file.',
];

export function configHandler(context: ServerContext): Handler {
  return container('config', CONFIG_HELP, {
    get: (engine, arg, argc) => get(context, engine, arg, argc),
    set: (engine, arg, argc) => set(context, engine, arg, argc),
    resetstat: (engine) => {
      context.resetStats();
      engine.reply.ok();
    },
    rewrite: (engine) => rewrite(context, engine),
  });
}

/** CONFIG GET pattern …: a name answers under the spelling that it was asked by, a pattern under the table's. */
function get(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  const found = new Map<string, readonly [string, Parameter]>();
  for (let i = 2; i < argc; i++) {
    const pattern = engine.text(arg + i);
    if (/[[*?]/.test(pattern)) {
      for (const [name, parameter] of matching(pattern)) if (!found.has(name)) found.set(name, [name, parameter]);
    } else {
      const parameter = findParameter(pattern);
      const name = pattern.toLowerCase();
      if (parameter !== undefined && !found.has(name)) found.set(name, [pattern, parameter]);
    }
  }
  engine.reply.map(found.size);
  for (const [name, parameter] of found.values()) {
    bulkLatin1(engine, name);
    bulkLatin1(engine, context.config.get(parameter));
  }
}

/** Names and aliases that match, in the table's order. */
function* matching(pattern: string): Generator<readonly [string, Parameter]> {
  const glob = Buffer.from(pattern, 'latin1');
  for (const parameter of PARAMETERS) {
    if ((parameter.flags & HIDDEN) !== 0) continue;
    for (const name of [parameter.name, parameter.alias]) {
      if (name === null) continue;
      const bytes = Buffer.from(name);
      if (globMatches(glob, 0, glob.length, bytes, 0, bytes.length, true)) yield [name, parameter];
    }
  }
}

/** CONFIG SET name value … */
function set(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  if (argc % 2 !== 0) {
    engine.reply.error('ERR syntax error');
    return;
  }
  const pairs: [string, string][] = [];
  for (let i = 2; i < argc; i += 2) pairs.push([engine.text(arg + i), engine.text(arg + i + 1)]);
  const error = context.config.set(pairs, isLocal(engine.client));
  if (error === null) engine.reply.ok();
  else engine.reply.error(`ERR ${error}`);
}

/** CONFIG REWRITE: the new file replaces the old one whole, or not at all. */
function rewrite(context: ServerContext, engine: Engine): void {
  const { config } = context;
  if (config.file === '') {
    engine.reply.error('ERR The server is running without a config file');
    return;
  }
  const temporary = `${config.file}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, rewriteRedisConf(readFileSync(config.file, 'latin1'), config), 'latin1');
    renameSync(temporary, config.file);
  } catch (error) {
    rmSync(temporary, { force: true });
    const { message } = error as Error;
    context.log('warning', `CONFIG REWRITE failed: ${message}`);
    engine.reply.error(`ERR Rewriting config file: ${message}`);
    return;
  }
  context.log('notice', 'CONFIG REWRITE executed with success.');
  engine.reply.ok();
}
