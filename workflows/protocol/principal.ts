// Who asks. A principal is only ever taken from a verified assertion; Temporal's `identity` proves nothing.

export interface Principal {
  readonly id: string;
  readonly tenant: string;
  readonly groups: readonly string[];
  readonly roles: readonly string[];
  /** Highest sensitivity this principal may see. */
  readonly clearance: Sensitivity;
}

export type Sensitivity = 'public' | 'internal' | 'confidential' | 'restricted';

/** The order of sensitivities, lowest first: policies compare it, and stores filter by it. */
export const SENSITIVITY_RANK: Readonly<Record<Sensitivity, number>> = {
  public: 0,
  internal: 1,
  confidential: 2,
  restricted: 3,
};

export function highestSensitivity(sensitivities: readonly Sensitivity[]): Sensitivity {
  return sensitivities.reduce((a, b) => (SENSITIVITY_RANK[b] > SENSITIVITY_RANK[a] ? b : a), 'public');
}

/** Id of the principal of a start without an assertion. */
export const ANONYMOUS = 'anonymous';

/** The principal of a start without an assertion. No tool of medium risk or above runs for it. */
export function anonymous(tenant: string): Principal {
  return { id: ANONYMOUS, tenant, groups: [], roles: [], clearance: 'public' };
}
