// Whether a value can be hashed, stored and read back as it is: JSON, in the part of it that every reader reads alike (I-JSON).

/** Deeper values are nobody's arguments, and would exhaust the stack of whoever reads them. */
const MAX_DEPTH = 64;

export class NotJsonError extends Error {
  /** Names of members and indices that lead to the value at fault. */
  readonly path: readonly (string | number)[];

  constructor(path: readonly (string | number)[], reason: string) {
    super(reason);
    this.name = 'NotJsonError';
    this.path = path;
  }
}

/**
 * A copy of a value as JSON has it: members that are undefined left out, keys in the order of canonical JSON, -0 as 0.
 *
 * @throws NotJsonError for what JSON cannot say (dates, functions, NaN, bigint, undefined outside an object), integers beyond
 * 2^53 - 1, text that is not Unicode, and values nested more than 64 deep
 */
export function toJsonValue(value: unknown): unknown {
  return copy(value, []);
}

function copy(value: unknown, path: readonly (string | number)[]): unknown {
  requireShallow(path);
  if (typeof value !== 'object' || value === null) return scalarOf(value, path);
  if (Array.isArray(value)) return Array.from(value, (item, i) => copy(item, [...path, i]));
  return Object.fromEntries(membersOf(value, path).map(([key, member]) => [key, copy(member, [...path, key])]));
}

/** @throws NotJsonError */
export function requireShallow(path: readonly (string | number)[]): void {
  if (path.length > MAX_DEPTH) throw new NotJsonError(path.slice(0, 1), `nested more than ${MAX_DEPTH} deep`);
}

/** A value that holds no others. @throws NotJsonError */
export function scalarOf(value: unknown, path: readonly (string | number)[]): string | number | boolean | null {
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'string':
      if (!value.isWellFormed()) throw new NotJsonError(path, 'text with half a surrogate pair');
      return value;
    case 'number':
      if (!Number.isFinite(value)) throw new NotJsonError(path, 'a number that is not finite');
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
        throw new NotJsonError(path, 'an integer beyond 2^53 - 1, which not every reader reads alike');
      }
      return Object.is(value, -0) ? 0 : value;
    default:
      if (value === null) return null;
      throw new NotJsonError(path, `a value of type ${typeof value}, which JSON cannot say`);
  }
}

/** Members of a plain object that are not undefined, in the order of canonical JSON. @throws NotJsonError */
export function membersOf(value: object, path: readonly (string | number)[]): readonly (readonly [string, unknown])[] {
  if (!isPlain(value)) {
    throw new NotJsonError(path, `an object of class ${value.constructor?.name ?? 'unknown'}, which JSON cannot say`);
  }
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  for (const [key] of members) {
    if (!key.isWellFormed()) throw new NotJsonError(path, 'a name with half a surrogate pair');
    if (key === '__proto__') throw new NotJsonError(path, 'a member named __proto__');
  }
  return members.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Object literals and parsed JSON, of this realm or another. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
