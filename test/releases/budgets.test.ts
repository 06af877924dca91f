// Budgets as a manifest writes them and a release pins them.
import { describe, expect, it } from 'vitest';
import { budgetsOf, budgetsSchema } from '../../releases/budgets.ts';
import { DEFAULT_BUDGETS } from '../../workflows/protocol/index.ts';

const pin = (written: object, isPriced = true) => budgetsOf(budgetsSchema.parse(written), isPriced, 'x/manifest.yaml');

describe('budgets', () => {
  it('without a word are the default ones, which no soft limit and no cost is part of', () => {
    expect(budgetsOf(undefined, false, 'x')).toEqual(DEFAULT_BUDGETS);
  });

  it('pin soft limits beside hard ones, each in the unit of its own', () => {
    const soft = { turns: 2, tool_calls: 3, tokens: 40, minutes: 0.5, cost_usd: 0.25 };
    expect(pin({ max_minutes: 1, max_cost_usd: 0.5, soft })).toEqual({
      ...DEFAULT_BUDGETS,
      maxDurationMs: 60_000,
      maxCostUsd: 0.5,
      soft: { maxTurns: 2, maxToolCalls: 3, maxTokens: 40, maxDurationMs: 30_000, maxCostUsd: 0.25 },
    });
  });

  it.each([
    ['turns as many', { max_turns: 2, soft: { turns: 2 } }, 'soft.turns is not less than max_turns'],
    ['turns more than by default', { soft: { turns: 13 } }, 'soft.turns is not less than max_turns'],
    ['minutes as long', { max_minutes: 1, soft: { minutes: 1 } }, 'soft.minutes is not less than max_minutes'],
    ['a cost without a hard limit', { soft: { cost_usd: 1 } }, 'soft.cost_usd is not less than max_cost_usd'],
  ])('are refused with a soft limit of %s', (_, written, message) => {
    expect(() => pin(written)).toThrow(`x/manifest.yaml: budgets: ${message}`);
  });

  it.each([{ max_cost_usd: 1 }, { soft: { cost_usd: 1 } }])(
    'of cost are refused for a model without a price: %j',
    (written) => {
      expect(() => pin(written, false)).toThrow('the price of the model is not known');
    },
  );
});
