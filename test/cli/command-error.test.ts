import { describe, expect, it } from 'vitest';
import { CommandError, toCommandError, UsageError } from '../../src/lib/cli/command-error.ts';

describe('toCommandError', () => {
  it('keeps what is one already', () => {
    const error = new UsageError('cause', 'mend');
    expect(toCommandError(error)).toBe(error);
    expect(error.exitCode).toBe(2);
  });

  it('takes mend and exit code of the floors below, and says the mend once', () => {
    const thrown = Object.assign(new Error("can't bind: busy (EBUSY); stop it"), { code: 'EBUSY', mend: 'stop it' });
    expect(toCommandError(thrown)).toMatchObject({ message: "can't bind: busy (EBUSY)", mend: 'stop it', exitCode: 2 });
    const planned = Object.assign(new Error('no privilege'), { mend: 'sudo setcap …', exitCode: 4 });
    expect(toCommandError(planned)).toMatchObject({ message: 'no privilege', mend: 'sudo setcap …', exitCode: 4 });
  });

  it.each(['EPERM', 'EACCES'])('%s is a missing privilege', (code) => {
    const error = toCommandError(Object.assign(new Error('denied'), { code }));
    expect(error.exitCode).toBe(4);
    expect(error.mend).toContain('rtcp doctor');
  });

  it('is one line, whatever was thrown', () => {
    expect(toCommandError(new Error('first\nsecond')).message).toBe('first');
    expect(toCommandError('just text')).toMatchObject({ message: 'just text', exitCode: 1 });
    expect(toCommandError(undefined)).toBeInstanceOf(CommandError);
  });
});
