// Who publishes releases and moves labels by a command.
import type { Principal } from '../workflows/protocol/index.ts';

/** Whoever has the ledger's credentials may write there: the policy says what a publisher may do, and the history who said to be one. */
export const publisher = (id: string, tenant: string): Principal => ({
  id,
  tenant,
  groups: [],
  roles: ['publisher'],
  clearance: 'public',
});
