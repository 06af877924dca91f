// What a run asks people beside calls of tools: a yes, a value, more of a budget, a look at an answer.

import type { BudgetLimit } from './budget.ts';

/** What a run asks people beside calls of tools. It is sealed with the request, and bound by its hash. */
export type Subject =
  /** Yes or no, by whoever the run acts for. */
  | { readonly kind: 'confirm'; readonly text: string }
  | {
      /** A value that fits the schema. */
      readonly kind: 'input';
      readonly text: string;
      /** JSON Schema (draft 2020-12). */
      readonly schema: Readonly<Record<string, unknown>>;
      /** Absent: whoever the run acts for. */
      readonly groups?: readonly string[];
    }
  /** To go on beyond a soft limit, up to the hard one. */
  | ({ readonly kind: 'budget' } & SpentBudget)
  | {
      /** An answer before it leaves: to be approved, edited, written anew or dismissed. */
      readonly kind: 'review';
      /** What the model was asked. */
      readonly text: string;
      readonly draft: string;
      /** What wrote the draft. */
      readonly model: string;
      /** Why a person is asked, in the words of the flow. */
      readonly reason: string;
      readonly groups: readonly string[];
    };

/** A soft limit that was reached. */
export interface SpentBudget {
  readonly limit: BudgetLimit;
  readonly unit: 'turns' | 'calls' | 'tokens' | 'ms' | 'usd';
  readonly used: number;
  readonly soft: number;
  readonly hard: number;
  /** Of a limit of a principal and a day: its name in budgets.yaml, and the day, UTC. */
  readonly budget?: string;
  readonly day?: string;
}

/** One or a few lines that tell whoever is asked what it is about. */
export function previewOf(subject: Subject): string {
  if (subject.kind === 'review') return subject.draft;
  if (subject.kind !== 'budget') return subject.text;
  const { limit, unit, used, soft, hard, budget, day } = subject;
  const whose = budget === undefined ? `This run has used` : `On ${day ?? 'this day'}, ${budget} has come to`;
  return `${whose} ${amount(used, unit)}: it asks at ${amount(soft, unit)} whether it may go on, up to ${amount(hard, unit)} (${limit}).`;
}

function amount(value: number, unit: SpentBudget['unit']): string {
  if (unit === 'usd') return `${value.toFixed(2)} USD`;
  if (unit === 'ms') return `${(value / 60_000).toFixed(1)} minutes`;
  const [whole = '', ...rest] = String(value).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return `${[grouped, ...rest].join('.')} ${unit}`;
}
