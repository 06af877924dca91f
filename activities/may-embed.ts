// Before the first text of a generation goes to an embedding model: whether the access policy lets it go there, and whether that is where
// a published release has texts go.
import { ApplicationFailure } from '@temporalio/common';
import { denialRules } from '../policies/denials.ts';
import { judgeIngestModel } from '../policies/judge-model.ts';
import type { AccessPolicy } from '../policies/load.ts';
import type { Sql } from '../runtime/database.ts';
import type { IndexGenerationInput, PinnedEmbedding, Principal, Sensitivity } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import type { Denials } from './denials.ts';
import { rulesText } from './run-facts.ts';

/** Whoever a refresh by schedule acts for: nobody, in no group. */
const refresher = (tenant: string): Principal => ({
  id: 'refresh',
  tenant,
  groups: [],
  roles: [],
  clearance: 'public',
});

export interface MayEmbedDependencies {
  readonly sql: Sql;
  readonly policy: AccessPolicy;
  readonly denials: Denials;
}

/** @throws ApplicationFailure ModelDenied, ModelNotConfigured, non-retryable */
export async function requireMayEmbed(
  { sql, policy, denials }: MayEmbedDependencies,
  { tenant, generation, collection, principal = refresher(tenant) }: IndexGenerationInput,
  embedding: PinnedEmbedding,
): Promise<void> {
  const standing = await denials.recent(tenant);
  const denied = denialRules(standing, { principals: [principal.id] });
  const rows = await sql<{ sensitivity: Sensitivity; count: number; example: string }[]>`
    select coalesce(sensitivity, 'restricted') as sensitivity, count(*)::integer as count, min(doc_id) as example
    from generation_documents where tenant = ${tenant} and generation = ${generation.id}
    group by 1 order by 1`;
  for (const { sensitivity, count, example } of rows) {
    const { decision, rules } = judgeIngestModel(policy, { tenant, principal, model: embedding, sensitivity }, denied);
    if (decision === 'allow') continue;
    throw ApplicationFailure.nonRetryable(
      `The access policy does not let ${sensitivity} documents go to ${embedding.name} (${rulesText(rules)}): ${count} of ` +
        `them, such as ${example}. Nothing was sent, and ${collection} is as it was. Keep them in a collection without ` +
        'vectors, embed them with a model that the policy allows, or change the policy.',
      Failure.ModelDenied,
    );
  }
  await requirePublished(sql, tenant, embedding);
}

/** Whoever may ingest must not send documents, or a key of the worker, wherever they like: publishers say where both go. */
async function requirePublished(
  sql: Sql,
  tenant: string,
  { name, id, baseUrl, apiKeyEnv }: PinnedEmbedding,
): Promise<void> {
  const [known] = await sql`
    select digest from releases, lateral (select body -> 'retrieval' -> 'dense' -> 'embedding' as pinned) as of_release
    where tenant = ${tenant} and pinned ->> 'name' = ${name} and pinned ->> 'id' = ${id} and pinned ->> 'baseUrl' = ${baseUrl}
      and (${apiKeyEnv ?? null}::text is null or pinned ->> 'apiKeyEnv' = ${apiKeyEnv ?? null})
    limit 1`;
  if (known !== undefined) return;
  const what = apiKeyEnv === undefined ? 'documents' : 'documents and a key';
  throw ApplicationFailure.nonRetryable(
    `No published release searches by ${name} (${id}) at ${baseUrl}${apiKeyEnv === undefined ? '' : ` with ${apiKeyEnv}`}, and the ` +
      `worker sends ${what} only where one does. Publish a release with \`retrieval: { dense: { model: ${name} } }\` first, then ` +
      'ingest again. Nothing was sent.',
    Failure.ModelNotConfigured,
  );
}
