/** What cjson's functions can be told, with its defaults, and the names that its errors have for types. */

/** How numbers that JSON has no form for are written: refused, as they are, or as null. */
export const INVALID_OFF = 0;
export const INVALID_ON = 1;
export const INVALID_NULL = 2;

export class JsonSettings {
  sparseConvert = 0;
  sparseRatio = 2;
  sparseSafe = 10;
  encodeMaxDepth = 1000;
  decodeMaxDepth = 1000;
  encodeInvalidNumbers = INVALID_OFF;
  decodeInvalidNumbers = INVALID_ON;
  keepBuffer = 1;
  precision = 14;
}

/** Lua's names of types, for errors. */
export function typeName(type: number): string {
  const names = ['nil', 'boolean', 'userdata', 'number', 'string', 'table', 'function', 'userdata', 'thread'];
  return type < 0 ? 'no value' : names[type];
}
