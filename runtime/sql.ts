// SQL as tagged templates, so that every value is a parameter. Pure: makes the text and values of a statement, sends nothing.
import { createHash } from 'node:crypto';

/** Names of tables or columns, quoted; a dot is between a schema and its table. */
export class Identifiers {
  readonly names: readonly string[];

  constructor(names: readonly string[]) {
    this.names = names;
  }
}

/** Rows to insert: the names of their columns, and their values. The first row says which columns there are. */
export class Inserts {
  readonly rows: readonly Readonly<Record<string, unknown>>[];

  constructor(rows: readonly Readonly<Record<string, unknown>>[]) {
    this.rows = rows;
  }
}

/** A part of a statement. */
export class Fragment {
  readonly template: TemplateStringsArray;
  readonly values: readonly unknown[];

  constructor(template: TemplateStringsArray, values: readonly unknown[]) {
    this.template = template;
    this.values = values;
  }
}

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Set when the text is the same each time: PostgreSQL parses it once a connection. */
  readonly name?: string;
}

const known = new WeakMap<TemplateStringsArray, Pick<Statement, 'text' | 'name'>>();

/** @throws TypeError for an `undefined` value: `null` is SQL's */
export function statementOf(template: TemplateStringsArray, values: readonly unknown[]): Statement {
  if (values.some(isPart)) {
    const all: unknown[] = [];
    return { text: textOf(template, values, all), values: all };
  }
  requireDefined(template, values);
  let same = known.get(template);
  if (same === undefined) {
    const text = template.reduce((before, part, index) => `${before}$${index}${part}`);
    same = { text, name: createHash('sha256').update(text).digest('base64url').slice(0, 32) };
    known.set(template, same);
  }
  return { ...same, values };
}

const isPart = (value: unknown): value is Identifiers | Inserts | Fragment =>
  value instanceof Identifiers || value instanceof Inserts || value instanceof Fragment;

function textOf(template: TemplateStringsArray, values: readonly unknown[], all: unknown[]): string {
  let text = template[0] ?? '';
  values.forEach((value, index) => {
    text += placeOf(value, all) + (template[index + 1] ?? '');
  });
  return text;
}

function placeOf(value: unknown, all: unknown[]): string {
  if (value instanceof Identifiers) return value.names.map(quoted).join(', ');
  if (value instanceof Fragment) return textOf(value.template, value.values, all);
  if (value instanceof Inserts) {
    const columns = Object.keys(value.rows[0] ?? {});
    const rows = value.rows.map((row) => `(${columns.map((column) => placeOf(row[column], all)).join(', ')})`);
    return `(${columns.map(quoted).join(', ')}) values ${rows.join(', ')}`;
  }
  if (value === undefined) throw new TypeError('A value of a statement is undefined; null is SQL’s');
  all.push(value);
  return `$${all.length}`;
}

function requireDefined(template: TemplateStringsArray, values: readonly unknown[]): void {
  const missing = values.indexOf(undefined);
  if (missing === -1) return;
  throw new TypeError(`The value after ${JSON.stringify(template[missing]?.slice(-40))} is undefined; null is SQL’s`);
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""').replaceAll('.', '"."')}"`;
