// The verb `moderate`: an endpoint is asked whether question and answer may be said. A regular activity: it leaves our systems, and may cost money.
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import type { Check, EngineActivities } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';
import type { EndpointModels } from './adapters/endpoint-models.ts';
import type { PaidDependencies } from './paid-request.ts';
import { payFor } from './paid-request.ts';
import type { Moderated } from './ports/moderation.ts';
import { MAX_MODERATED } from './ports/moderation.ts';
import { checkOf } from './validation/check.ts';

export interface ModerateDependencies extends PaidDependencies {
  readonly models: Pick<EndpointModels, 'moderationFor'>;
}

/** With the request's ten seconds within the time of the activity: `lookup` of workflows/proxies.ts. */
const LONGEST_WAIT_MS = 12_000;
/** Of one text of a request, in UTF-16 code units; a longer one is told in pieces. */
const MAX_CHARS = 8_000;
const OVERLAP_CHARS = 200;
const MAX_NAMES = 3;
const NAME = 'moderated';

const moderatedSchema = z.array(
  z.object({ flagged: z.boolean(), categories: z.array(z.object({ name: z.string(), score: z.number() })) }),
);
const keptSchema = z.object({ question: moderatedSchema, answer: moderatedSchema });

/** @throws ApplicationFailure ModelDenied, InvalidInput (non-retryable), and those of a model call */
export function createModerate(dependencies: ModerateDependencies): EngineActivities['moderate'] {
  return async (input) => {
    const { question, text: answer } = input;
    let maxScore: number | undefined;
    const { text, ...paid } = await payFor(dependencies, input, async ({ rules, name }) => {
      const settings = rules.checks?.moderation;
      if (settings === undefined) {
        throw ApplicationFailure.nonRetryable(`Release ${name} has nobody to ask`, Failure.InvalidInput);
      }
      maxScore = settings.maxScore;
      const moderation = dependencies.models.moderationFor(settings.moderation);
      const parts = [
        { origin: 'user', text: question },
        { origin: 'model', text: answer },
      ] as const;
      return {
        pinned: settings.moderation,
        label: moderation.label,
        prompt: { messages: [{ role: 'user', parts }] },
        longestWaitMs: LONGEST_WAIT_MS,
        // Cut when what must be hidden is hidden: a value across a cut would be found in neither half.
        async send({ texts: [asked = '', said = ''] }, signal) {
          const pieces = piecesOf(asked);
          const moderated = await moderation.moderate([...pieces, ...piecesOf(said)], signal);
          const kept = { question: moderated.slice(0, pieces.length), answer: moderated.slice(pieces.length) };
          return { text: JSON.stringify(kept), tokens: null };
        },
      };
    });
    return { ...paid, check: checkModerated(keptSchema.parse(JSON.parse(text)), paid.model, maxScore) };
  };
}

/** Whether question and answer fit into one request, whatever masks make of them. */
export const canBeModerated = ({ question, text }: { readonly question: string; readonly text: string }): boolean =>
  question.length + text.length <= (MAX_MODERATED / 2) * MAX_CHARS;

/** Each begins with the end of the one before, so that no phrase is cut; never inside of a character. */
function piecesOf(text: string): readonly string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = boundary(text, Math.min(text.length, at + MAX_CHARS));
    pieces.push(text.slice(at, end));
    if (end >= text.length) break;
    at = boundary(text, end - OVERLAP_CHARS);
  }
  return pieces;
}

const boundary = (text: string, at: number): number => (/[\uDC00-\uDFFF]/.test(text.charAt(at)) ? at - 1 : at);

/** Pure. */
export function checkModerated(
  { question, answer }: { readonly question: readonly Moderated[]; readonly answer: readonly Moderated[] },
  label: string,
  maxScore?: number,
): Check {
  const isOver = ({ score }: { readonly score: number }): boolean => maxScore !== undefined && score > maxScore;
  const isFlagged = ({ flagged, categories }: Moderated): boolean => flagged || categories.some(isOver);
  const asked = question.filter(isFlagged);
  const said = answer.filter(isFlagged);
  const highest = Math.max(0, ...[...question, ...answer].flatMap(({ categories }) => categories.map((c) => c.score)));
  const score = Math.round((1 - highest) * 1000) / 1000;
  const scores = { score, threshold: maxScore === undefined ? null : Math.round((1 - maxScore) * 1000) / 1000 };
  if (asked.length + said.length === 0) {
    return checkOf(NAME, { passed: true, reason: `${label} flags neither question nor answer`, ...scores });
  }
  const names = [...asked, ...said].flatMap(({ categories }) => categories.slice(0, 1).map(({ name }) => name));
  const what = [...new Set(names)].slice(0, MAX_NAMES).map(plain).join(', ');
  const where = asked.length === 0 ? 'the answer' : said.length === 0 ? 'the question' : 'question and answer';
  const check = checkOf(NAME, { passed: false, reason: `${label} flags ${where}: ${what}`, ...scores });
  // Whatever is answered, the question stays.
  return asked.length === 0 ? check : { ...check, final: true };
}

/** As an endpoint names it, and no text of its own. */
const plain = (name: string): string => name.replace(/[^\w/-]+/g, ' ').slice(0, 60);
