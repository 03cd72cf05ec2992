import { describe, expect, it } from 'vitest';
import { checkKernel, checkMemlock, programPath } from '../../src/lib/doctor/platform.ts';

describe('doctor', () => {
  it.each([
    ['5.4.0-200-generic', 'fail'],
    ['5.10.0-30-amd64', 'warn'],
    ['6.1.0-18-amd64', 'warn'],
    ['6.8.0', 'ok'],
    ['6.18.44-fc', 'ok'],
    ['7.0.1', 'ok'],
  ])('Linux %s is %s', (release, status) => {
    expect(checkKernel(release).status).toBe(status);
  });

  it.each([
    ['Max locked memory         8388608              8388608              bytes', false, 'warn'],
    ['Max locked memory         8388608              8388608              bytes', true, 'ok'],
    ['Max locked memory         unlimited            unlimited            bytes', false, 'ok'],
    ['Max locked memory         1073741824           1073741824           bytes', false, 'ok'],
  ])('%s, exempt %s: %s', (limits, exempt, status) => {
    expect(checkMemlock(`Limit     Soft Limit\n${limits}\n`, exempt).status).toBe(status);
  });

  it('whatever is not well has something that mends it', () => {
    for (const finding of [checkKernel('4.19.0'), checkMemlock('Max locked memory 65536 65536 bytes')]) {
      expect(finding.mend).toMatch(/\w/);
    }
  });

  it('finds programs where administrators have them', () => {
    expect(programPath('sh')).toMatch(/\/sh$/);
    expect(programPath('rtcp-no-such-program')).toBeNull();
  });
});
