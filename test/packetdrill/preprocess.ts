/**
 * `#ifdef NAME`, `#ifndef`, `#if defined(NAME)`, `#else`, `#endif` and `#define NAME [value]`, line by line. What is left out
 * becomes an empty line, so that line numbers stay. Defined names are replaced by the lexer, where they stand as words.
 */
import { ScriptError } from './script.ts';

/** Name → value; a name without a value has the empty string. */
export type Definitions = Map<string, string>;

interface Branch {
  readonly line: number;
  /** The lines of the branch that is being read count. */
  active: boolean;
  /** Whether those around it count. */
  readonly outer: boolean;
  sawElse: boolean;
}

const DIRECTIVE = /^\s*#(ifdef|ifndef|if|elif|else|endif|define|undef)\b\s*(.*?)\s*$/;
const CONDITION = /^(!?)\s*(?:defined\s*\(?\s*)?([A-Za-z_]\w*|[01])\s*\)?$/;
const DEFINITION = /^([A-Za-z_]\w*)(?:\s+(.*))?$/;

/** The text without directives; `#define` adds to `definitions`. */
export function preprocess(text: string, definitions: Definitions): string {
  const branches: Branch[] = [];
  const lines = text.split('\n').map((line, index) => {
    const directive = DIRECTIVE.exec(line);
    const active = branches.length === 0 || branches[branches.length - 1].active;
    if (directive === null) return active ? line : '';
    apply(directive[1], directive[2].replace(/\/\/.*$/, '').trim(), index + 1, active, branches, definitions);
    return '';
  });
  if (branches.length > 0) {
    throw new ScriptError(branches[branches.length - 1].line, 'this #if has no #endif');
  }
  return lines.join('\n');
}

function apply(
  name: string,
  rest: string,
  line: number,
  active: boolean,
  branches: Branch[],
  definitions: Definitions,
): void {
  switch (name) {
    case 'ifdef':
    case 'ifndef':
    case 'if': {
      const holds = condition(rest, line, definitions) !== (name === 'ifndef');
      branches.push({ line, active: active && holds, outer: active, sawElse: false });
      return;
    }
    case 'else': {
      const branch = branches.at(-1);
      if (branch === undefined || branch.sawElse) throw new ScriptError(line, '#else without #if');
      branch.sawElse = true;
      branch.active = branch.outer && !branch.active;
      return;
    }
    case 'endif':
      if (branches.pop() === undefined) throw new ScriptError(line, '#endif without #if');
      return;
    case 'define': {
      const definition = DEFINITION.exec(rest);
      if (definition === null) throw new ScriptError(line, '#define needs a name');
      if (active) definitions.set(definition[1], definition[2] ?? '');
      return;
    }
    case 'undef':
      if (active) definitions.delete(rest);
      return;
    default:
      throw new ScriptError(line, `#${name} is not known here`);
  }
}

function condition(text: string, line: number, definitions: Definitions): boolean {
  const parts = CONDITION.exec(text);
  if (parts === null) throw new ScriptError(line, `'${text}' is not a condition: a name, defined(NAME), 0 or 1`);
  const [, not, name] = parts;
  const value = definitions.get(name);
  const holds = name === '1' || (value !== undefined && value !== '0');
  return holds !== (not === '!');
}
