/**
 * Doubles as Redis 7.2 prints them: the shortest digits that read back the same, `inf`, `-inf`, `nan`, and an exponent
 * without padding where JavaScript's own notation has one.
 */

/** The text of a double in replies. */
export function formatDouble(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'inf';
  if (value === Number.NEGATIVE_INFINITY) return '-inf';
  if (Number.isNaN(value)) return 'nan';
  if (Object.is(value, -0)) return '-0';
  return String(value);
}
