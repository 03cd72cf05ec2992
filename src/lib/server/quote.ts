/**
 * Bytes as people read them: redis-server's quoted form, used by MONITOR, and its undoing (redis.conf) which is the same
 * grammar that inline commands have.
 */

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\x07': '\\a',
  '\b': '\\b',
};

const hex = (c: string): string => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`;

/** `"…"` around a latin1 string; bytes that don't print become \xHH. */
export function quote(latin1: string): string {
  return `"${latin1.replace(/[^ !#-[\]-~]/g, (c) => ESCAPES[c] ?? hex(c))}"`;
}

/** Text for one line of a log: control characters escaped, everything else as it is. */
export function escapeControl(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, (c) => ESCAPES[c] ?? hex(c));
}

const UNESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

const isBlank = (c: string): boolean => /\s/.test(c);

/**
 * Splits a line into words at blanks; "double quotes" understand \n \r \t \b \a \xHH, 'single quotes' only \'. Null when
 * quotes don't match or a word goes on behind a closing quote.
 */
export function splitWords(line: string): string[] | null {
  const words: string[] = [];
  let p = 0;
  for (;;) {
    while (p < line.length && isBlank(line[p])) p++;
    if (p >= line.length) return words;
    let word = '';
    while (p < line.length && !isBlank(line[p])) {
      const c = line[p++];
      if (c !== '"' && c !== "'") {
        word += c;
        continue;
      }
      const end = closingQuote(line, p, c);
      if (end < 0 || (end + 1 < line.length && !isBlank(line[end + 1]))) return null;
      word += unquote(line.slice(p, end), c);
      p = end + 1;
    }
    words.push(word);
  }
}

/** Where the quote that was opened before `from` closes, or -1. */
function closingQuote(line: string, from: number, mark: string): number {
  for (let p = from; p < line.length; p++) {
    if (line[p] === '\\' && (mark === '"' || line[p + 1] === "'")) p++;
    else if (line[p] === mark) return p;
  }
  return -1;
}

function unquote(text: string, mark: string): string {
  if (mark === "'") return text.replaceAll("\\'", "'");
  return text.replace(/\\(?:x([0-9a-f]{2})|([\s\S]))/gi, (_, code: string | undefined, c: string) =>
    code === undefined ? (UNESCAPES[c] ?? c) : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
