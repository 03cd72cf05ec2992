/**
 * ACL, as far as it goes with one user, `default`, who may do everything: who he is, which commands there are in which
 * category, passwords to be made. Users can't be made or changed.
 */
import { createHash, randomBytes } from 'node:crypto';
import { integerArgument, shownText } from '../../engine/arguments.ts';
import { CATEGORIES, type Command, commands, findCommand } from '../../engine/command-table.ts';
import type { Engine, Handler } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import { bulkLatin1, container } from './container.ts';

const USER = 'default';
const DEFAULT_PASSWORD_BITS = 256;
const MAX_PASSWORD_BITS = 4096;

const ACL_HELP = [
  'CAT [<category>]',
  '    List all commands that belong to <category>, or all command categories',
  '    when no category is specified.',
  'DRYRUN <username> <command> [<arg> ...]',
  '    Returns whether the user can execute the given command without executing the command.',
  'GETUSER <username>',
  "    Get the user's details.",
  'GENPASS [<bits>]',
  '    Generate a secure 256-bit user password. The optional `bits` argument can',
  '    be used to specify a different size.',
  'LIST',
  '    Show users details in config file format.',
  'LOG [<count> | RESET]',
  '    Show the ACL log entries.',
  'USERS',
  '    List all the registered usernames.',
  'WHOAMI',
  '    Return the current connection username.',
];

export function aclHandler(context: ServerContext): Handler {
  return container('acl', ACL_HELP, {
    whoami: (engine) => bulkLatin1(engine, engine.client.user),
    users: (engine) => {
      engine.reply.array(1);
      engine.reply.bulkText(USER);
    },
    list: (engine) => {
      engine.reply.array(1);
      engine.reply.bulkText(`user ${USER} on ${secrets(context).join(' ')} ~* &* +@all`);
    },
    cat,
    getuser: (engine, arg) => getuser(context, engine, arg),
    genpass,
    dryrun,
    log,
  });
}

/** `nopass`, or the digest of the password. */
function secrets({ config }: ServerContext): string[] {
  return config.password === '' ? ['nopass'] : [`#${digest(config.password)}`];
}

function digest(password: string): string {
  return createHash('sha256').update(password, 'latin1').digest('hex');
}

/** ACL CAT [category] */
function cat(engine: Engine, arg: number, argc: number): void {
  if (argc === 2) {
    sayWords(engine, CATEGORIES);
    return;
  }
  const category = engine.text(arg + 2).toLowerCase();
  if (argc > 3 || !CATEGORIES.includes(category)) {
    if (argc > 3) unknownOrWrong(engine, arg);
    else engine.reply.error(`ERR Unknown category '${shownText(engine, arg + 2)}'`);
    return;
  }
  const all = commands.flatMap((command): Command[] =>
    command.subcommands.size === 0 ? [command] : [...command.subcommands.values()],
  );
  const named = all.filter(({ categories }) => categories.includes(category));
  sayWords(
    engine,
    named.map(({ fullName }) => fullName),
  );
}

function getuser(context: ServerContext, engine: Engine, arg: number): void {
  const { reply } = engine;
  if (engine.text(arg + 2) !== USER) {
    reply.nil();
    return;
  }
  const { password } = context.config;
  reply.map(6);
  reply.bulkText('flags');
  const flags = password === '' ? ['on', 'nopass'] : ['on'];
  reply.set(flags.length);
  for (const flag of flags) reply.bulkText(flag);
  reply.bulkText('passwords');
  sayWords(engine, password === '' ? [] : [digest(password)]);
  for (const [name, value] of [
    ['commands', '+@all'],
    ['keys', '~*'],
    ['channels', '&*'],
  ]) {
    reply.bulkText(name);
    reply.bulkText(value);
  }
  reply.bulkText('selectors');
  reply.array(0);
}

/** ACL GENPASS [bits]: hexadecimal digits, four bits each. */
function genpass(engine: Engine, arg: number, argc: number): void {
  if (argc > 3) {
    unknownOrWrong(engine, arg);
    return;
  }
  const bits = argc === 3 ? integerArgument(engine, arg + 2) : DEFAULT_PASSWORD_BITS;
  if (Number.isNaN(bits)) return;
  if (bits <= 0 || bits > MAX_PASSWORD_BITS) {
    engine.reply.error(
      `ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to ` +
        `${MAX_PASSWORD_BITS}`,
    );
    return;
  }
  const digits = Math.ceil(bits / 4);
  engine.reply.bulkText(
    randomBytes(Math.ceil(digits / 2))
      .toString('hex')
      .slice(0, digits),
  );
}

/** ACL DRYRUN user command [argument …] */
function dryrun(engine: Engine, arg: number, argc: number): void {
  const { reply } = engine;
  const user = engine.text(arg + 2);
  const command = argc > 3 ? findCommand(engine.text(arg + 3)) : undefined;
  if (user !== USER) reply.error(`ERR User '${shownText(engine, arg + 2)}' not found`);
  else if (command === undefined) reply.error(`ERR Command '${shownText(engine, arg + 3)}' not found`);
  else if (!command.admits(argc - 3)) reply.error(`ERR wrong number of arguments for '${command.fullName}' command`);
  else reply.ok();
}

/** ACL LOG [count|RESET]: nobody is ever refused anything. */
function log(engine: Engine, arg: number, argc: number): void {
  if (argc > 3) unknownOrWrong(engine, arg);
  else if (argc === 3 && engine.text(arg + 2).toLowerCase() === 'reset') engine.reply.ok();
  else if (argc === 2 || !Number.isNaN(integerArgument(engine, arg + 2))) engine.reply.array(0);
}

function unknownOrWrong(engine: Engine, arg: number): void {
  const name = engine.text(arg + 1);
  engine.reply.error(`ERR unknown subcommand or wrong number of arguments for '${name}'. Try ACL HELP.`);
}

function sayWords(engine: Engine, words: readonly string[]): void {
  engine.reply.array(words.length);
  for (const word of words) engine.reply.bulkText(word);
}
