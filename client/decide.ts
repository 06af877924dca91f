// Deciding an approval: open it, see that it can still be decided, sign its recomputed hash, send the decision to the run.
import { canonicalJson } from '../runtime/canonical.ts';
import { UserError } from '../runtime/errors.ts';
import { compileSchema } from '../runtime/json-schema.ts';
import type { ApprovalId, ApprovalRequest, DecideInput } from '../workflows/protocol/index.ts';
import { MAX_TOOL_ARGUMENTS_BYTES, WIRE_VERSION } from '../workflows/protocol/index.ts';
import type { ApprovalDetail, ApprovalTransport, Decided, DecideOptions } from './approval-types.ts';
import type { AnySigner } from './decision.ts';
import { requireReason, signDecision } from './decision.ts';

const DEFAULT_TIMEOUT_MS = 10_000;

export async function decide(
  approvals: Pick<ApprovalTransport, 'get' | 'send' | 'signerFor'>,
  id: ApprovalId,
  options: DecideOptions,
): Promise<Decided> {
  const { decision, via = 'update', timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const approval = await approvals.get(id);
  requireOpen(approval);
  const edited = givenValue(approval.request, options);
  const reason = edited === undefined ? requireReason(decision, options.reason ?? '') : (options.reason ?? '');
  const delegate = decision === 'delegate' ? requireDelegate(options.to) : undefined;
  const signer = await signerOf(approvals, options);
  const { claims, jws } = await signDecision(signer, { ...approval, decision, reason, edited, delegate }, Date.now());
  const input: DecideInput = {
    v: WIRE_VERSION,
    approvalId: approval.id,
    decision: jws,
    ...(edited !== undefined && { edited }),
  };
  const { jti } = claims;
  const answer = await approvals.send({ runId: approval.runId, input, jti, via, timeoutMs });
  return { approvalId: approval.id, via, jti, state: answer?.state ?? 'sent', missing: answer?.missing ?? null };
}

async function signerOf(approvals: Pick<ApprovalTransport, 'signerFor'>, who: DecideOptions): Promise<AnySigner> {
  const { signer, principal } = who;
  if (signer !== undefined && principal === undefined) return signer;
  if (principal !== undefined && signer === undefined) return await approvals.signerFor(principal.id);
  throw new UserError('A decision has one signer', {
    hint: 'Give the key of an approver, or the principal that the run acts for, where they are asked.',
    exitCode: 64,
  });
}

/** What comes with a decision, as JSON text; `undefined` for a mere yes or no. @throws UserError, wrong use */
function givenValue({ kind, subject }: ApprovalRequest, options: DecideOptions): string | undefined {
  const { decision, args, value, text } = options;
  if (kind === 'tool') return decision === 'edit' ? editedText(args) : undefined;
  if (subject?.kind === 'input' && decision === 'respond') return fitting(subject.schema, value);
  if (kind !== 'review' || (decision !== 'edit' && decision !== 'respond')) return undefined;
  if (text === undefined || text.trim() === '') {
    throw new UserError('A review needs the text', { hint: 'Give the answer as it is to be sent.', exitCode: 64 });
  }
  return editedText({ text });
}

/** Held against the schema before anybody signs it. */
function fitting(schema: Readonly<Record<string, unknown>>, value: unknown): string {
  if (value === undefined) {
    throw new UserError('The question asks for a value', {
      hint: 'Give it as JSON; `npx countersign approvals show` has its schema.',
      exitCode: 64,
    });
  }
  const problem = compileSchema(schema).problemOf(value);
  const json = canonicalJson(value);
  if (problem === undefined && json.length <= MAX_TOOL_ARGUMENTS_BYTES) return json;
  const where = problem === undefined || problem.path.length === 0 ? 'the value' : problem.path.join('.');
  throw new UserError(`The value does not fit: ${where}: ${problem?.what ?? 'it is too long'}`, {
    hint: '`npx countersign approvals show` has the schema that it must fit. Nothing was sent.',
    exitCode: 64,
  });
}

/** @throws UserError, wrong use: no object, or too long */
function editedText(args: unknown): string {
  const isObject = typeof args === 'object' && args !== null && !Array.isArray(args);
  const text = isObject ? canonicalJson(args) : '';
  if (isObject && text.length <= MAX_TOOL_ARGUMENTS_BYTES) return text;
  throw new UserError(
    isObject ? `The arguments have ${text.length} characters of JSON` : 'An edit needs the arguments',
    {
      hint: `Give all arguments of the call, as one JSON object of at most ${MAX_TOOL_ARGUMENTS_BYTES} characters.`,
      exitCode: 64,
    },
  );
}

function requireDelegate(to: string | undefined): string {
  if (to !== undefined && to !== '') return to;
  throw new UserError('A delegation needs somebody to delegate to', {
    hint: 'Name an approver of the registry, who is in none of the groups that are asked.',
    exitCode: 64,
  });
}

/** @throws UserError that says how it was decided, or why nobody can decide it any more */
function requireOpen({ id, state, decidedBy, decidedAt, expiresAt, runId }: ApprovalDetail): void {
  if (state === 'pending') return;
  if (state === 'expired') {
    throw new UserError(`Approval ${id} expired at ${expiresAt}`, {
      hint: 'Nobody answering means no: the call is not made. Start the task again if it is still wanted.',
    });
  }
  if (state === 'rerouted') {
    throw new UserError(`Approval ${id} was rerouted: other people are asked, too`, {
      hint: 'Decide on the request that came in its place: `npx countersign approvals list`.',
    });
  }
  if (decidedBy.length > 0) {
    const when = decidedAt === null ? '' : ` at ${decidedAt}`;
    throw new UserError(`Approval ${id} is decided already: ${state} by ${decidedBy.join(', ')}${when}`, {
      hint: `A decision is final. See \`npx countersign approvals show ${id}\`.`,
    });
  }
  throw new UserError(`Approval ${id} is ${state}: the run that asked does not wait for it any more`, {
    hint: `See \`npx countersign runs show ${runId}\`.`,
  });
}
