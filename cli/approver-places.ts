// Where the approver registry and its keys are, with or without a running stack.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../runtime/config.ts';
import { settings } from './context.ts';
import type { ApproverFiles } from './stack/approver-keys.ts';
import { approverFiles } from './stack/approver-keys.ts';

/** The files that the environment names, else those of the home. */
export function approverPlaces(homeOption: string | undefined): ApproverFiles {
  const { env, environment, home } = settings(homeOption);
  // Servers are of no interest here: what nobody named gets a stand-in.
  const { approversFile, approversKeyFile } = loadConfig({
    role: 'gateway',
    env: {
      ...env,
      ...(environment.TEMPORAL_ADDRESS === undefined && { TEMPORAL_ADDRESS: 'none:1' }),
      ...(environment.DATABASE_URL === undefined && { DATABASE_URL: 'postgres://none' }),
    },
  });
  const ofHome = approverFiles(home);
  // A local stack keeps its registry in its home, also while it does not run.
  const isLocal = environment.COUNTERSIGN_ENV !== 'production' && existsSync(join(home, 'version.json'));
  return {
    ...ofHome,
    adminPublic: approversKeyFile,
    registry: isLocal && environment.COUNTERSIGN_APPROVERS === undefined ? ofHome.registry : approversFile,
  };
}
