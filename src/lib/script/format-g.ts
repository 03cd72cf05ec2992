/** Numbers as C's printf writes them by `%.Ng`: N significant digits, ties to even, no trailing zeros, an exponent of two digits or more. */

/** Digits that tell a tie from what is near one. */
const EXACT_DIGITS = 60;

export function formatG(value: number, precision: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Number.isSafeInteger(value) && Math.abs(value) < 10 ** precision && !Object.is(value, -0)) return String(value);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const [mantissa, power] = rounded(Math.abs(value), precision).split('e');
  const exponent = Number(power);
  const digits = mantissa.replace('.', '');
  if (exponent < -4 || exponent >= precision) {
    const fraction = digits.slice(1).replace(/0+$/, '');
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${digits[0]}${fraction === '' ? '' : `.${fraction}`}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`.replace(/\.?0+$/, '');
  const whole = digits.slice(0, exponent + 1);
  const fraction = digits.slice(exponent + 1).replace(/0+$/, '');
  return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

/** `d.ddde±x` of `precision` digits; where JavaScript rounds a tie up, it is taken to the even digit. */
function rounded(value: number, precision: number): string {
  const text = value.toExponential(precision - 1);
  const exact = value.toExponential(EXACT_DIGITS - 1);
  const digits = exact.split('e')[0].replace('.', '');
  if (!/^50*$/.test(digits.slice(precision)) || Number(digits[precision - 1]) % 2 !== 0) return text;
  const kept = digits.slice(0, precision); // even: a tie goes down
  return `${kept[0]}${precision > 1 ? `.${kept.slice(1)}` : ''}e${exact.split('e')[1]}`;
}
