/**
 * `npm run packetdrill -- FILE… [--strict] [--json OUT] [-D NAME[=VALUE]] [--profile linux|freebsd|auto] [-v]`: runs scripts
 * against the stack, in this process and on a virtual clock. A directory stands for all the scripts in it.
 *
 * Exit: 0 when none failed, 3 when one did, 2 when one can't be read (or the usage is wrong).
 */
import { openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Definitions } from './preprocess.ts';
import type { ProfileName } from './profile.ts';
import { judge, type RunOptions, type Verdict, type VerdictName } from './verdict.ts';

const EXIT_USAGE = 2;
const EXIT_FAILED = 3;
const PROFILES: readonly string[] = ['linux', 'freebsd', 'auto'];
const USAGE =
  'usage: npm run packetdrill -- FILE… [--strict] [--json OUT] [-D NAME[=VALUE]] [--profile linux|freebsd|auto] [-v]';
const HELP = `${USAGE}

  FILE              a script, or a folder: all *.pkt below it
  --strict          PSH, windows, and how data is cut into segments count, too
  --json OUT        write the verdicts to a file
  -D NAME[=VALUE]   define NAME for #ifdef and for the script
  --profile         whose defaults: linux, freebsd, or auto (by what the script sets; default)
  -v, --verbose     each step as it is taken

Exit status: 0 none failed, 3 one failed, 2 one can't be read, or wrong usage.`;

function main(): number {
  const { values, positionals } = readArguments();
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const profile = values.profile ?? 'auto';
  if (positionals.length === 0) throw new Error('no script is named');
  if (!PROFILES.includes(profile)) throw new Error(`--profile ${profile}: it is one of ${PROFILES.join(', ')}`);
  const files = positionals.flatMap(filesOf);
  if (files.length === 0) throw new Error(`no script (*.pkt) is below ${positionals.join(', ')}`);
  const json = values.json === undefined ? null : openSync(values.json, 'w');
  const options: RunOptions = {
    strict: values.strict ?? false,
    profile: profile as ProfileName | 'auto',
    definitions: definitions(values.define ?? []),
    trace: values.verbose ? (text) => console.log(`    ${text}`) : () => {},
  };
  const verdicts = files.map((file) => {
    const verdict = judgeFile(file, options);
    console.log(describe(verdict));
    return verdict;
  });
  console.log(summary(verdicts));
  if (json !== null) writeFileSync(json, `${JSON.stringify(verdicts, null, 2)}\n`);
  if (verdicts.some(({ verdict }) => verdict === 'FAIL')) return EXIT_FAILED;
  return verdicts.some(({ verdict }) => verdict === 'ERROR') ? EXIT_USAGE : 0;
}

function readArguments() {
  return parseArgs({
    allowPositionals: true,
    options: {
      strict: { type: 'boolean' },
      json: { type: 'string' },
      define: { type: 'string', short: 'D', multiple: true },
      profile: { type: 'string' },
      verbose: { type: 'boolean', short: 'v' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

function definitions(texts: readonly string[]): Definitions {
  return new Map(
    texts.map((text) => {
      const [name, ...value] = text.split('=');
      return [name, value.join('=')];
    }),
  );
}

/** A file, or all *.pkt below a directory, in the order of their names. */
function filesOf(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.pkt'))
    .sort()
    .map((name) => join(path, name));
}

function judgeFile(file: string, options: RunOptions): Verdict {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return { file, verdict: 'ERROR', line: 0, reason: error instanceof Error ? error.message : String(error), ms: 0 };
  }
  return judge(file, text, options);
}

function describe({ file, verdict, line, reason }: Verdict): string {
  if (verdict === 'PASS') return `PASS ${file}`;
  return line === 0 ? `${verdict} ${file}: ${reason}` : `${verdict} ${file}:${line}: ${reason}`;
}

function summary(verdicts: readonly Verdict[]): string {
  const count = (name: VerdictName): number => verdicts.filter(({ verdict }) => verdict === name).length;
  const supported = verdicts.length - count('UNSUPPORTED');
  const share = supported === 0 ? '' : ` (${((100 * count('PASS')) / supported).toFixed(1)} % of the supported)`;
  const errors = count('ERROR') === 0 ? '' : `, ${count('ERROR')} unreadable`;
  return `${verdicts.length} scripts: ${count('PASS')} passed${share}, ${count('FAIL')} failed, ${count('UNSUPPORTED')} unsupported${errors}`;
}

try {
  process.exitCode = main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(USAGE);
  process.exitCode = EXIT_USAGE;
}
