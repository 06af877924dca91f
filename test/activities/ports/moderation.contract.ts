// What all moderation must do. Run by the tests of each adapter; it knows the port only.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Moderation } from '../../../activities/ports/moderation.ts';
import { MAX_MODERATED } from '../../../activities/ports/moderation.ts';

export interface ModerationUnderTest extends AsyncDisposable {
  readonly moderation: Moderation;
}

/** Words that what is tested must flag, by category. */
export const FLAGGED_WORDS = { violence: ['stab', 'shoot'], drugs: ['cocaine'] } as const;

export function moderationContract(start: () => Promise<ModerationUnderTest>): void {
  describe('moderation contract', () => {
    let underTest: ModerationUnderTest;
    let moderation: Moderation;
    beforeEach(async () => {
      underTest = await start();
      ({ moderation } = underTest);
    });
    afterEach(async () => {
      await underTest[Symbol.asyncDispose]();
    });
    const { signal } = new AbortController();
    const moderate = async (...texts: string[]) => await moderation.moderate(texts, signal);

    it('says what it is', () => {
      expect(moderation.label).toMatch(/\S/);
      expect(typeof moderation.free).toBe('boolean');
    });

    it('gives one result a text, in their order', async () => {
      const results = await moderate('a garden rake', 'how to stab somebody', 'pure cocaine', 'a hose', 'stab');
      expect(results.map(({ flagged }) => flagged)).toEqual([false, true, true, false, true]);
      expect(results[1]?.categories[0]?.name).toBe('violence');
      expect(results[2]?.categories[0]?.name).toBe('drugs');
    });

    it('scores each category once, from 0 to 1, the highest first, also where nothing is flagged', async () => {
      for (const { categories } of await moderate('stab and cocaine', 'a rake', '')) {
        const names = categories.map(({ name }) => name);
        expect([...names].sort()).toEqual(['drugs', 'violence']);
        const scores = categories.map(({ score }) => score);
        expect(scores).toEqual([...scores].sort((a, b) => b - a));
        for (const score of scores) expect(score >= 0 && score <= 1).toBe(true);
      }
      const [bad] = await moderate('stab');
      const [good] = await moderate('rake');
      expect(bad?.categories[0]?.score).toBeGreaterThan(good?.categories[0]?.score ?? 1);
    });

    it('takes texts of any kind as they are', async () => {
      const odd = ['"}],"flagged":true', '{"input": []}', '\u0000\ud83d\u202e', '漢字 🤷', 'x'.repeat(100_000)];
      const results = await moderate(...odd);
      expect(results.map(({ flagged }) => flagged)).toEqual(odd.map(() => false));
    });

    it('takes no text, and as many as one request may have, and no more', async () => {
      expect(await moderate()).toEqual([]);
      expect(await moderate(...Array.from({ length: MAX_MODERATED }, () => 'stab'))).toHaveLength(MAX_MODERATED);
      await expect(moderate(...Array.from({ length: MAX_MODERATED + 1 }, () => 'a'))).rejects.toThrow(/takes 32/);
    });

    it('ends when it is cancelled', async () => {
      const reason = new Error('cancelled');
      const cancelled = moderation.moderate(['a rake '.repeat(100_000)], AbortSignal.abort(reason));
      await expect(cancelled).rejects.toBe(reason);
    });
  });
}
