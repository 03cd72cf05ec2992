import { RtcpCommand } from '../lib/cli/command.ts';
import { EXIT_FAILED } from '../lib/cli/exit-codes.ts';
import * as flag from '../lib/cli/flags.ts';
import type { Finding } from '../lib/doctor/check.ts';
import type { Examination } from '../lib/doctor/doctor.ts';
import { examine } from '../lib/doctor/doctor.ts';

const STYLES = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

export default class Doctor extends RtcpCommand {
  static override summary = 'See what this machine lacks for serving, testing and benchmarking, and what mends it.';
  static override description =
    'Every link is really opened for a moment, on lo or as a device of its own. Exit codes: 0 serve can run on its own stack, 1 only on kernel sockets, or not at all.';
  static override examples = [
    { command: '<%= config.bin %> doctor', description: 'Examine this machine' },
    {
      command: '<%= config.bin %> doctor --json | jq \'.findings[] | select(.status != "ok")\'',
      description: 'Only what is not well',
    },
  ];

  static override flags = flag.withEnvironment({
    port: flag.port({ default: 6379, description: 'The port that is to be free' }),
  });

  async run(): Promise<Examination> {
    const { flags } = await this.parse(Doctor);
    const examination = examine(flags.port);
    this.output.table(
      [{ head: 'check' }, { head: '' }, { head: 'found' }],
      examination.findings.map((finding) => [
        finding.name,
        this.output.style(STYLES[finding.status], finding.status),
        finding.found,
      ]),
    );
    this.printMends(examination.findings);
    this.output.data(`\nrtcp serve can run on: ${examination.verdict}`);
    if (examination.verdict !== 'own stack') this.exitWith(EXIT_FAILED);
    return examination;
  }

  /** Each command once, alone on a line that can be copied, under what it mends. */
  private printMends(findings: Finding[]): void {
    const names = new Map<string, string[]>();
    for (const { name, mend } of findings) {
      if (mend !== null) names.set(mend, [...(names.get(mend) ?? []), name]);
    }
    for (const [mend, mended] of names) {
      this.output.data(`\n${this.output.style('bold', `to mend ${mended.join(', ')}:`)}\n  ${mend}`);
    }
  }
}
