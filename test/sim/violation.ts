/** A rule was broken: what ends a world, and is reported with its seed. `rule` is short and the same for all cases of a kind. */
export class Violation extends Error {
  readonly rule: string;

  constructor(rule: string, details: string) {
    super(details === '' ? rule : `${rule}: ${details}`);
    this.rule = rule;
  }
}
