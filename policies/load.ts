// Loads the access policies: parsed once, validated against the schema, known by their @id and one digest.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DetailedError, PolicyJson, PolicySet } from '@cedar-policy/cedar-wasm/nodejs';
import cedar from '@cedar-policy/cedar-wasm/nodejs';
import { digestOf } from '../runtime/canonical.ts';
import { UserError } from '../runtime/errors.ts';
import type { ApprovalDemand, Digest } from '../workflows/protocol/index.ts';
import { approvalDemandOf } from './approval-demand.ts';

/** A parsed policy set, ready to be asked by {@link judge}. */
export interface AccessPolicy {
  readonly digest: Digest;
  readonly ids: readonly string[];
  /** What the policies that wait for people ask of them, by policy id. */
  readonly approvals: ReadonlyMap<string, ApprovalDemand>;
  /** Name of the preparsed set and schema inside Cedar. */
  readonly handle: string;
}

/**
 * @param folder holds `schema.cedarschema` and `access.cedar`
 * @throws UserError naming the file and line of what does not parse, and the policy that names an unknown entity or asks for
 *   an approval in a way that cannot be followed
 */
export function loadAccessPolicy(folder: string): AccessPolicy {
  const schemaPath = join(folder, 'schema.cedarschema');
  const policyPath = join(folder, 'access.cedar');
  const schema = readText(schemaPath);
  const text = readText(policyPath);

  requireSuccess(cedar.checkParseSchema(schema), schemaPath, schema);
  const parts = cedar.policySetTextToParts(text);
  if (parts.type === 'failure') throw problem(policyPath, text, parts.errors);
  if (parts.policy_templates.length > 0) {
    throw new UserError(`${policyPath}: templates are not supported`, { hint: 'Write each policy out.' });
  }
  // A map first: as a key of a plain object, `__proto__` would drop its policy.
  const byId = new Map<string, string>();
  const jsonById = new Map<string, PolicyJson>();
  for (const policy of parts.policies) {
    const json = jsonOf(policy, policyPath);
    const id = idOf(json, policy, policyPath);
    if (byId.has(id)) throw new UserError(`${policyPath}: two policies have @id("${id}")`, { hint: 'Rename one.' });
    byId.set(id, policy);
    jsonById.set(id, json);
  }
  const policies = Object.fromEntries(byId);

  const set: PolicySet = { staticPolicies: policies };
  const validation = cedar.validate({ schema, policies: set });
  if (validation.type === 'failure') throw problem(policyPath, text, validation.errors);
  const [invalid] = validation.validationErrors;
  if (invalid !== undefined) {
    const help = invalid.error.help ?? '';
    throw new UserError(`${policyPath}: policy ${invalid.policyId}: ${invalid.error.message}`, {
      hint: `${help} What may be named stands in ${schemaPath}.`.trim(),
    });
  }

  const approvals = new Map<string, ApprovalDemand>();
  for (const [id, json] of jsonById) {
    const demand = approvalDemandOf(json, `${policyPath}: policy ${id}`);
    if (demand !== undefined) approvals.set(id, demand);
  }

  // The text of a policy has its annotations, so the digest binds whom it asks.
  const digest = digestOf({ schema, policies });
  requireSuccess(cedar.preparseSchema(digest, schema), schemaPath, schema);
  requireSuccess(cedar.preparsePolicySet(digest, set), policyPath, text);
  return { digest, ids: Object.keys(policies), approvals, handle: digest };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UserError(`Cannot read the policy file ${path}`, {
      hint: 'Run from the project folder, or name the folder in COUNTERSIGN_POLICIES.',
      cause,
    });
  }
}

function jsonOf(policy: string, path: string): PolicyJson {
  const answer = cedar.policyToJson(policy);
  if (answer.type === 'failure') throw problem(path, policy, answer.errors);
  return answer.json;
}

function idOf(json: PolicyJson, policy: string, path: string): string {
  const id = json.annotations?.['id'];
  if (id !== undefined && id !== null && id !== '') return id;
  const [firstLine] = policy.trim().split('\n');
  throw new UserError(`${path}: a policy has no @id: ${firstLine ?? ''}`, {
    hint: 'Put @id("what-it-says") above it: verdicts name the rules that made them.',
  });
}

function requireSuccess(
  answer: { type: 'success' } | { type: 'failure'; errors: DetailedError[] },
  path: string,
  text: string,
): void {
  if (answer.type === 'failure') throw problem(path, text, answer.errors);
}

function problem(path: string, text: string, errors: readonly DetailedError[]): UserError {
  const [first] = errors;
  const offset = first?.sourceLocations?.[0]?.start;
  const line = offset === undefined ? '' : `:${Buffer.from(text).subarray(0, offset).toString().split('\n').length}`;
  const help = first?.help;
  return new UserError(`${path}${line}: ${first?.message ?? 'does not parse'}`, help == null ? {} : { hint: help });
}
