// The heuristic scorers of autoevals, loaded when a case asks for one. None of them calls a model or opens a connection; those that do are not offered.
import type { EvalCase, Expectation } from '../../releases/eval-case.ts';
import type { ExpectedScore } from '../../releases/eval-scores.ts';
import { MAX_SCORED_CHARS, MAX_SCORED_ITEMS } from '../../releases/eval-scores.ts';
import { UserError } from '../../runtime/errors.ts';
import { bare } from './text.ts';

type Autoevals = typeof import('autoevals');

/** What docs and package.json name, too. */
const WANTED = 'autoevals@0.3.0';

/** Before anything is asked. @throws UserError where a case has `scores`, and the package is not there */
export async function requireScorers(cases: readonly Pick<EvalCase, 'id' | 'expect'>[]): Promise<void> {
  const asks = cases.find(({ expect }) => expect.scores !== undefined);
  if (asks !== undefined) await load(asks.id);
}

async function load(caseId: string): Promise<Autoevals> {
  try {
    return await import('autoevals');
  } catch (cause) {
    throw new UserError(`Case ${caseId} asks for scores, and the package autoevals is not there`, {
      hint: `Install it beside the engine: \`npm install --save-exact ${WANTED}\`; or leave \`scores\` out.`,
      cause,
    });
  }
}

/** One for each of the case's `scores`; `null` where the reply is of another form than the scorer compares. */
export async function scoresOf(
  { id, expect }: { readonly id: string; readonly expect: Expectation },
  reply: string,
): Promise<readonly (number | null)[]> {
  const { scores = [] } = expect;
  const library = await load(id);
  const texts = { plain: bare(reply), json: jsonTextOf(reply) };
  return await Promise.all(scores.map(async (each) => await scoreOf(library, each, texts)));
}

/** A reply as scorers take it. */
interface Texts {
  /** Without citations, and with one space where white space was. */
  readonly plain: string;
  /** As it is written, where that is JSON: `[7]` is a list in it, and no citation. */
  readonly json: string;
}

function jsonTextOf(reply: string): string {
  try {
    if (reply.length <= MAX_SCORED_CHARS) JSON.parse(reply);
    return reply;
  } catch {
    return bare(reply);
  }
}

async function scoreOf(library: Autoevals, asked: ExpectedScore, texts: Texts): Promise<number | null> {
  const { scorer, expected } = asked;
  const text = isOfJson(asked) ? texts.json : texts.plain;
  if (text.length > MAX_SCORED_CHARS) return null;
  const wanted = typeof expected === 'string' && COMPARES_TEXT.has(scorer) ? bare(expected) : expected;
  try {
    const { score } = await compared(library, { scorer, expected: wanted as never }, text);
    return score !== null && Number.isFinite(score) ? Math.min(1, Math.max(0, score)) : null;
  } catch {
    // It is not JSON, no number or no list, or nested deeper than can be walked.
    return null;
  }
}

const COMPARES_TEXT: ReadonlySet<ExpectedScore['scorer']> = new Set(['Levenshtein', 'ExactMatch']);

/** `ExactMatch` compares objects and lists as JSON. */
const isOfJson = ({ scorer, expected }: ExpectedScore): boolean =>
  scorer === 'JSONDiff' ||
  scorer === 'ListContains' ||
  scorer === 'ValidJSON' ||
  (scorer === 'ExactMatch' && typeof expected === 'object');

function compared(
  library: Autoevals,
  { scorer, expected }: { scorer: ExpectedScore['scorer']; expected: never },
  text: string,
) {
  switch (scorer) {
    case 'Levenshtein':
      return library.Levenshtein({ output: text, expected });
    case 'NumericDiff':
      return library.NumericDiff({ output: numberIn(text), expected });
    case 'JSONDiff':
      return library.JSONDiff({ output: JSON.parse(text), expected });
    case 'ListContains':
      return library.ListContains({ output: listIn(text), expected });
    case 'ExactMatch':
      return library.ExactMatch({ output: text, expected });
    case 'ValidJSON':
      return library.ValidJSON({ output: text });
  }
}

/** The reply is a number, and nothing else. */
function numberIn(text: string): number {
  if (!/^[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?$/i.test(text)) throw new RangeError('not a number');
  return Number(text);
}

/** A JSON array of texts. */
function listIn(text: string): string[] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list) || list.length > MAX_SCORED_ITEMS || list.some((item) => typeof item !== 'string')) {
    throw new RangeError('not a list of texts');
  }
  return list as string[];
}
