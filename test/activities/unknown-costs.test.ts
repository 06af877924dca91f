import { expect, it } from 'vitest';
import { watchCosts } from '../../activities/unknown-costs.ts';

it('a cost that is not known is said once for each model, with the reason', () => {
  const said: string[] = [];
  const watch = watchCosts((message, { model }) => said.push(`${model}: ${message.split(': ')[1]}`));
  const unpriced = { name: 'm', provider: 'openai-compatible', id: 'm', baseUrl: 'http://127.0.0.1:9' } as const;
  const priced = { ...unpriced, inputUsdPerMillion: 1, outputUsdPerMillion: 2 };
  watch('a', priced, 0.1);
  expect(said).toEqual([]);
  for (const _ of [1, 2]) watch('a', priced, null);
  for (const _ of [1, 2]) watch('b', unpriced, null);
  expect(said).toEqual(['a: its provider did not say how many tokens it took', 'b: models.yaml has no prices for it']);
});
