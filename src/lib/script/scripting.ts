/** Scripts of EVAL and libraries of functions: two worlds with a Lua state each, of which one runs at a time. */
import { Functions } from './functions.ts';
import type { ScriptHost } from './host.ts';
import { Drand48 } from './prng.ts';
import type { ScriptRun } from './run.ts';
import { Scripts } from './scripts.ts';

export class Scripting {
  readonly scripts: Scripts;
  readonly functions: Functions;

  constructor(host: ScriptHost) {
    const random = new Drand48();
    this.scripts = new Scripts(host, random);
    this.functions = new Functions(host, random);
  }

  /** What runs now, or null. */
  get running(): ScriptRun | null {
    if (this.scripts.running) return this.scripts.run;
    return this.functions.running ? this.functions.run : null;
  }

  /** A script has run for longer than it should: others are answered by this, or null when none has. */
  get busyError(): string | null {
    const { running } = this;
    return running?.busy === true ? busyError(running) : null;
  }

  /** The server stops: whatever runs ends now. */
  abandon(): void {
    if (this.running !== null) this.running.killed = true;
  }

  /** SCRIPT KILL (`evals`) and FUNCTION KILL: null, or why not. */
  kill(evals: boolean): string | null {
    const { running } = this;
    if (running === null) return 'NOTBUSY No scripts in execution right now.';
    if (running.wrote) {
      return (
        'UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the ' +
        'script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.'
      );
    }
    if (running.isEval !== evals) return busyError(running);
    running.killed = true;
    return null;
  }
}

function busyError(run: ScriptRun): string {
  const kill = run.isEval ? 'SCRIPT KILL' : 'FUNCTION KILL';
  return `BUSY Redis is busy running a script. You can only call ${kill} or SHUTDOWN NOSAVE.`;
}
