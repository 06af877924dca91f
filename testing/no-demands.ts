// Risk classes that demand nothing at publishing, for releases that are made for a test: they have no eval sets. What classes demand of
// runs is not touched: a worker loads its own.
import type { RiskClass } from '../policies/risk-classes.ts';

const NOTHING: RiskClass = {
  eval_cases: 0,
  described: false,
  min_pass_rate: 0,
  tools_up_to: 'critical',
  models: ['*'],
  max_sensitivity: 'restricted',
  calls: { approval: 'policy', quorum: 1 },
  audit: 'trace',
};

export const NO_DEMANDS = { low: NOTHING, medium: NOTHING, high: NOTHING, critical: NOTHING } as const;
