// At a soft limit: asks people whether the run may go on up to the hard one. Workflow code only.
import type { Answer } from './ask-question.ts';
import { askQuestion } from './ask-question.ts';
import { exhausted, softLimitOf } from './budget.ts';
import type { DayExtensions, SpentBudget } from './protocol/index.ts';
import type { RunState } from './run-state.ts';
import { originOf } from './run-state.ts';

/** Once for each limit, also when several steps come to it at once. @throws ApplicationFailure BudgetExhausted for any answer but a yes */
export async function extendBudget(state: RunState): Promise<void> {
  for (let spent = softLimitOf(state); spent !== undefined; spent = softLimitOf(state)) {
    const { limit } = spent;
    let asked = state.extending.get(limit);
    if (asked === undefined) {
      asked = askForMore(state, spent);
      state.extending.set(limit, asked);
    }
    const answer = await asked;
    if (!isYes(answer)) throw exhausted(state, limit, whyNot(limit, answer));
    state.extensions.add(limit);
  }
}

/** At the soft limit of a day. @throws ApplicationFailure BudgetExhausted for any answer but a yes */
export async function extendDay(state: RunState, spent: SpentBudget): Promise<void> {
  const answer = await askForMore(state, spent);
  if (!isYes(answer)) throw exhausted(state, spent.limit, whyNot(spent.limit, answer));
  state.dayExtensions.push({ spent, ...(answer.receipt !== undefined && { receipt: answer.receipt }) });
}

/** For a model call: what stands behind going on; nothing before a soft limit was reached. */
export function extendedDays(state: RunState): { extended?: DayExtensions } {
  const { dayExtensions: days } = state;
  return days.length === 0 ? {} : { extended: { ...originOf(state), days: [...days] } };
}

const askForMore = (state: RunState, spent: SpentBudget): Promise<Answer> =>
  askQuestion(state, { subject: { kind: 'budget', ...spent } });

const isYes = ({ status }: Answer): boolean => status === 'approved' || status === 'allowed';

const whyNot = (limit: string, { status, message }: Answer): string =>
  `soft limit of ${limit}: ${status}${message === '' ? '' : `, ${message}`}`;
