/**
 * What the arguments of a script's system calls say: numbers, lengths, ports, and what a call must have written there.
 */
import { numberOf } from './constants.ts';
import { errnoName } from './errno.ts';
import type { ProfileName } from './profile.ts';
import { type CallAction, type Expression, Mismatch, Unsupported } from './script.ts';

export class Arguments {
  readonly call: CallAction;
  readonly line: number;
  private readonly profile: ProfileName;

  constructor(call: CallAction, line: number, profile: ProfileName) {
    this.call = call;
    this.line = line;
    this.profile = profile;
  }

  get count(): number {
    return this.call.arguments.length;
  }

  at(index: number): Expression {
    return this.call.arguments[index] ?? { kind: 'open' };
  }

  isOpen(index: number): boolean {
    return this.at(index).kind === 'open';
  }

  /** `fallback` where it is left open; without one it must be said. */
  number(index: number, fallback?: number): number {
    const expression = this.at(index);
    if (expression.kind === 'open' && fallback !== undefined) return fallback;
    const value = numberOf(expression, this.profile);
    if (value === null) throw this.unsupported(`argument ${index + 1} of ${this.call.name}: ${describe(expression)}`);
    return value;
  }

  /** The name of a constant: what an option or a request is called. */
  word(index: number): string {
    const expression = this.at(index);
    if (expression.kind === 'word') return expression.name;
    throw this.unsupported(`argument ${index + 1} of ${this.call.name} is no name: ${describe(expression)}`);
  }

  /** The port of a socket address; `fallback` where it is left open. */
  port(index: number, fallback: number): number {
    const expression = this.at(index);
    if (expression.kind === 'open') return fallback;
    const family = field(expression, 'sa_family');
    if (family !== undefined && numberOf(family, this.profile) !== 2)
      throw this.unsupported('addresses other than IPv4');
    const port = numberOf(field(expression, 'sin_port'), this.profile);
    if (port === null) throw this.unsupported(`address ${describe(expression)}`);
    return port;
  }

  /** All lengths of a list of buffers, `[{..., 100}, {..., 200}]`. */
  bufferBytes(expression: Expression): number {
    if (expression.kind !== 'list') throw this.unsupported(`buffers ${describe(expression)}`);
    let total = 0;
    for (const item of expression.items) {
      const length = numberOf(field(item, 'iov_len') ?? field(item, '1'), this.profile);
      if (length === null) throw this.unsupported(`buffer ${describe(item)}`);
      total += length;
    }
    return total;
  }

  /** The one ancillary datum of a message header that is of this type. Others are not supported. */
  ancillary(index: number, type: string): Expression | undefined {
    const control = field(this.at(index), 'msg_control');
    if (control?.kind !== 'list' || control.items.length === 0) return undefined;
    const found = field(control.items[0], 'cmsg_type');
    if (control.items.length > 1 || found?.kind !== 'word' || found.name !== type)
      throw this.unsupported('ancillary data');
    return field(control.items[0], 'cmsg_data');
  }

  /** The buffers of a message header. */
  messageBytes(index: number): number {
    const message = this.at(index);
    const buffers = field(message, 'msg_iov');
    if (buffers === undefined) throw this.unsupported(`message ${describe(message)}`);
    return this.bufferBytes(buffers);
  }

  field(index: number, name: string): Expression | undefined {
    return field(this.at(index), name);
  }

  numberIn(expression: Expression | undefined): number | null {
    return numberOf(expression, this.profile);
  }

  /** What the call wrote to `expression` must be this; one that is left open agrees with everything. */
  expectValue(expression: Expression | undefined, actual: number | string, what: string): void {
    if (expression === undefined || expression.kind === 'open') return;
    const inner = expression.kind === 'list' && expression.items.length === 1 ? expression.items[0] : expression;
    if (inner.kind === 'open') return;
    if (typeof actual === 'string') {
      const expected =
        inner.kind === 'word' ? errnoName(inner.name) : inner.kind === 'string' ? inner.value : describe(inner);
      if (expected !== actual) throw new Mismatch(this.line, `${what} is ${actual}, not ${expected}`);
      return;
    }
    const expected = numberOf(inner, this.profile);
    if (expected !== actual) throw new Mismatch(this.line, `${what} is ${actual}, not ${describe(inner)}`);
  }

  unsupported(what: string): Unsupported {
    return new Unsupported(this.line, what);
  }
}

export function field(expression: Expression | undefined, name: string): Expression | undefined {
  if (expression?.kind !== 'struct') return undefined;
  return expression.fields.find((found) => found.name === name)?.value;
}

/** As the script writes it. */
export function describe(expression: Expression): string {
  switch (expression.kind) {
    case 'open':
      return '...';
    case 'number':
      return String(expression.value);
    case 'string':
      return JSON.stringify(expression.value);
    case 'word':
      return expression.name;
    case 'or':
      return expression.terms.map(describe).join('|');
    case 'list':
      return `[${expression.items.map(describe).join(', ')}]`;
    case 'function':
      return `${expression.name}(${expression.arguments.map(describe).join(', ')})`;
    case 'struct':
      return `{${expression.fields.map(({ name, value }) => `${name}=${describe(value)}`).join(', ')}}`;
  }
}
