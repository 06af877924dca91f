// Resolving an effect: a person looked where the tool acts, and says what happened. Once; what the ledger had before stays beside it.
import type { Sql } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import type { Digest, RunId } from '../workflows/protocol/index.ts';
import type { Resolution, ResolveOptions } from './resolution.ts';
import { openResolution, sealResolution, signResolution } from './resolution.ts';

/** An attempt whose lease ended so long ago has nobody who still reports. */
const SILENT_MINUTES = 60;

interface Row {
  readonly run_id: RunId;
  readonly requester: string;
  readonly state: 'done' | 'failed' | 'unknown' | null;
  readonly silent: boolean;
  readonly resolved_by: string | null;
}

/**
 * @throws UserError when it is known already, still under way, or resolved, and when who signs is whom the run acts for
 */
export async function resolveEffect(
  { sql, runKeys }: { readonly sql: Sql; readonly runKeys: RunKeys },
  { tenant, effectKey }: { readonly tenant: string; readonly effectKey: Digest },
  options: ResolveOptions,
): Promise<Resolution> {
  const [row] = await sql<Row[]>`
    select e.run_id, l.requester, r.state, x.resolved_by, coalesce(max(c.lease_until), e.first_claimed_at)
        < now() - ${SILENT_MINUTES} * interval '1 minute' as silent
    from effects e join start_ledger l on l.run_id = e.run_id
    left join effect_claims c on c.effect_key = e.effect_key
    left join effect_results r on r.effect_key = e.effect_key
    left join effect_resolutions x on x.effect_key = e.effect_key
    where e.effect_key = ${effectKey}
    group by e.run_id, l.requester, r.state, x.resolved_by, e.first_claimed_at`;
  if (row === undefined)
    throw new UserError(`No effect ${effectKey}`, { hint: '`npx countersign effects list` shows them.' });
  requireOpen(effectKey, row, options);
  const start = await runKeys.find(row.run_id);
  if (start === undefined) throw new UserError(`Run ${row.run_id} has no key`, { hint: 'Its content was erased.' });
  const jws = await signResolution({ effectKey, runId: row.run_id }, options, Date.now());
  const sealed = sealResolution(start.key, effectKey, jws);
  const [written] = await sql<{ resolved_at: Date }[]>`
    insert into effect_resolutions (effect_key, tenant, run_id, state, resolved_by, sealed)
    values (${effectKey}, ${tenant}, ${row.run_id}, ${options.state}, ${options.signer.approver}, ${sealed})
    on conflict do nothing returning resolved_at`;
  if (written === undefined) throw resolvedAlready(effectKey, 'somebody else at the same moment');
  return openResolution(start.key, effectKey, sealed, written.resolved_at);
}

function requireOpen(effectKey: Digest, row: Row, { signer }: ResolveOptions): void {
  if (row.resolved_by !== null) throw resolvedAlready(effectKey, row.resolved_by);
  if (row.state === 'done' || row.state === 'failed') {
    throw new UserError(`Effect ${effectKey} is known: ${row.state}`, {
      hint: 'Only what nobody can tell is resolved by a person.',
    });
  }
  if (row.state === null && !row.silent) {
    throw new UserError(`Effect ${effectKey} is under way`, {
      hint: `Its worker may still report. ${SILENT_MINUTES} minutes after the last attempt it can be resolved.`,
    });
  }
  if (row.requester === signer.approver) {
    throw new UserError(`${signer.approver} asked for effect ${effectKey} and cannot resolve it`, {
      hint: 'Somebody else has to look.',
    });
  }
}

const resolvedAlready = (effectKey: Digest, by: string): UserError =>
  new UserError(`Effect ${effectKey} was resolved already, by ${by}`, {
    hint: `A resolution is final. See \`npx countersign effects show ${effectKey}\`.`,
  });
