// The limits of a run as a manifest says them, and as its release pins them.
import { z } from 'zod';
import { UserError } from '../runtime/errors.ts';
import type { Budgets } from '../workflows/protocol/index.ts';
import { DEFAULT_BUDGETS } from '../workflows/protocol/index.ts';

const amounts = {
  turns: z.number().int().positive().max(100),
  tool_calls: z.number().int().positive().max(500),
  tokens: z.number().int().positive().max(1_000_000_000),
  minutes: z.number().positive().max(10_080),
  cost_usd: z.number().positive().max(1_000_000),
} as const;

export const budgetsSchema = z.strictObject({
  max_turns: amounts.turns.optional(),
  max_tool_calls: amounts.tool_calls.optional(),
  max_tokens: amounts.tokens.optional(),
  max_minutes: amounts.minutes.optional(),
  /** US dollars of all model calls of a run. @default no limit */
  max_cost_usd: amounts.cost_usd.optional(),
  /** Where people are asked whether the run may go on, up to the limit of the same name. @default nowhere */
  soft: z
    .strictObject({
      turns: amounts.turns.optional(),
      tool_calls: amounts.tool_calls.optional(),
      tokens: amounts.tokens.optional(),
      minutes: amounts.minutes.optional(),
      cost_usd: amounts.cost_usd.optional(),
    })
    .optional(),
});

type Written = z.infer<typeof budgetsSchema>;

/** As releases have it in their bodies. */
export const pinnedBudgetsSchema = z.object({
  maxTurns: z.number(),
  maxToolCalls: z.number(),
  maxTokens: z.number(),
  maxDurationMs: z.number(),
  maxCostUsd: z.number().exactOptional(),
  soft: z
    .object({
      maxTurns: z.number().exactOptional(),
      maxToolCalls: z.number().exactOptional(),
      maxTokens: z.number().exactOptional(),
      maxDurationMs: z.number().exactOptional(),
      maxCostUsd: z.number().exactOptional(),
    })
    .exactOptional(),
});

/**
 * @param isPriced whether what the model costs is known
 * @param path begins the message of an error
 * @throws UserError for a soft limit that is not below the hard one, and for a limit of cost that could not be held
 */
export function budgetsOf(written: Written | undefined, isPriced: boolean, path: string): Budgets {
  const { max_turns, max_tool_calls, max_tokens, max_minutes, max_cost_usd, soft } = written ?? {};
  const limitsCost = max_cost_usd !== undefined || soft?.cost_usd !== undefined;
  if (limitsCost && !isPriced) {
    throw new UserError(`${path}: budgets limit the cost, and the price of the model is not known`, {
      hint:
        'Give the model input_usd_per_million and output_usd_per_million in models.yaml, and embeddings and rerankers ' +
        'the former, or limit tokens instead.',
    });
  }
  const hard: Budgets = {
    maxTurns: max_turns ?? DEFAULT_BUDGETS.maxTurns,
    maxToolCalls: max_tool_calls ?? DEFAULT_BUDGETS.maxToolCalls,
    maxTokens: max_tokens ?? DEFAULT_BUDGETS.maxTokens,
    maxDurationMs: max_minutes === undefined ? DEFAULT_BUDGETS.maxDurationMs : milliseconds(max_minutes),
    ...(max_cost_usd !== undefined && { maxCostUsd: max_cost_usd }),
  };
  return soft === undefined ? hard : { ...hard, soft: softOf(soft, hard, path) };
}

function softOf(soft: NonNullable<Written['soft']>, hard: Budgets, path: string): NonNullable<Budgets['soft']> {
  const { turns, tool_calls, tokens, minutes, cost_usd } = soft;
  const limits = {
    ...(turns !== undefined && { maxTurns: turns }),
    ...(tool_calls !== undefined && { maxToolCalls: tool_calls }),
    ...(tokens !== undefined && { maxTokens: tokens }),
    ...(minutes !== undefined && { maxDurationMs: milliseconds(minutes) }),
    ...(cost_usd !== undefined && { maxCostUsd: cost_usd }),
  };
  for (const key of Object.keys(limits) as (keyof typeof limits)[]) {
    const [low = 0, high = Number.NaN] = [limits[key], hard[key]];
    if (low < high) continue;
    const name = NAMES[key];
    throw new UserError(`${path}: budgets: soft.${name} is not less than max_${name}`, {
      hint: 'People are asked at the soft limit, and the hard one ends the run: give both, the soft one less.',
    });
  }
  return limits;
}

const NAMES = {
  maxTurns: 'turns',
  maxToolCalls: 'tool_calls',
  maxTokens: 'tokens',
  maxDurationMs: 'minutes',
  maxCostUsd: 'cost_usd',
} as const;

const milliseconds = (minutes: number): number => Math.round(minutes * 60_000);
