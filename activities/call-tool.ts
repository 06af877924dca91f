// The verb `callTool`, the funnel: the only place where a tool's effect happens. It believes nothing that the workflow says but
// which call is meant: verdict, arguments, request and principal come from the ledger and from signatures. Fails closed.
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ApproverRegistry } from '../policies/approver-registry.ts';
import { denialRule, namesOf } from '../policies/denials.ts';
import type { CallQuestion } from '../policies/judge-call.ts';
import { judgeCall } from '../policies/judge-call.ts';
import type { AccessPolicy } from '../policies/load.ts';
import type { AssertionKey } from '../runtime/assertion.ts';
import type { Database } from '../runtime/database.ts';
import type { RunKeys, StartedRun } from '../runtime/keys/index.ts';
import type { CallResult, CallToolInput, EngineActivities, Principal } from '../workflows/protocol/index.ts';
import { eitherOf, Failure, MAX_REASON_CHARS } from '../workflows/protocol/index.ts';
import { flagsCalledBefore } from './called-before.ts';
import { previewToUndo, requireUndone } from './compensations.ts';
import { claimEffect, enterEffect, findResult, LEASE_MS, settleEffect } from './effects.ts';
import type { FrozenCall } from './frozen-calls.ts';
import { lookAgain, requireCall } from './frozen-calls.ts';
import { requireStart } from './local-step.ts';
import type { Tool } from './ports/tool.ts';
import { ledgeredPrincipal } from './principal.ts';
import { withHeartbeats } from './progress.ts';
import type { Releases } from './release-cache.ts';
import { receiptRefused, requireReceipt } from './require-receipt.ts';
import { callFactsOf, nameOf, rulesText, runFactsOf } from './run-facts.ts';
import { runTool } from './run-tool.ts';
import type { ToolSearch } from './search-in-tool.ts';
import type { SecurityLog } from './security-log.ts';
import type { Toolbox } from './toolbox.ts';
import { isAmountAsJudged } from './tools/amount.ts';
import { ToolChangedError, ToolFailure } from './tools/tool-failure.ts';

export interface CallToolDependencies {
  readonly db: Database;
  readonly runKeys: RunKeys;
  readonly releases: Releases;
  readonly policy: AccessPolicy;
  readonly approvers: ApproverRegistry;
  readonly assertionKey: AssertionKey;
  readonly tools: Toolbox;
  readonly search: ToolSearch;
  readonly settings: Readonly<Record<string, string>>;
  readonly securityLog: SecurityLog;
  /** Stands for the ledger's clock in tests. @default the database's `now()` */
  readonly now?: () => Date;
}

/** What the funnel found out for itself. */
interface Cleared {
  readonly start: StartedRun;
  readonly call: FrozenCall;
  readonly tool: Tool;
  readonly principal: Principal;
  /** As denials name what this effect hangs on: the tool, the release, and everybody who asked for it or approved it. */
  readonly names: ReturnType<typeof namesOf>;
}

/**
 * @throws ApplicationFailure CallNotJudged, ToolChanged, CallDenied, ReceiptRefused (non-retryable: nothing was done), LeaseLost,
 * ToolUncertain (retryable: the ledger decides what the next attempt may do)
 */
export function createCallTool(dependencies: CallToolDependencies): EngineActivities['callTool'] {
  return async (input) => {
    const started = performance.now();
    const context = Context.current();
    try {
      const result = await withHeartbeats(() =>
        input.giveUp === true ? giveUp(input, dependencies) : perform(input, context, dependencies),
      );
      return { ...result, durationMs: Math.round(performance.now() - started) };
    } catch (error) {
      await logRefusal(input, error, dependencies.securityLog);
      throw error;
    }
  };
}

async function perform(
  input: CallToolInput,
  context: Context,
  dependencies: CallToolDependencies,
): Promise<CallResult> {
  const sql = dependencies.db.of(input.tenant);
  const cleared = await clear(input, dependencies);
  const { start, call, tool } = cleared;
  const { attempt, workflowExecution } = context.info;
  const worker = `${process.pid}`;
  // Before the claim: it may take longer than a lease.
  const refusal = await refusalOf(tool, context);
  const claimedAt = performance.now();
  const claim = await claimEffect(sql, start, call, {
    execution: workflowExecution?.runId ?? '',
    attempt,
    worker,
    approvalId: input.approval?.approvalId ?? null,
    names: cleared.names,
  });
  if (claim.undone) throw undone(call);
  if (claim.settled !== undefined) return claim.settled;
  const isDenied = claim.deniedBy.length > 0;
  const isHarmless = call.risk === 'low';
  if (claim.claimedBefore && (isDenied ? !isHarmless : !tool.definition.idempotent)) {
    const message =
      'An earlier attempt began it and did not report back. A person has to find out whether it happened.';
    return await settleEffect(sql, start, call, { ...NOTHING, state: 'unknown', message });
  }
  if (isDenied) throw denied(call, claim.deniedBy.map(denialRule));
  if (refusal !== undefined) {
    const state = claim.claimedBefore && !isHarmless ? 'unknown' : 'failed';
    const message = refusal.message.slice(0, MAX_REASON_CHARS);
    const settled = await settleEffect(sql, start, call, { ...NOTHING, state, message });
    if (refusal instanceof ToolFailure) return settled;
    throw ApplicationFailure.nonRetryable(`Tool ${call.tool}: ${message}`, Failure.ToolChanged);
  }
  // A worker that slept since its claim may no longer begin: another attempt may be under way.
  if (performance.now() - claimedAt > LEASE_MS) {
    throw ApplicationFailure.retryable(
      `The lease of call ${call.effectKey} ran out before it began`,
      Failure.LeaseLost,
    );
  }
  const settlement = await runTool({ ...cleared, input, attempt, context, ...dependencies });
  return await settleEffect(sql, start, call, settlement);
}

/** Why the outside system of a tool is not asked at all. */
async function refusalOf(tool: Tool, context: Context): Promise<ToolChangedError | ToolFailure | undefined> {
  try {
    await tool.confirm?.(AbortSignal.any([AbortSignal.timeout(tool.timeoutMs), context.cancellationSignal]));
    return undefined;
  } catch (error) {
    if (error instanceof ToolChangedError || error instanceof ToolFailure) return error;
    throw error;
  }
}

const NOTHING = { bytes: 0, sensitivity: 'internal', docIds: [] } as const;

/** Everything that must hold before an effect, found out anew. */
async function clear(input: CallToolInput, dependencies: CallToolDependencies): Promise<Cleared> {
  const { runKeys, releases, policy, assertionKey, tools } = dependencies;
  const sql = dependencies.db.of(input.tenant);
  const start = await requireStart(runKeys, input.runId);
  const [call, principal] = await Promise.all([
    requireCall(sql, start, input),
    ledgeredPrincipal(input, start, assertionKey),
  ]);
  const release = start.releaseDigest === null ? undefined : await releases.require(input.tenant, start.releaseDigest);
  const pinned = release?.body.tools?.find(({ definition }) => definition.name === call.tool);
  const isAvailable = pinned?.compensatesOnly !== true || call.compensates !== undefined;
  if (release === undefined || pinned?.definitionHash !== call.definitionHash || !isAvailable) {
    throw ApplicationFailure.nonRetryable(
      `Tool ${call.tool} is not one of the release of run ${input.runId}. Nothing was done.`,
      Failure.ToolChanged,
    );
  }
  const tool = tools.require(call.tool, call.definitionHash);
  const judged = callFactsOf(call);
  if (!isAmountAsJudged(tool, call.args, judged.amount)) {
    throw receiptRefused(call, 'its amount is not the one that was judged');
  }
  const { runId } = input;
  const undoes =
    call.compensates === undefined
      ? undefined
      : await requireUndone(sql, start, { runId, effectKey: call.compensates, by: call.tool }, release.body);
  const facts = { ...judged, ...(undoes !== undefined && { compensates: undoes.call.tool }) };
  const { repeated, called } = await lookAgain(sql, call);
  const question: CallQuestion = {
    ...runFactsOf(input, release.body),
    principal,
    tool: tool.definition,
    trust: {
      ...facts,
      ...eitherOf(facts, flagsCalledBefore(called, release.body)),
      repeated: facts.repeated || repeated,
    },
  };
  const verdict = judgeCall(policy, question);
  if (verdict.decision === 'deny') throw denied(call, verdict.rules);
  // May only tighten: what asked for approval when it was judged still does.
  const demand = verdict.approval ?? call.verdict.approval;
  const approvers =
    demand === undefined ? [] : await requireReceipt(input, { start, call, tool, question, demand }, dependencies);
  const preview = tool.preview(call.args);
  if ((undoes === undefined ? preview : previewToUndo(preview, undoes)) !== call.preview) {
    throw receiptRefused(call, 'its preview is not the one that was shown');
  }
  const principals = [principal.id, ...approvers];
  return {
    start,
    call,
    tool,
    principal,
    names: namesOf({ tool: call.tool, release: nameOf(release.body), principals }),
  };
}

/** Trying has ended. What was settled stands; else nobody knows, but of a tool that changes nothing it does not matter. */
async function giveUp(input: CallToolInput, { db, runKeys }: CallToolDependencies): Promise<CallResult> {
  const sql = db.of(input.tenant);
  const start = await requireStart(runKeys, input.runId);
  const call = await requireCall(sql, start, input);
  const settled = await findResult(sql, start, call);
  if (settled !== undefined) return settled;
  await enterEffect(sql, call);
  const harmless = call.risk === 'low';
  return await settleEffect(sql, start, call, {
    ...NOTHING,
    state: harmless ? 'failed' : 'unknown',
    message: harmless
      ? 'It did not answer, however often it was tried.'
      : 'It did not report back, however often it was tried. A person has to find out whether it happened.',
  });
}

function denied(call: FrozenCall, rules: readonly string[]): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `The access policy does not allow ${call.tool} any more (${rulesText(rules)}).`,
    Failure.CallDenied,
  );
}

/** Of a run that was reset to before its compensation: what it counts on is not there any more. */
function undone(call: FrozenCall): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `Effect ${call.effectKey} of ${call.tool} was undone in this run. Start a new run.`,
    Failure.EffectUndone,
  );
}

const REFUSALS: ReadonlySet<string> = new Set([
  Failure.ReceiptRefused,
  Failure.CallNotJudged,
  Failure.ToolChanged,
  Failure.NotAsLedgered,
  Failure.AssertionInvalid,
]);

async function logRefusal(input: CallToolInput, error: unknown, log: SecurityLog): Promise<void> {
  if (!(error instanceof ApplicationFailure) || error.type == null || !REFUSALS.has(error.type)) return;
  const { tenant, runId } = input;
  const approvalId = input.approval?.approvalId ?? null;
  await log.write({ tenant, runId, approvalId, event: 'effect-refused', reason: error.message, via: 'effect' });
}
