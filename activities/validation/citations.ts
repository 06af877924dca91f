// Checks of citations and quotes: each cites what was retrieved, each quote stands there word for word. Pure.
import type { Citation } from '../../workflows/protocol/index.ts';
import type { BuiltIn, Finding } from './check.ts';
import type { Draft } from './draft.ts';
import { MATCHES_A_PAUSE } from './draft.ts';
import { citationNumbers, paragraphsOf, withoutQuotes } from './parse-draft.ts';

export const citationsInContext: BuiltIn = {
  name: 'citations-in-context',
  applies: () => true,
  look({ passages, cited }) {
    const unknown = cited.filter((n) => n < 1 || n > passages.length);
    const score = cited.length === 0 ? null : 1 - unknown.length / cited.length;
    const scored = { score, threshold: 1 };
    if (passages.length === 0 || unknown.length === 0) {
      return { passed: true, reason: `${cited.length} cited passages were retrieved`, ...scored };
    }
    const list = unknown.map((n) => `[${n}]`).join(', ');
    const reason = `it cites ${list}, and passages go from [1] to [${passages.length}]`;
    return { passed: false, reason, ...scored };
  },
};

export const quotesVerbatim: BuiltIn = {
  name: 'quotes-verbatim',
  applies: ({ passages }) => passages.length > 0,
  look({ quoted: { count, wrong, cut } }) {
    const score = count === 0 ? null : 1 - wrong / count;
    const more = cut ? `, and it has more quotes than these ${count}, which were not looked up` : '';
    const reason =
      wrong === 0
        ? `${count} quotes stand word for word in the passages they cite${more}`
        : `${wrong} of ${count} quotes do not stand word for word in the passage they cite${more}`;
    return { passed: wrong === 0 && !cut, reason, score, threshold: 1 };
  },
};

export const citationsRequired: BuiltIn = {
  name: 'citations-required',
  applies: ({ rules }) => rules.requireCitations,
  *look({ text, passages }): Generator<void, Finding> {
    if (passages.length === 0) return { passed: false, reason: 'there are no passages to cite' };
    let paragraphs = 0;
    let bare = 0;
    for (const paragraph of paragraphsOf(text)) {
      paragraphs += 1;
      if (citationNumbers(withoutQuotes(paragraph)).next().done === true) bare += 1;
      if (paragraphs % MATCHES_A_PAUSE === 0) yield;
    }
    const score = paragraphs === 0 ? 0 : 1 - bare / paragraphs;
    const passed = paragraphs > 0 && bare === 0;
    const reason = passed ? 'every paragraph cites a passage' : `${bare} of ${paragraphs} paragraphs cite no passage`;
    return { passed, reason, score, threshold: 1 };
  },
};

/** What a draft cites, each passage once, with its first quote. */
export function citationsOf({ passages, cited, quoted: { first } }: Draft): readonly Citation[] {
  return cited.flatMap((n) => {
    const passage = passages[n - 1];
    if (passage === undefined) return [];
    const quote = first.get(n);
    const { id: passageId, docId, title, start, end, headings, sourceUrl } = passage;
    return [
      {
        n,
        passageId,
        docId,
        title,
        start,
        end,
        ...(headings.length > 0 && { headings }),
        ...(sourceUrl !== undefined && { sourceUrl }),
        ...(quote !== undefined && { quote }),
      },
    ];
  });
}
