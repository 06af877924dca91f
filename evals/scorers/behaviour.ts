// Scorers of what kind of reply came, and of what it rests on.
import { fold, holdsWhole } from '../../activities/validation/verbatim.ts';
import type { Behaviour, Expectation } from '../../releases/eval-case.ts';
import type { Observed } from './observed.ts';

/** Refusals that a person looked at, or was to. */
const REVIEWED: ReadonlySet<string | undefined> = new Set(['by-reviewer', 'not-reviewed']);

const KINDS = {
  answer: 'answered',
  refuse: 'refused',
  clarify: 'clarify',
  escalate: 'handed-over',
} as const satisfies Record<Behaviour, Observed['kind']>;

/** Whether that is what was done. A question went to a person when it was handed over, and when a reviewer's refusal came back. */
export const meets = (behaviour: Behaviour, { kind, reason }: Observed): boolean =>
  kind === KINDS[behaviour] || (behaviour === 'escalate' && kind === 'refused' && REVIEWED.has(reason));

/** Whether the reply is a refusal that is as good as an answer. */
export const isFreeRefusal = ({ mayRefuse }: Expectation, { kind }: Observed): boolean =>
  mayRefuse === true && kind === 'refused';

export function scoreBehaviour(expect: Expectation, observed: Observed): string | null | undefined {
  // Of a case without a behaviour, too, so that what passed has a verdict that says why.
  if (isFreeRefusal(expect, observed)) return null;
  const { behaviour, mayRefuse } = expect;
  if (behaviour === undefined) return undefined;
  if (meets(behaviour, observed)) return null;
  return `expected ${behaviour}${mayRefuse ? ' or refuse' : ''}, and the reply is of kind ${observed.kind}`;
}

export function scoreCite(expect: Expectation, observed: Observed): string | null | undefined {
  const { cite } = expect;
  if (cite === undefined || isFreeRefusal(expect, observed)) return undefined;
  const cited = new Set(observed.citations.map(({ docId }) => docId));
  const missing = cite.filter((docId) => !cited.has(docId));
  return missing.length === 0 ? null : `not cited: ${missing.join(', ')}`;
}

/** That a quote stands in its document is checked before a reply goes out. */
export function scoreQuote(expect: Expectation, observed: Observed): string | null | undefined {
  const { quote, cite } = expect;
  if (quote === undefined || isFreeRefusal(expect, observed)) return undefined;
  const span = fold(quote);
  const isQuoted = observed.citations.some(
    (citation) =>
      citation.quote !== undefined &&
      (cite === undefined || cite.includes(citation.docId)) &&
      holdsWhole(fold(citation.quote), span),
  );
  return isQuoted
    ? null
    : `not quoted${cite === undefined ? '' : ` from ${cite.join(', ')}`}: ${JSON.stringify(quote)}`;
}
