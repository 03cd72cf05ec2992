#!/usr/bin/env node
// Hands the command line to oclif. `run` + `handle`, not `execute`: that one loses output to a slow pipe. And no `flush`:
// stdout is synchronous on Linux, and flushing never ends when its reader has gone (`| head`).
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR = 24;

const args = process.argv.slice(2);
const built = new URL('../dist/lib/cli/unknown-command.js', import.meta.url);

function explain(error) {
  console.error(`rtcp: ${error.message}\nmend: ${error.mend}`);
  process.exitCode = error.exitCode;
}

async function main() {
  const { Config, handle, run } = await import('@oclif/core');
  // Plugins that a user installed are none of ours; looking for them needs a HOME that can be read.
  const config = await Config.load({ root: fileURLToPath(import.meta.url), userPlugins: false, devPlugins: false });
  try {
    await run(args, config);
  } catch (error) {
    // Commands explain their own errors; what is left is a command that does not exist, and what oclif itself can't do.
    if (!/^command .* not found\.?$/i.test(error.message ?? '')) return await handle(error);
    const { errorDocument, unknownCommand } = await import(built.href);
    const unknown = unknownCommand(args, config.commandIDs);
    if (!args.includes('--json')) return explain(unknown);
    console.log(JSON.stringify(errorDocument(unknown), null, 2));
    process.exitCode = unknown.exitCode;
  }
}

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR) {
  console.error(
    `rtcp: Node.js ${process.version} is slower than the pinned ${NODE_MAJOR}, which is not installed (npm ci brings it)`,
  );
}
if (existsSync(built)) await main();
else explain({ message: 'it is not built', mend: 'npm ci', exitCode: 1 });
