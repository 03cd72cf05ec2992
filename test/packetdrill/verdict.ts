/**
 * One script, from its text to its verdict.
 */

import { parseScript } from './parser.ts';
import type { Definitions } from './preprocess.ts';
import { defaultSettings, FREEBSD_SHELL, guessProfile, type ProfileName, plainSettings } from './profile.ts';
import { Runner } from './runner.ts';
import { Mismatch, type Script, ScriptError, Unsupported } from './script.ts';
import { applyOptions } from './script-options.ts';
import { Restless } from './world.ts';

export type VerdictName = 'PASS' | 'FAIL' | 'UNSUPPORTED' | 'ERROR';

export interface Verdict {
  readonly file: string;
  readonly verdict: VerdictName;
  /** Where; 0 when it passed. */
  readonly line: number;
  readonly reason: string;
  readonly ms: number;
}

export interface RunOptions {
  readonly strict: boolean;
  readonly profile: ProfileName | 'auto';
  readonly definitions: Definitions;
  readonly trace: (text: string) => void;
}

/** ERROR is a script that can't be read. */
export function judge(file: string, text: string, options: RunOptions): Verdict {
  const startMs = performance.now();
  const verdict = (name: VerdictName, line: number, reason: string): Verdict => {
    return { file, verdict: name, line, reason, ms: Math.round((performance.now() - startMs) * 10) / 10 };
  };
  let line = 1;
  try {
    const script = parseScript(file, text, definitionsFor(text, options));
    line = lastLine(script);
    runScript(script, options);
    return verdict('PASS', 0, '');
  } catch (error) {
    if (error instanceof ScriptError) return verdict('ERROR', error.line, error.message);
    if (error instanceof Unsupported) return verdict('UNSUPPORTED', error.line, error.message);
    if (error instanceof Mismatch) return verdict('FAIL', error.line, error.message);
    if (error instanceof Restless) return verdict('FAIL', line, error.message);
    return verdict('FAIL', line, `threw ${whereThrown(error)}`); // the stack must not, whatever a script does
  }
}

/** The message, and the place. */
function whereThrown(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = error.stack?.split('\n').find((frame) => frame.trimStart().startsWith('at '));
  return `${error.name}: ${error.message} ${place?.trim() ?? ''}`;
}

/** What is chosen, or else the system that the script was written for: `#ifdef FreeBSD` has what differs there from the RFCs. */
function definitionsFor(text: string, { definitions, profile }: RunOptions): Definitions {
  if (definitions.size > 0) return definitions;
  const freebsd = profile === 'freebsd' || (profile === 'auto' && FREEBSD_SHELL.test(text));
  return new Map([[freebsd ? 'FreeBSD' : 'Linux', '']]);
}

function runScript(script: Script, options: RunOptions): void {
  const profile = options.profile === 'auto' ? guessProfile(script) : options.profile;
  const settings = profile === null ? plainSettings() : defaultSettings(profile);
  applyOptions(script, settings);
  settings.strict ||= options.strict;
  new Runner(script, settings, options.trace).run();
}

function lastLine(script: Script): number {
  return script.events[script.events.length - 1].line;
}
