// Loads the access policies: parsed once, validated against the schema, known by their @id and, with the risk classes, one digest.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DetailedError, PolicyJson, PolicySet } from '@cedar-policy/cedar-wasm/nodejs';
import cedar from '@cedar-policy/cedar-wasm/nodejs';
import { digestOf } from '../runtime/canonical.ts';
import { UserError } from '../runtime/errors.ts';
import type { ApprovalDemand, Digest, MaskDemand } from '../workflows/protocol/index.ts';
import { RULE_OF_TWO } from '../workflows/protocol/index.ts';
import { approvalDemandOf } from './approval-demand.ts';
import type { DayBudget } from './day-budgets.ts';
import { loadDayBudgets } from './day-budgets.ts';
import { maskDemandOf } from './mask-demand.ts';
import type { PolicySource } from './problems.ts';
import { parseProblem, schemaProblem } from './problems.ts';
import type { RiskClasses } from './risk-classes.ts';
import { loadRiskClasses } from './risk-classes.ts';

/** A parsed policy set, ready to be asked by {@link judge}. */
export interface AccessPolicy {
  /** Of schema, policies with their annotations, risk classes, and budgets. */
  readonly digest: Digest;
  readonly ids: readonly string[];
  /** What the policies that wait for people ask of them, by policy id. */
  readonly approvals: ReadonlyMap<string, ApprovalDemand>;
  /** What the policies that let a prompt go to a model hide of it, by policy id. */
  readonly masks: ReadonlyMap<string, MaskDemand>;
  readonly riskClasses: RiskClasses;
  readonly dayBudgets: readonly DayBudget[];
  /** Where each policy stands, by policy id. */
  readonly sources: ReadonlyMap<string, PolicySource>;
  /** Cedar's JSON form, by policy id. */
  readonly parsed: ReadonlyMap<string, PolicyJson>;
  /** Name of the preparsed set and schema inside Cedar. */
  readonly handle: string;
}

/**
 * @param folder holds `schema.cedarschema`, `access.cedar`, `risk-classes.yaml` and, where days have limits, `budgets.yaml`
 * @throws UserError naming file and line of what does not parse, of each policy that names what the schema lacks, and the policy
 *   that asks for an approval or a mask in a way that cannot be followed
 */
export function loadAccessPolicy(folder: string): AccessPolicy {
  const schemaPath = join(folder, 'schema.cedarschema');
  const policyPath = join(folder, 'access.cedar');
  const schema = readText(schemaPath);
  const text = readText(policyPath);

  const { parsed, sources } = readPolicies(policyPath, text);
  const policies = Object.fromEntries([...sources].map(([id, source]) => [id, source.text]));
  const set: PolicySet = { staticPolicies: policies };
  const riskClasses = loadRiskClasses(join(folder, 'risk-classes.yaml'));
  const dayBudgets = loadDayBudgets(join(folder, 'budgets.yaml'));
  // The text of a policy has its annotations, so the digest binds whom it asks.
  const digest = digestOf({ schema, policies, riskClasses, dayBudgets });
  requireSuccess(cedar.preparseSchema(digest, schema), schemaPath, schema);
  const validation = cedar.validate({ schema, policies: set });
  if (validation.type === 'failure') throw parseProblem(policyPath, text, validation.errors);
  if (validation.validationErrors.length > 0) {
    throw schemaProblem(validation.validationErrors, sources, { path: schemaPath, text: schema });
  }

  const approvals = new Map<string, ApprovalDemand>();
  const masks = new Map<string, MaskDemand>();
  for (const [id, json] of parsed) {
    const where = `${policyPath}:${sources.get(id)?.line}: policy ${id}`;
    const demand = approvalDemandOf(json, where);
    if (demand !== undefined) approvals.set(id, demand);
    const mask = maskDemandOf(json, where);
    if (mask !== undefined) masks.set(id, mask);
  }
  requireSuccess(cedar.preparsePolicySet(digest, set), policyPath, text);
  return {
    digest,
    ids: [...sources.keys()],
    approvals,
    masks,
    riskClasses,
    dayBudgets,
    sources,
    parsed,
    handle: digest,
  };
}

/** Maps first: as a key of a plain object, `__proto__` would drop its policy. */
function readPolicies(path: string, text: string): Pick<AccessPolicy, 'parsed' | 'sources'> {
  const parts = cedar.policySetTextToParts(text);
  if (parts.type === 'failure') throw parseProblem(path, text, parts.errors);
  if (parts.policy_templates.length > 0) {
    throw new UserError(`${path}: templates are not supported`, { hint: 'Write each policy out.' });
  }
  const parsed = new Map<string, PolicyJson>();
  const sources = new Map<string, PolicySource>();
  for (const { policy, line } of inOrder(parts.policies, text)) {
    const json = jsonOf(policy, path);
    const id = idOf(json, policy, `${path}:${line}`);
    const before = sources.get(id);
    if (before !== undefined) {
      throw new UserError(`${path}:${line}: two policies have @id("${id}"), the other in line ${before.line}`, {
        hint: 'Rename one.',
      });
    }
    sources.set(id, { file: path, line, text: policy });
    parsed.set(id, json);
  }
  return { parsed, sources };
}

/** Cedar gives more than ten policies in the order of its own names for them: the tenth before the second. */
function inOrder(
  policies: readonly string[],
  text: string,
): readonly { readonly policy: string; readonly line: number }[] {
  const searchFrom = new Map<string, number>();
  return policies
    .map((policy) => {
      let start = text.indexOf(policy, searchFrom.get(policy));
      // Not the copy that somebody commented out.
      while (start >= 0 && /\/\/[^\n]*$/.test(text.slice(0, start))) start = text.indexOf(policy, start + 1);
      searchFrom.set(policy, start + 1);
      return { policy, start, line: text.slice(0, start).split('\n').length };
    })
    .sort((a, b) => a.start - b.start);
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
  if (answer.type === 'failure') throw parseProblem(path, policy, answer.errors);
  return answer.json;
}

function idOf(json: PolicyJson, policy: string, where: string): string {
  const id = json.annotations?.['id'];
  if (id === RULE_OF_TWO) {
    throw new UserError(`${where}: @id("${id}") is the name of a rule of the engine`, { hint: 'Rename it.' });
  }
  if (id !== undefined && id !== null && id !== '') return id;
  const [firstLine] = policy.trim().split('\n');
  throw new UserError(`${where}: a policy has no @id: ${firstLine ?? ''}`, {
    hint: 'Put @id("what-it-says") above it: verdicts name the rules that made them.',
  });
}

function requireSuccess(
  answer: { type: 'success' } | { type: 'failure'; errors: DetailedError[] },
  path: string,
  text: string,
): void {
  if (answer.type === 'failure') throw parseProblem(path, text, answer.errors);
}
