// The limits of a day that a paid step is held to, and which of them people, or the policy, let its run go beyond.
import type { StartedRun } from '../runtime/keys/index.ts';
import type { DayExtensions, StepInput } from '../workflows/protocol/index.ts';
import type { AnswerDependencies } from './answers.ts';
import { loggingRefusals, requireAllowed, requireAnswer } from './answers.ts';
import { ledgerTime } from './ledger-time.ts';
import type { DayLimits } from './spend.ts';
import { dayOf, extensionOf, isDayLimit } from './spend.ts';

type Extending = Pick<StepInput, 'runId' | 'tenant'> & { readonly extended?: DayExtensions };

/**
 * What stands behind going on beyond soft limits is looked at here: the workflow's word is not enough.
 *
 * @param release its name, without version
 */
export async function dayLimits(
  { extended: given, runId, tenant }: Extending,
  start: StartedRun,
  release: string,
  dependencies: AnswerDependencies,
): Promise<DayLimits> {
  const budgets = dependencies.policy.dayBudgets;
  const extended = new Set<string>();
  if (given !== undefined && budgets.length > 0) {
    const step = { runId, tenant, ...given };
    const now = dependencies.now?.() ?? (await ledgerTime(dependencies.db.of(tenant)));
    // What people said on another day is about that day, and may no longer be used.
    const today = given.days.filter(({ spent }) => spent.day === dayOf(now));
    for (const { spent, receipt } of today) {
      const subject = { kind: 'budget', ...spent } as const;
      const held = await loggingRefusals(step, receipt?.approvalId ?? null, dependencies.securityLog, async () =>
        receipt === undefined
          ? await requireAllowed(step, subject, start, dependencies)
          : (await requireAnswer(step, receipt, start, dependencies)).request.subject,
      );
      // The policy judges by the limit that is named: letting a run have more turns says nothing of a day.
      if (held.kind === 'budget' && isDayLimit(held.limit)) extended.add(extensionOf(held));
    }
  }
  return { principal: start.requester, release, budgets, extended };
}
