import { describe, expect, it } from 'vitest';
import { renderTable } from '../../src/lib/cli/table.ts';

describe('renderTable', () => {
  it('aligns columns, without lines, colours or blanks at the end of a line', () => {
    const text = renderTable(
      [{ head: 'server' }, { head: 'requests/s', align: 'right' }, { head: 'note' }],
      [
        ['redis', '101k', ''],
        ['packet', '1.87M', 'best'],
      ],
    );
    expect(text).toBe(['server  requests/s  note', 'redis         101k', 'packet       1.87M  best'].join('\n'));
  });
});
