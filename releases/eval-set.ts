// Eval sets as teams write them: the array or {"cases": […]} that articles about evaluation have, and the form with `v` and `name`.
import { existsSync, readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { digestOf } from '../runtime/canonical.ts';
import { messageOf, UserError } from '../runtime/errors.ts';
import type { Digest } from '../workflows/protocol/index.ts';
import type { EvalCase } from './eval-case.ts';
import { parseCase } from './eval-case.ts';

const MAX_CASES = 10_000;
/** Faults that one error names. */
const MAX_LISTED = 10;
const SET_FIELDS = ['v', 'name', 'judge', 'cases'];
const JUDGE = /^[a-z0-9][a-z0-9_-]*(?:@[A-Za-z0-9.-]+)?$/;
const HINT =
  'A set is {"v": 1, "name": NAME, "judge": RELEASE, "cases": […]} (the judge may be left out), and a case {"id", "question", "expected", "must_not", "expect": {…}}. Correct it and try again.';

export interface EvalSet {
  /** @default the file's name without its ending */
  readonly name: string;
  /** Of the file's content as canonical JSON: what is laid out otherwise is the same set. */
  readonly digest: Digest;
  /** The release that judges what nothing else can check: NAME, NAME@VERSION or NAME@LABEL. @default nobody */
  readonly judge?: string;
  /** At least one, each with an id of its own. */
  readonly cases: readonly EvalCase[];
}

/** @throws UserError that names the file and each case and field at fault, and for a file that cannot be read */
export function readEvalSet(path: string): EvalSet {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (cause) {
    throw new UserError(`Cannot read ${path}: ${messageOf(cause)}`, { hint: 'Name a file that holds a set.', cause });
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new UserError(`${path} is not JSON: ${messageOf(cause)}`, { hint: 'Correct it and try again.', cause });
  }
  return parseEvalSet(content, path);
}

/** `undefined` without the file. @throws UserError as `readEvalSet` */
export const readEvalSetIfAny = (path: string): EvalSet | undefined =>
  existsSync(path) ? readEvalSet(path) : undefined;

/** @param file where it came from, for errors. @throws UserError as `readEvalSet` */
export function parseEvalSet(content: unknown, file: string): EvalSet {
  const { name, judge, cases: values } = envelopeOf(content, file);
  if (values.length === 0) throw malformed(file, ['cases: there are none']);
  if (values.length > MAX_CASES) throw malformed(file, [`cases: ${values.length}, and at most ${MAX_CASES} are read`]);
  const cases: EvalCase[] = [];
  const faults: string[] = [];
  const places = new Map<string, number>();
  for (const [at, value] of values.entries()) {
    const parsed = parseCase(value);
    if (!parsed.success) {
      const place = placeOf(at, value);
      for (const { path, message } of parsed.error.issues) faults.push(`${[place, ...path].join('.')}: ${message}`);
      continue;
    }
    const { id } = parsed.data;
    const first = places.get(id);
    if (first === undefined) places.set(id, at);
    else faults.push(`cases.${at}.id: ${JSON.stringify(id)} is that of cases.${first}, too`);
    cases.push(parsed.data);
    if (judge === undefined && parsed.data.expect.judge !== undefined) {
      faults.push(`${placeOf(at, value)}.expect.judge: the set names no judge; say which release judges, beside cases`);
    }
  }
  if (faults.length > 0) throw malformed(file, faults);
  return { name, digest: digestOf(content), ...(judge !== undefined && { judge }), cases };
}

interface Envelope {
  readonly name: string;
  readonly judge?: string | undefined;
  readonly cases: readonly unknown[];
}

function envelopeOf(content: unknown, file: string): Envelope {
  const named = basename(file, extname(file));
  if (Array.isArray(content)) return { name: named, cases: content };
  if (typeof content !== 'object' || content === null) {
    throw malformed(file, ['(top level): expected cases, or an object that has them']);
  }
  const { v, name, judge, cases } = content as Readonly<Record<'v' | 'name' | 'judge' | 'cases', unknown>>;
  const unknown = Object.keys(content).filter((key) => !SET_FIELDS.includes(key));
  const faults = [
    ...(v === undefined || v === 1 ? [] : ['v: expected 1']),
    ...(isName(name) || (name === undefined && v === undefined)
      ? []
      : ['name: expected a name of 1 to 200 characters']),
    ...(judge === undefined || isRef(judge) ? [] : ['judge: expected a release: NAME, NAME@VERSION or NAME@LABEL']),
    ...(Array.isArray(cases) ? [] : ['cases: expected an array']),
    ...unknown.map((key) => `${key}: there is no such field; there are ${SET_FIELDS.join(', ')}`),
  ];
  if (faults.length > 0 || !Array.isArray(cases)) throw malformed(file, faults);
  return { name: isName(name) ? name : named, ...(isRef(judge) && { judge }), cases };
}

const isRef = (ref: unknown): ref is string => typeof ref === 'string' && JUDGE.test(ref);

const isName = (name: unknown): name is string => typeof name === 'string' && name.length > 0 && name.length <= 200;

/** With its id, where it has one. */
function placeOf(at: number, value: unknown): string {
  const id = typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined;
  return typeof id === 'string' && id !== '' ? `cases.${at} (${JSON.stringify(id.slice(0, 200))})` : `cases.${at}`;
}

function malformed(file: string, faults: readonly string[]): UserError {
  const more = faults.length > MAX_LISTED ? [`and ${faults.length - MAX_LISTED} more`] : [];
  return new UserError(`${file} is malformed: ${[...faults.slice(0, MAX_LISTED), ...more].join('; ')}`, { hint: HINT });
}
