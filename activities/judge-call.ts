// The verb `judgeCall`: holds a call against its tool's schema, freezes its arguments and asks the access policy. A local activity.
import { ApplicationFailure } from '@temporalio/common';
import { mergeDemands } from '../policies/approval-demand.ts';
import { denialRules } from '../policies/denials.ts';
import { judgeCall } from '../policies/judge-call.ts';
import type { AccessPolicy } from '../policies/load.ts';
import type { ReleaseBody } from '../releases/release.ts';
import type { AssertionKey } from '../runtime/assertion.ts';
import { canonicalJson, digestOf } from '../runtime/canonical.ts';
import type { Database, Sql } from '../runtime/database.ts';
import { messageOf } from '../runtime/errors.ts';
import type { RunKeys, StartedRun } from '../runtime/keys/index.ts';
import type {
  Amount,
  ApprovalId,
  CallJudgement,
  CallTrust,
  EngineActivities,
  JudgeCallInput,
  LocalStepResult,
  RunId,
  Verdict,
} from '../workflows/protocol/index.ts';
import {
  eitherOf,
  Failure,
  factsOf,
  highestSensitivity,
  MAX_REASON_CHARS,
  MAX_TOOL_ARGUMENTS_BYTES,
} from '../workflows/protocol/index.ts';
import { requireRequest } from './approval-requests.ts';
import { flagsCalledBefore } from './called-before.ts';
import { argumentsToUndo, previewToUndo, requireUndone } from './compensations.ts';
import type { Denials } from './denials.ts';
import type { FrozenCall } from './frozen-calls.ts';
import { freezeCall, hashOfArguments, lookBack, requireCall } from './frozen-calls.ts';
import { localStep } from './local-step.ts';
import type { Tool } from './ports/tool.ts';
import { ledgeredPrincipal } from './principal.ts';
import type { Releases } from './release-cache.ts';
import { nameOf, rulesText, runFactsOf } from './run-facts.ts';
import type { Toolbox } from './toolbox.ts';

export interface JudgeCallDependencies {
  readonly db: Database;
  readonly runKeys: RunKeys;
  readonly releases: Releases;
  readonly policy: AccessPolicy;
  readonly denials: Denials;
  readonly assertionKey: AssertionKey;
  readonly tools: Toolbox;
}

type Judged = Omit<CallJudgement, keyof LocalStepResult>;

export function createJudgeCall(dependencies: JudgeCallDependencies): EngineActivities['judgeCall'] {
  return async (input) =>
    await localStep(dependencies.runKeys, input, async (start) => await judge(input, start, dependencies));
}

async function judge(input: JudgeCallInput, start: StartedRun, dependencies: JudgeCallDependencies): Promise<Judged> {
  const { db, releases, policy, denials, assertionKey, tools } = dependencies;
  const { runId, tenant, stepPath, trust } = input;
  const sql = db.of(tenant);
  const body = await bodyOf(input, start, releases);
  const pinned = body.tools?.find((each) => each.definition.name === input.tool);
  const { compensates, editedAt } = input;
  if (pinned === undefined || (pinned.compensatesOnly === true && compensates === undefined)) {
    return invalid(`There is no such tool. ${namesOf(body)}`);
  }
  const tool = tools.require(pinned.definition.name, pinned.definitionHash);
  const undoes =
    compensates && (await requireUndone(sql, start, { runId, effectKey: compensates, by: input.tool }, body));
  const raw = undoes && editedAt === undefined ? await argumentsToUndo(sql, start, undoes, tools) : input;
  const read = 'problem' in raw ? raw : readArguments(tool, raw.args);
  if ('problem' in read) return invalid(read.problem);
  const { args, amount } = read;
  const preview = undoes ? previewToUndo(read.preview, undoes) : read.preview;

  const argsHash = hashOfArguments(start, input.tool, args);
  const { firstExecutionRunId } = input;
  const key = undoes
    ? { compensates: undoes.call.effectKey, tool: input.tool, argsHash }
    : { workflowId: runId, firstExecutionRunId, stepPath, tool: input.tool, argsHash };
  const effectKey = digestOf(key);
  const asked = { runId, tenant, tool: input.tool, argsHash, effectKey };
  const [principal, { repeated, called, denials: standing }] = await Promise.all([
    ledgeredPrincipal(input, start, assertionKey),
    denials.along(tenant, () => lookBack(sql, asked)),
  ]);
  const { definition, definitionHash } = tool;
  const untrustedArguments = untrustedOf(tool, args, trust);
  const flags = eitherOf(factsOf(input.flags ?? {}), flagsCalledBefore(called, body));
  const facts = {
    ...flags,
    sawUntrusted: flags.sawUntrusted || trust.sawUntrusted,
    sensitivity: highestSensitivity([trust.sensitivity ?? 'public', ...trust.labels.map((label) => label.sensitivity)]),
    origins: [...new Set(trust.labels.map(({ origin }) => origin))],
    untrustedArguments,
    repeated,
    ...(amount !== undefined && { amount }),
    ...(undoes && { compensates: undoes.call.tool }),
  };
  const question = { ...runFactsOf(input, body), principal, tool: definition, trust: facts };
  const target = { tool: input.tool, release: nameOf(body), principals: [principal.id] };
  const judged = judgeCall(policy, question, denialRules(standing, target));
  const verdict = editedAt === undefined ? judged : withAsked(judged, await callAsked(sql, start, runId, editedAt));
  if (verdict.decision === 'deny') return { outcome: 'deny', message: denialOf(verdict, input.tool), verdict };
  const { risk } = definition;
  const call = { effectKey, tenant, runId, stepPath, tool: input.tool, definitionHash, risk, argsHash };
  await freezeCall(sql, start, { ...call, args, preview, verdict, ...(compensates && { compensates }) });
  const outcome = verdict.decision === 'allow' ? 'allow' : 'approval';
  return { outcome, message: '', verdict, effectKey, argsHash };
}

/** The call that people were asked about, before an approver changed its arguments. */
async function callAsked(sql: Sql, start: StartedRun, runId: RunId, approvalId: ApprovalId): Promise<FrozenCall> {
  const { effectKey } = await requireRequest(sql, start, { runId, approvalId });
  if (effectKey !== undefined) return await requireCall(sql, start, { runId, effectKey });
  throw ApplicationFailure.nonRetryable(`Approval ${approvalId} is of no call`, Failure.InvalidInput);
}

/** Changed arguments ask for no fewer people than those that were shown first, also where the policy would let them through. */
function withAsked(verdict: Verdict, { verdict: before }: FrozenCall): Verdict {
  const demands = [verdict.approval, before.approval].filter((demand) => demand !== undefined);
  const approval = mergeDemands(demands);
  if (verdict.decision === 'deny' || approval === undefined) return verdict;
  return { ...verdict, decision: 'allow-with', rules: [...new Set([...verdict.rules, ...before.rules])], approval };
}

async function bodyOf(input: JudgeCallInput, start: StartedRun, releases: Releases): Promise<ReleaseBody> {
  if (start.releaseDigest === null) {
    throw ApplicationFailure.nonRetryable(
      `Run ${input.runId} was started without a release, and so has no tools`,
      Failure.InvalidInput,
    );
  }
  return (await releases.require(input.tenant, start.releaseDigest)).body;
}

type Read =
  | { readonly args: unknown; readonly preview: string; readonly amount: Amount | undefined }
  | { readonly problem: string };

/** The schema is applied here and nowhere else: what it gives is hashed, shown to people and handed to the tool. */
function readArguments(tool: Tool, raw: unknown): Read {
  try {
    const args: unknown = JSON.parse(canonicalJson(tool.parse(raw)));
    const bytes = Buffer.byteLength(canonicalJson(args));
    if (bytes > MAX_TOOL_ARGUMENTS_BYTES) {
      return { problem: `The arguments have ${bytes} bytes; at most ${MAX_TOOL_ARGUMENTS_BYTES} are taken.` };
    }
    return { args, preview: tool.preview(args), amount: tool.amount?.(args) };
  } catch (error) {
    return { problem: messageOf(error).slice(0, MAX_REASON_CHARS) };
  }
}

/** Arguments that must be trusted and are not: everything is as untrusted as what its writer had read. */
function untrustedOf(tool: Tool, args: unknown, { labels }: CallTrust): number {
  const trusted = labels.length > 0 && labels.every(({ origin }) => origin === 'operator' || origin === 'user');
  if (trusted || typeof args !== 'object' || args === null) return 0;
  return tool.definition.mustBeTrusted.filter((name) => Object.hasOwn(args, name)).length;
}

const invalid = (message: string): Judged => ({ outcome: 'invalid', message });

function namesOf(body: ReleaseBody): string {
  const names = (body.tools ?? []).flatMap((tool) => (tool.compensatesOnly ? [] : tool.definition.name));
  return names.length === 0 ? 'This release has no tools.' : `There are: ${names.join(', ')}.`;
}

function denialOf(verdict: Verdict, tool: string): string {
  return `The access policy does not let ${verdict.facts.principal.id} use ${tool} here (${rulesText(verdict.rules)}).`;
}
