/**
 * The Python of %{ … }% blocks, as far as assertions go: `assert`, `print` (which is passed over), `if` with a block, `name =`,
 * names of tcp_info and constants, numbers, and the usual operators. Nothing else is understood, and nothing is evaluated but by
 * this.
 *
 *   assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd
 *   assert 90000 <= tcpi_rtt <= 110000 and not tcpi_lost
 */
import { Mismatch, Unsupported } from './script.ts';

/** The number of a name; undefined when there is none. */
export type Names = (name: string) => number | undefined;

/** What earlier statements of a script have assigned. */
export type Variables = Map<string, number>;

interface Statement {
  readonly line: number;
  readonly indent: number;
  readonly text: string;
}

/** Runs a block that begins at `line`. Throws Mismatch for an assertion that fails, Unsupported for what isn't understood. */
export function runCode(text: string, line: number, names: Names, variables: Variables = new Map()): void {
  const statements = statementsOf(text, line);
  const known: Names = (name) => variables.get(name) ?? names(name);
  for (let i = 0; i < statements.length; ) i = runStatement(statements, i, known, variables);
}

/** Runs the statement at `i`, with the block that belongs to it; returns where the next one is. */
function runStatement(statements: readonly Statement[], i: number, names: Names, variables: Variables): number {
  const { text, line, indent } = statements[i];
  const condition = /^(?:if|elif)\b(.*?):\s*([^:]*)$/.exec(text);
  if (condition !== null) {
    const holds = truth(evaluate(condition[1], line, names));
    if (condition[2] !== '') {
      if (holds) runSimple(condition[2], line, names, variables);
      return i + 1;
    }
    let next = i + 1;
    while (next < statements.length && statements[next].indent > indent) {
      next = holds ? runStatement(statements, next, names, variables) : next + 1;
    }
    return next;
  }
  runSimple(text, line, names, variables);
  return i + 1;
}

function runSimple(text: string, line: number, names: Names, variables: Variables): void {
  if (/^print\b/.test(text) || text === 'pass') return;
  const assignment = /^([A-Za-z_]\w*)\s*=(?!=)(.*)$/s.exec(text);
  if (assignment !== null && !assignment[1].startsWith('tcpi_')) {
    variables.set(assignment[1], evaluate(assignment[2], line, names));
    return;
  }
  const assertion = /^assert\b(.*)$/s.exec(text);
  if (assertion === null) throw new Unsupported(line, `code '${text}'`);
  const parser = new ExpressionParser(assertion[1], line, names);
  const value = parser.parse();
  if (!truth(value)) throw new Mismatch(line, `assert${parser.read} does not hold${parser.values()}`);
}

/** The value of one expression. */
export function evaluate(text: string, line: number, names: Names = () => undefined): number {
  const parser = new ExpressionParser(text, line, names);
  const value = parser.parse();
  parser.expectEnd();
  return value;
}

function truth(value: number): boolean {
  return value !== 0;
}

/** One for each logical line: brackets and backslashes continue a line, semicolons end one. */
function statementsOf(text: string, firstLine: number): Statement[] {
  const statements: Statement[] = [];
  let line = firstLine;
  let start = line;
  let depth = 0;
  let current = '';
  for (const piece of [...splitLines(text), '\n']) {
    if (piece === '\n' || piece === ';') {
      if (depth <= 0) {
        const indent = current.length - current.trimStart().length;
        if (current.trim() !== '') statements.push({ line: start, indent, text: current.trim() });
        current = '';
      } else current += ' ';
      if (piece === '\n') line++;
      if (depth <= 0) start = line;
    } else {
      current += piece;
      for (const c of piece.replace(/"[^"]*"|'[^']*'/g, '')) {
        if ('([{'.includes(c)) depth++;
        else if (')]}'.includes(c)) depth--;
      }
    }
  }
  return statements;
}

/** Comments and continued line ends are taken out; strings are kept whole. */
function splitLines(text: string): string[] {
  const pieces = text.replace(/\\\n/g, ' ').match(/"[^"]*"|'[^']*'|#[^\n]*|\n|;|[^"'#\n;]+|["']/g) ?? [];
  return pieces.filter((piece) => !piece.startsWith('#'));
}

const TOKEN =
  /\s*(0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][-+]?\d+)?|[A-Za-z_]\w*|==|!=|<=|>=|<<|>>|\/\/|\*\*|[-+*/%<>()|&^~,])/y;
const COMPARISONS = new Set(['==', '!=', '<', '<=', '>', '>=']);
/** Binary operators, the loosest first. */
const LEVELS: readonly (readonly string[])[] = [['|'], ['^'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/', '//', '%']];

/** A recursive descent over one expression, computing as it goes. */
class ExpressionParser {
  private readonly text: string;
  private readonly line: number;
  private readonly names: Names;
  private at = 0;
  private token: string | null = null;
  private readonly seen = new Map<string, number>();

  constructor(text: string, line: number, names: Names) {
    this.text = text;
    this.line = line;
    this.names = names;
    this.advance();
  }

  parse(): number {
    return this.or();
  }

  /** The expression's own text. */
  get read(): string {
    return this.text.slice(0, this.at - (this.token?.length ?? 0)).trimEnd();
  }

  values(): string {
    if (this.seen.size === 0) return '';
    return `: ${[...this.seen].map(([name, value]) => `${name} is ${value}`).join(', ')}`;
  }

  expectEnd(): void {
    if (this.token !== null) this.fail();
  }

  private advance(): void {
    TOKEN.lastIndex = this.at;
    const match = TOKEN.exec(this.text);
    this.token = match?.[1] ?? null;
    if (match !== null) this.at = TOKEN.lastIndex;
    else if (this.text.slice(this.at).trim() !== '') this.token = this.text.slice(this.at).trim()[0];
  }

  private take(...texts: readonly string[]): string | null {
    const { token } = this;
    if (token === null || !texts.includes(token)) return null;
    this.advance();
    return token;
  }

  private fail(): never {
    throw new Unsupported(this.line, `code '${this.text.trim()}' at '${this.token ?? 'its end'}'`);
  }

  private or(): number {
    let value = this.and();
    while (this.take('or') !== null) {
      const right = this.and();
      value = truth(value) ? value : right;
    }
    return value;
  }

  private and(): number {
    let value = this.not();
    while (this.take('and') !== null) {
      const right = this.not();
      value = truth(value) ? right : value;
    }
    return value;
  }

  private not(): number {
    if (this.take('not') !== null) return truth(this.not()) ? 0 : 1;
    return this.comparison();
  }

  /** `a <= b <= c` is both. */
  private comparison(): number {
    let left = this.binary(0);
    if (this.token === null || !COMPARISONS.has(this.token)) return left;
    let holds = true;
    for (let operator = this.take(...COMPARISONS); operator !== null; operator = this.take(...COMPARISONS)) {
      const right = this.binary(0);
      holds &&= compare(operator, left, right);
      left = right;
    }
    return holds ? 1 : 0;
  }

  private binary(level: number): number {
    if (level === LEVELS.length) return this.unary();
    let left = this.binary(level + 1);
    for (let operator = this.take(...LEVELS[level]); operator !== null; operator = this.take(...LEVELS[level])) {
      left = calculate(operator, left, this.binary(level + 1));
    }
    return left;
  }

  private unary(): number {
    if (this.take('-') !== null) return -this.unary();
    if (this.take('+') !== null) return this.unary();
    if (this.take('~') !== null) return ~this.unary();
    return this.primary();
  }

  private primary(): number {
    const { token } = this;
    if (token === null) this.fail();
    if (/^\d/.test(token)) {
      this.advance();
      return Number(token);
    }
    if (this.take('(') !== null) {
      const value = this.or();
      if (this.take(')') === null) this.fail();
      return value;
    }
    if (!/^[A-Za-z_]/.test(token)) this.fail();
    this.advance();
    return this.token === '(' ? this.call(token) : this.name(token);
  }

  private call(name: string): number {
    this.advance();
    const values = [this.or()];
    while (this.take(',') !== null) values.push(this.or());
    if (this.take(')') === null) this.fail();
    if (name === 'abs') return Math.abs(values[0]);
    if (name === 'min') return Math.min(...values);
    if (name === 'max') return Math.max(...values);
    if (name === 'int' || name === 'round') return Math.trunc(values[0]);
    throw new Unsupported(this.line, `function ${name}`);
  }

  private name(name: string): number {
    if (name === 'True') return 1;
    if (name === 'False') return 0;
    const value = this.names(name);
    if (value === undefined) throw new Unsupported(this.line, `${name} in code`);
    this.seen.set(name, value);
    return value;
  }
}

function compare(operator: string, left: number, right: number): boolean {
  switch (operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    default:
      return left >= right;
  }
}

function calculate(operator: string, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '//':
      return Math.floor(left / right);
    case '%':
      return left - right * Math.floor(left / right);
    case '<<':
      return left * 2 ** right;
    case '>>':
      return Math.floor(left / 2 ** right);
    case '&':
      return (left & right) >>> 0;
    case '|':
      return (left | right) >>> 0;
    default:
      return (left ^ right) >>> 0;
  }
}
