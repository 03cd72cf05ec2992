#!/usr/bin/env node
// Hands the command line to oclif. `run` + `handle`, not `execute`: that one loses output to a slow pipe. And no `flush`:
// stdout is synchronous on Linux, and flushing never ends when its reader has gone (`| head`).
import { existsSync } from 'node:fs';
import { handle, run } from '@oclif/core';

const args = process.argv.slice(2);
const commands = new URL('../dist/commands/', import.meta.url);

function explain(cause, mend, exitCode) {
  console.error(`rtcp: ${cause}\nmend: ${mend}`);
  process.exitCode = exitCode;
}

try {
  if (existsSync(commands)) await run(args, import.meta.url);
  else explain('it is not built', 'npm ci', 1);
} catch (error) {
  // Commands explain their own errors; what is left is a command that does not exist, and what oclif itself can't do.
  if (/^command .* not found$/i.test(error.message ?? '')) {
    const known = existsSync(new URL(`${args[0]}.js`, commands));
    explain(`there is no command '${args.join(' ')}'`, known ? `rtcp ${args[0]} --help` : 'rtcp --help', 2);
  } else await handle(error);
}
