/** Long lines on a terminal: broken between words, what follows indented, so that a log keeps its left edge. */
import { stripVTControlCharacters } from 'node:util';

/** The line, broken so that no part is wider than `columns`, unless a single word is. Colours take no room. */
export function wrapLine(line: string, columns: number, indent: number): string {
  if (line.length <= columns || widthOf(line) <= columns) return line;
  const [first, ...words] = line.split(' ');
  let text = first;
  let width = widthOf(first);
  for (const word of words) {
    const wordWidth = widthOf(word);
    if (width + 1 + wordWidth > columns && width > indent) {
      text += `\n${' '.repeat(indent)}${word}`;
      width = indent + wordWidth;
    } else {
      text += ` ${word}`;
      width += 1 + wordWidth;
    }
  }
  return text;
}

const widthOf = (text: string): number => stripVTControlCharacters(text).length;
