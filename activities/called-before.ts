// What a run has behind it as the effect ledger has it, whatever its workflow says: every call that got as far as its tool.
import type { ReleaseBody } from '../releases/release.ts';
import type { Sql } from '../runtime/database.ts';
import type { Digest, FlagFacts, RunId, Sensitivity } from '../workflows/protocol/index.ts';
import { accessOf, eitherOf, flagsOfCall, isSensitive } from '../workflows/protocol/index.ts';

export interface CalledBefore {
  readonly tool: string;
  /** Of the result; null while there is none. */
  readonly sensitivity: Sensitivity | null;
}

const NONE: FlagFacts = { sawUntrusted: false, reachedSensitive: false, acted: false };
const ALL: FlagFacts = { sawUntrusted: true, reachedSensitive: true, acted: true };

/**
 * For the select list of a statement: the calls of a run that were claimed, as JSON.
 *
 * @param before a call of the run, which does not count. Of the others those count that were claimed, and those results that were
 * there, before its own first claim: a later attempt of it is judged as the first was.
 */
export const calledBefore = (sql: Sql, runId: RunId, before: Digest) => sql.fragment`
  (select coalesce(jsonb_agg(distinct jsonb_build_object('tool', c.tool, 'sensitivity', r.sensitivity)), '[]'::jsonb)
    from (select coalesce((select first_claimed_at from effects where effect_key = ${before}), 'infinity'::timestamptz) as at) own
      join tool_calls c on c.run_id = ${runId}
      join effects e on e.effect_key = c.effect_key and e.first_claimed_at < own.at
      left join effect_results r on r.effect_key = c.effect_key and r.settled_at < own.at
    where c.effect_key is distinct from ${before})`;

/** A tool that the release does not have counts as the worst. */
export function flagsCalledBefore(calls: readonly CalledBefore[], { tools = [] }: ReleaseBody): FlagFacts {
  return calls.reduce((flags, { tool, sensitivity }) => {
    const pinned = tools.find(({ definition }) => definition.name === tool);
    const own = pinned === undefined ? ALL : flagsOfCall(accessOf(pinned.definition));
    const reachedSensitive = sensitivity !== null && isSensitive(sensitivity);
    return eitherOf(flags, eitherOf(own, { ...NONE, reachedSensitive }));
  }, NONE);
}
