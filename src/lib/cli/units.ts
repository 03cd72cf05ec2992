/**
 * Quantities as people write them on a command line, and back: `10s 250ms 50us`, `64kb 1gb`, `1% 0.5`. Inside, durations
 * are microseconds, sizes bytes, shares a fraction of 1. A parser answers null to what it does not understand; the flag
 * that asked says what was expected.
 */
const DURATION_UNITS_US: Record<string, number> = {
  us: 1,
  µs: 1,
  μs: 1, // the Greek letter; the one above is the micro sign
  ms: 1_000,
  s: 1_000_000,
  sec: 1_000_000,
  m: 60_000_000,
  min: 60_000_000,
  h: 3_600_000_000,
};

/** As redis.conf has them: `k` is 1,000 bytes, `kb` 1,024. */
const SIZE_UNITS_BYTES: Record<string, number> = {
  b: 1,
  k: 1_000,
  kb: 1_024,
  m: 1_000_000,
  mb: 1_048_576,
  g: 1_000_000_000,
  gb: 1_073_741_824,
};

export type DurationUnit = 'us' | 'ms' | 's';

interface Quantity {
  value: number;
  unit: string;
}

function quantity(text: string): Quantity | null {
  const match = /^(\d+(?:\.\d+)?|\.\d+)\s*([a-zµμ%]*)$/i.exec(text.trim());
  if (match === null) return null;
  const value = Number(match[1]);
  return Number.isFinite(value) ? { value, unit: match[2].toLowerCase() } : null;
}

/** Microseconds; `bareUnit` is what a number without a unit means (null: only 0 may go without). */
export function parseDurationUs(text: string, bareUnit: DurationUnit | null = null): number | null {
  const parsed = quantity(text);
  if (parsed === null) return null;
  if (parsed.unit === '' && bareUnit === null) return parsed.value === 0 ? 0 : null;
  const unit = parsed.unit === '' ? (bareUnit as string) : parsed.unit;
  const scale = Object.hasOwn(DURATION_UNITS_US, unit) ? DURATION_UNITS_US[unit] : undefined;
  return scale === undefined ? null : Math.round(parsed.value * scale);
}

/** Bytes; a number without a unit is bytes. */
export function parseSizeBytes(text: string): number | null {
  const parsed = quantity(text);
  if (parsed === null) return null;
  const unit = parsed.unit === '' ? 'b' : parsed.unit;
  const scale = Object.hasOwn(SIZE_UNITS_BYTES, unit) ? SIZE_UNITS_BYTES[unit] : undefined;
  return scale === undefined ? null : Math.round(parsed.value * scale);
}

/** A share in [0, 1]: `1%`, `0.01`. */
export function parseShare(text: string): number | null {
  const parsed = quantity(text);
  if (parsed === null || (parsed.unit !== '' && parsed.unit !== '%')) return null;
  const share = parsed.unit === '%' ? parsed.value / 100 : parsed.value;
  return share <= 1 ? share : null;
}

/** A count that may be abbreviated: `200k`, `5m`, `1000000`. */
export function parseCount(text: string): number | null {
  const parsed = quantity(text);
  if (parsed === null) return null;
  const scale = parsed.unit === '' ? 1 : parsed.unit === 'k' ? 1e3 : parsed.unit === 'm' ? 1e6 : 0;
  const count = parsed.value * scale;
  return scale > 0 && Number.isInteger(count) ? count : null;
}

/** `850 ns`, `46.1 µs`, `1.25 ms`, `3.00 s`: three figures, so that a column can be compared at a glance. */
export function formatDurationUs(us: number): string {
  if (us < 1) return `${Math.round(us * 1000)} ns`;
  if (us < 1_000) return `${threeFigures(us)} µs`;
  if (us < 1_000_000) return `${threeFigures(us / 1_000)} ms`;
  return `${threeFigures(us / 1_000_000)} s`;
}

/** `512 B`, `64.0 KiB`, `1.00 GiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 1_048_576) return `${threeFigures(bytes / 1_024)} KiB`;
  if (bytes < 1_073_741_824) return `${threeFigures(bytes / 1_048_576)} MiB`;
  return `${threeFigures(bytes / 1_073_741_824)} GiB`;
}

/** `950`, `121k`, `1.68M`. */
export function formatCount(count: number): string {
  if (count < 1_000) return String(Math.round(count));
  if (count < 999_500) return `${threeFigures(count / 1_000)}k`;
  return `${threeFigures(count / 1_000_000)}M`;
}

/** `1 reply`, `2 replies`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function threeFigures(value: number): string {
  return value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
