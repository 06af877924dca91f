// The check that neither question nor answer says what the release does not want said, by lists of words: whole ones, whatever their case and
// accents. It knows words, and not what is meant by them.
import type { AnswerRules, Check } from '../../workflows/protocol/index.ts';
import { createWordRules } from '../adapters/word-rules.ts';
import type { Moderation } from '../ports/moderation.ts';
import { checkOf, failedCheck } from './check.ts';

type WordSettings = NonNullable<NonNullable<AnswerRules['checks']>['words']>;

/** Made once a release: their rules are kept in memory. */
const made = new WeakMap<WordSettings, Moderation>();

/** `undefined` where the release has no list. Never rejects. */
export async function checkWords(
  rules: AnswerRules,
  { question, text }: { readonly question: string; readonly text: string },
): Promise<Check | undefined> {
  const words = rules.checks?.words;
  if (words === undefined) return undefined;
  try {
    const moderation = made.get(words) ?? createWordRules(words);
    made.set(words, moderation);
    const [asked, said] = await moderation.moderate([question, text], new AbortController().signal);
    const flagged = [asked, said].flatMap((each) => (each === undefined || each.flagged ? [each] : []));
    if (flagged.length === 0) {
      return checkOf('words', { passed: true, reason: 'neither question nor answer has a word of the lists' });
    }
    const names = flagged.flatMap(
      (each) => each?.categories.filter(({ score }) => score > 0).map(({ name }) => name) ?? [],
    );
    const where =
      asked?.flagged === true
        ? said?.flagged === true
          ? 'question and answer have'
          : 'the question has'
        : 'the answer has';
    const reason = `${where} words about ${[...new Set(names)].join(', ')}`;
    const check = checkOf('words', { passed: false, reason });
    // Whatever is answered, the question stays.
    return asked?.flagged === true ? { ...check, final: true } : check;
  } catch {
    return { ...failedCheck('words', 'failed'), final: true };
  }
}
