/**
 * Writes docs/commands.md from the command table: every command of Redis by group, and whether it is here.
 *
 *   node scripts/commands-doc.mjs           writes it
 *   node scripts/commands-doc.mjs --check   exits with 1 when it isn't what would be written
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { absent } from '../src/lib/engine/table/absent.ts';
import { allCommands } from '../src/lib/engine/table/all.ts';

const FILE = new URL('../docs/commands.md', import.meta.url);
/** The version whose commands are counted; later ones come on top. */
const VERSION = 7.2;
/** Groups in the order of the document, with their headings. */
const GROUPS = {
  string: 'Strings',
  bitmap: 'Bitmaps',
  hyperloglog: 'HyperLogLogs',
  list: 'Lists',
  set: 'Sets',
  hash: 'Hashes',
  'sorted-set': 'Sorted sets',
  geo: 'Geospatial indexes',
  stream: 'Streams',
  generic: 'Keys of any type',
  transactions: 'Transactions',
  scripting: 'Scripts and functions',
  pubsub: 'Publish and subscribe',
  connection: 'Connection',
  server: 'Server',
  cluster: 'Cluster',
};

const isLater = (spec) => Number.parseFloat(spec.since) > VERSION;
const cell = (text) => text.replaceAll('|', '\\|');
const list = (names) => names.map((name) => `\`${name.toUpperCase()}\``).join(', ');

/** Why the command or subcommand isn't here; undefined when it is. A container's reason is its subcommands' reason. */
const whyAbsent = (spec, container) => absent[container ?? spec.name] ?? absent[`${container}|${spec.name}`];

function row(spec, container) {
  const name = container === undefined ? spec.name : `${container} ${spec.name}`;
  const why = whyAbsent(spec, container);
  const summary = spec.summary.replace(/[. ]*$/, '.');
  const cells = [`\`${name.toUpperCase()}\``, spec.since, why === undefined ? 'yes' : `no: ${why}`];
  return `| ${[...cells, summary, spec.complexity ?? ''].map(cell).join(' | ')} |`;
}

function section(group, title) {
  const specs = allCommands.filter((spec) => spec.group === group).sort((a, b) => (a.name < b.name ? -1 : 1));
  const here = specs.filter((spec) => whyAbsent(spec) === undefined).length;
  const rows = specs.flatMap((spec) => [row(spec), ...(spec.subcommands ?? []).map((sub) => row(sub, spec.name))]);
  return [
    `## ${title}`,
    '',
    `${here} of ${specs.length} commands are here.`,
    '',
    '| command | since | here | what it does | complexity |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ];
}

function summary() {
  const counted = allCommands.filter((spec) => !isLater(spec));
  const later = allCommands.filter((spec) => isLater(spec) && whyAbsent(spec) === undefined);
  const here = counted.filter((spec) => whyAbsent(spec) === undefined);
  const subcommands = allCommands.flatMap((spec) => (spec.subcommands ?? []).map((sub) => whyAbsent(sub, spec.name)));
  const subcommandsHere = subcommands.filter((why) => why === undefined).length;
  const lines = [
    `${here.length} of the ${counted.length} top-level commands of Redis ${VERSION} are here, and ${subcommandsHere} of the`,
    `${subcommands.length} subcommands of its containers${later.length > 0 ? `, plus ${later.length} commands of later versions: ${list(later.map((spec) => spec.name))}` : ''}.`,
  ];
  const reasons = new Map();
  for (const [name, why] of Object.entries(absent))
    reasons.set(why, [...(reasons.get(why) ?? []), name.replace('|', ' ')]);
  if (reasons.size === 0) return lines;
  const missing = [...reasons].map(([why, names]) => `- ${why}: ${list(names)}`);
  return [...lines, '', 'What is not here, and why:', '', ...missing];
}

export function commandsDocument() {
  const unknown = allCommands.find((spec) => !(spec.group in GROUPS));
  if (unknown !== undefined) throw new Error(`no heading for the group ${unknown.group} of ${unknown.name}`);
  return [
    '# Commands',
    '',
    'Made from the command table (`src/lib/engine/table/`) by `npm run commands-doc`; don’t edit. What a command does in every detail',
    'is in Redis’s documentation; `COMMAND DOCS name` has the arguments.',
    '',
    ...summary(),
    '',
    ...Object.entries(GROUPS).flatMap(([group, title]) => section(group, title)),
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = commandsDocument();
  if (!process.argv.includes('--check')) writeFileSync(FILE, text);
  else if (readFileSync(FILE, 'utf8') !== text) {
    console.error('docs/commands.md is not what the command table says: run npm run commands-doc');
    process.exitCode = 1;
  }
}
