// The release that judges replies of an evaluation: which one a set names, and whether it can judge at all.
import type { EvalSet } from '../../releases/eval-set.ts';
import { resolveRelease } from '../../releases/registry.ts';
import type { Release } from '../../releases/release.ts';
import { refOf } from '../../releases/release.ts';
import type { Sql } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';

const HOW =
  'A judge is prompt and model with an output schema of {"passed": boolean, "reason": string}: docs/releases.md, "A judge among the scorers".';

/** `undefined` for a set without one. @throws UserError for a release that there is not, or that cannot judge */
export async function judgeOf(
  sql: Sql,
  tenant: string,
  { name, judge }: Pick<EvalSet, 'name' | 'judge'>,
): Promise<Release | undefined> {
  if (judge === undefined) return undefined;
  return await requireJudge(sql, { tenant, ref: judge, namedBy: `The set ${name} names the judge ${judge}` });
}

interface Named {
  readonly tenant: string;
  readonly ref: string;
  /** Who names it, for errors. */
  readonly namedBy: string;
}

/** @throws UserError for a release that there is not, or that cannot judge */
export async function requireJudge(sql: Sql, { tenant, ref, namedBy }: Named): Promise<Release> {
  const release = await resolveRelease(sql, tenant, ref, 'dev').catch((cause: unknown) => {
    if (!(cause instanceof UserError)) throw cause;
    const hint = `${cause.hint ?? ''} Publish the judge, or name another.`.trim();
    throw new UserError(`${namedBy}: ${cause.message}`, { hint, cause });
  });
  const fault = faultOf(release);
  if (fault === undefined) return release;
  throw new UserError(`${namedBy}, and ${refOf(release)} ${fault}`, { hint: HOW });
}

function faultOf({ body }: Release): string | undefined {
  const { retrieval, tools, output, rules } = body;
  if (retrieval !== undefined) return 'has retrieval: it would answer from documents';
  if (tools !== undefined) return 'has tools: a reply that it reads could have them called';
  if (rules.review !== undefined) return 'has people review its replies: nobody is asked in an evaluation';
  if (output === undefined) return 'has no output schema';
  const { properties, required } = output.schema as { readonly properties?: unknown; readonly required?: unknown };
  const has = (name: string, type: string): boolean =>
    isRecord(properties) && isRecord(properties[name]) && properties[name]['type'] === type && isListed(required, name);
  if (!has('passed', 'boolean')) return 'has an output schema that does not require "passed", a boolean';
  return has('reason', 'string') ? undefined : 'has an output schema that does not require "reason", a string';
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isListed = (names: unknown, name: string): boolean => Array.isArray(names) && names.includes(name);
