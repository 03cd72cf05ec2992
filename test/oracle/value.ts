/**
 * Replies as the oracle looks at them: text with one character for each byte, cut into values, and parsed where two differ.
 *
 *   "*2\r\n:1\r\n$1\r\na\r\n:7\r\n"  ──split──▶  "*2\r\n:1\r\n$1\r\na\r\n", ":7\r\n"  ──parse──▶  { mark: '*', items: [ … ] }
 */

/** One value: a scalar has its text, an aggregate its items (of a map: keys and values in turn). */
export interface Value {
  readonly mark: string;
  readonly text: string;
  readonly items: readonly Value[] | null;
}

const BULK = '$=!';
const AGGREGATES = '*~>%';

/** Where the value that begins at `at` ends; -1 when it isn't complete. */
export function valueEnd(bytes: string, at: number): number {
  const line = bytes.indexOf('\r\n', at);
  if (line < 0) return -1;
  const mark = bytes[at];
  let end = line + 2;
  if (BULK.includes(mark)) {
    const length = Number(bytes.slice(at + 1, line));
    if (length >= 0) end += length + 2;
    return end > bytes.length ? -1 : end;
  }
  if (!AGGREGATES.includes(mark)) return end;
  const count = Number(bytes.slice(at + 1, line)) * (mark === '%' ? 2 : 1);
  for (let i = 0; i < count; i++) {
    end = valueEnd(bytes, end);
    if (end < 0) return -1;
  }
  return end;
}

/** The complete values of `bytes`, and how many bytes they are. */
export function splitValues(bytes: string): { values: string[]; used: number } {
  const values: string[] = [];
  let used = 0;
  while (used < bytes.length) {
    const end = valueEnd(bytes, used);
    if (end < 0) break;
    values.push(bytes.slice(used, end));
    used = end;
  }
  return { values, used };
}

/** The value that `bytes` is. */
export function parseValue(bytes: string): Value {
  return new ValueParser(bytes).next();
}

class ValueParser {
  private readonly bytes: string;
  private at = 0;

  constructor(bytes: string) {
    this.bytes = bytes;
  }

  next(): Value {
    const { bytes } = this;
    const line = bytes.indexOf('\r\n', this.at);
    const mark = bytes[this.at];
    const head = bytes.slice(this.at + 1, line);
    this.at = line + 2;
    if (BULK.includes(mark)) {
      const length = Number(head);
      if (length < 0) return { mark: '_', text: '', items: null };
      const text = bytes.slice(this.at, this.at + length);
      this.at += length + 2;
      return { mark, text, items: null };
    }
    if (!AGGREGATES.includes(mark)) return { mark, text: head, items: null };
    const count = Number(head);
    if (count < 0) return { mark: '_', text: '', items: null };
    return { mark, text: '', items: Array.from({ length: mark === '%' ? count * 2 : count }, () => this.next()) };
  }
}

/** The value as text that only an equal value has. */
export function canonical(value: Value): string {
  if (value.items === null) return `${value.mark}${value.text.length}:${value.text}`;
  return `${value.mark}[${value.items.map(canonical).join(',')}]`;
}

export function isError(value: Value): boolean {
  return value.mark === '-' || value.mark === '!';
}
