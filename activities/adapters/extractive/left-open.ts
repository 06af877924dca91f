// What an answer leaves open, in the question's own words: said only of what no passage has in any form. Pure.
import type { PromptPart } from '../../../workflows/protocol/index.ts';
import { readsLikeInstruction } from '../../injection-signals.ts';
import type { Analyzer } from '../../sparse/analyzer.ts';
import { english } from '../../sparse/english.ts';
import { wordsOf } from './answer-types.ts';
import type { QuestionPart } from './question.ts';
import { isIn, weigh } from './weigh.ts';

const MAX_CHARS = 60;

/**
 * A sentence without its citations and full stop; `undefined` when every part was answered, or nothing of it can be named: the first words
 * that stand together in the question and that nothing was found of. English only.
 *
 * @param open parts of the question that were not answered, of one that was answered in part
 */
export function leftOpen(
  open: readonly QuestionPart[],
  retrieved: readonly PromptPart[],
  analyzer: Analyzer,
): string | undefined {
  if (analyzer.id !== english.id || open.length === 0) return undefined;
  // All of the text, also what is never quoted: a table may have it.
  const texts = retrieved.flatMap(({ text, headings = [] }) => [...headings, text]);
  const terms = new Set(texts.flatMap((text) => analyzer.terms(text)));
  const all = { citation: 0, sentences: [], headings: new Set<string>(), terms };
  for (const part of open) {
    const unheard = new Set(
      weigh(part, [], [all], analyzer)
        .filter((one, at) => !isIn(one, terms) && part.wanted[at]?.factor === 1)
        .map(({ term }) => term),
    );
    const words = firstRun(part, unheard, analyzer);
    if (words === '' || words.length > MAX_CHARS || readsLikeInstruction(words)) continue;
    // Single marks: in double ones it would be a quote, and stand in no passage.
    return `The passages found say nothing about ‘${words}’`;
  }
  return undefined;
}

/** The first words of the question that stand together and that nothing was found of. */
function firstRun({ text }: QuestionPart, unheard: ReadonlySet<string>, analyzer: Analyzer): string {
  const run: string[] = [];
  for (const { word, plain } of wordsOf(text)) {
    const isUnheard = analyzer.terms(word).some((term) => unheard.has(term));
    if (isUnheard) run.push(word.slice(0, plain.length));
    else if (run.length > 0) break;
  }
  return run.join(' ');
}
