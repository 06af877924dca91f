// How well the grounding score parts what our own texts say from what they do not, on texts that it was not made by.
import { describe, expect, it } from 'vitest';
import type { Grounds } from '../../../activities/validation/grounding.ts';
import { groundingOf, prepareGrounds } from '../../../activities/validation/grounding.ts';
import type { Labelled } from '../../../evals/metrics.ts';
import { auroc } from '../../../evals/metrics.ts';
import type { GroundingPair } from '../../support/grounding-pairs.ts';
import { answerPairs, madePairs, writtenPairs } from '../../support/grounding-pairs.ts';
import { needs, sharedData } from '../../support/shared-data.ts';

type Scored = Labelled & Pick<GroundingPair, 'kind' | 'id'>;

function scoresOf(pairs: Iterable<GroundingPair>, of: GroundingPair['split'] = 'test'): Scored[] {
  const prepared = new Map<string, Grounds>();
  const scored: Scored[] = [];
  for (const { split, context, claim, label, kind, id } of pairs) {
    if (split !== of) continue;
    const grounds = prepared.get(context) ?? prepareGrounds([context]);
    prepared.set(context, grounds);
    scored.push({ score: groundingOf(claim, grounds).score, label, kind, id });
  }
  return scored;
}

/** Against all of the other label. */
function aurocOfKind(scored: readonly Scored[], kind: string): number | null {
  const label = scored.find((each) => each.kind === kind)?.label;
  return auroc(scored.filter((each) => each.kind === kind || each.label !== label));
}

describe('claims made of our own texts', () => {
  const scored = scoresOf(madePairs());

  it('are parted with an AUROC of .93 at least, over 2,000 of them', () => {
    expect(scored.length).toBeGreaterThan(2_000);
    expect(auroc(scored)).toBeGreaterThan(0.93);
  });

  it.each([
    'number',
    'unit',
    'date',
    'name',
    'negation',
    'quantifier',
    'antonym',
    'swap',
    'entity of elsewhere',
    'number of elsewhere',
    'added detail',
    'of the same topic',
    'two sentences, one changed',
  ])('are parted by .85 at least from what is supported, when changed by: %s', (kind) => {
    expect(scored.filter((each) => each.kind === kind).length).toBeGreaterThan(8);
    expect(aurocOfKind(scored, kind)).toBeGreaterThan(0.85);
  });
});

describe('claims written by hand', () => {
  const scored = scoresOf(writtenPairs());

  it.each([
    ['encyclopedia', 0.78],
    ['dialogue', 0.88],
  ])('are parted in the register %s by %f at least', (register, least) => {
    const own = scored.filter(({ kind }) => kind.endsWith(`(${register})`));
    expect(own.length).toBeGreaterThan(40);
    expect(auroc(own)).toBeGreaterThan(least);
  });
});

describe('answers about the sample documents, against near misses', () => {
  it.each([
    ['dev', 0.88],
    ['test', 0.7],
  ] as const)('are parted in the half %s by %f at least', (split, least) => {
    const scored = scoresOf(answerPairs(), split);
    expect(scored.length).toBeGreaterThan(40);
    expect(auroc(scored)).toBeGreaterThan(least);
  });
});

const cranfield = sharedData('cranfield');

describe.skipIf(cranfield === undefined)(`claims made of abstracts${needs('cranfield')}`, () => {
  it('are parted with an AUROC of .93 at least', () => {
    const scored = scoresOf(madePairs(cranfield)).filter(({ id }) => id.startsWith('cranfield/'));
    expect(scored.length).toBeGreaterThan(1_000);
    expect(auroc(scored)).toBeGreaterThan(0.93);
  });
});
