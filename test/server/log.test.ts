import { describe, expect, it } from 'vitest';
import { formatLogLine, Logger, parseLogLevel } from '../../src/lib/server/log.ts';

const AT = new Date(2026, 10, 5, 15, 8, 35, 12).getTime();

describe('a log line', () => {
  it('has the form of redis-server', () => {
    expect(formatLogLine(4242, 'M', 'notice', AT, 'Ready')).toBe('4242:M 05 Nov 2026 15:08:35.012 * Ready');
    expect(formatLogLine(1, 'M', 'warning', AT, 'a')).toContain(' # a');
    expect(formatLogLine(1, 'M', 'verbose', AT, 'a')).toContain(' - a');
    expect(formatLogLine(1, 'M', 'debug', AT, 'a')).toContain(' . a');
  });

  it('stays one line whatever a client made it say', () => {
    expect(formatLogLine(1, 'M', 'notice', AT, 'a\r\n1:M fake')).toMatch(/a\\r\\n1:M fake$/);
  });
});

describe('a logger', () => {
  it('drops what is below its level', () => {
    const lines: string[] = [];
    const logger = new Logger({ write: (line) => void lines.push(line), wallMs: () => AT, pid: 7, level: 'notice' });
    logger.log('verbose', 'no');
    logger.log('notice', 'yes');
    logger.level = 'debug';
    logger.log('debug', 'now');
    expect(lines).toEqual(['7:M 05 Nov 2026 15:08:35.012 * yes\n', '7:M 05 Nov 2026 15:08:35.012 . now\n']);
  });

  it.each([
    ['debug', 'debug'],
    ['VERBOSE', 'verbose'],
    ['notice', 'notice'],
    ['warning', 'warning'],
    ['error', 'warning'],
    ['warn', 'warning'],
    ['info', 'notice'],
    ['0', 'warning'],
    ['1', 'warning'],
    ['2', 'notice'],
    ['3', 'debug'],
    ['4', null],
    ['nothing', null],
  ])('knows the level %s', (name, level) => {
    expect(parseLogLevel(name)).toBe(level);
  });
});
