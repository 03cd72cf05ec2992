/**
 * The output policy of every command: data on stdout, everything said about the work on stderr. With --json, stdout
 * carries exactly one JSON document (printed by the command when it ends) and `data()` is silent. Colour is for terminals
 * only; NO_COLOR and FORCE_COLOR are respected (util.styleText looks at the stream).
 */
import { styleText } from 'node:util';
import ora from 'ora';
import type { Column } from './table.ts';
import { renderTable } from './table.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export interface Progress {
  update(text: string): void;
  stop(): void;
}

export class Output {
  readonly json: boolean;

  constructor(json: boolean) {
    this.json = json;
  }

  /** A line of the result. */
  data(line = ''): void {
    if (!this.json) process.stdout.write(`${line}\n`);
  }

  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
    this.data(renderTable(columns, rows));
  }

  /** A line about the work. */
  note(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  warn(line: string): void {
    this.note(`${styleText('yellow', 'warning:', { stream: process.stderr })} ${line}`);
  }

  /** Text of stdout in a style, or as it is when stdout takes no colour. */
  style(style: Style, text: string): string {
    return styleText(style, text, { stream: process.stdout });
  }

  /** A spinner with a text where stderr is a terminal; nothing elsewhere (`note` says what a log should keep). */
  progress(text: string): Progress {
    if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} };
    // Ctrl-C belongs to the command, not to the spinner.
    const spinner = ora({ text, stream: process.stderr, discardStdin: false }).start();
    return {
      update: (next) => {
        spinner.text = next;
      },
      stop: () => {
        spinner.stop();
      },
    };
  }
}
