// The naive worker's activities: the engine's own verbs, as they are, and one that does nothing.
import { createDenials } from '../../activities/denials.ts';
import { createSecurityLog } from '../../activities/security-log.ts';
import { createToolbox } from '../../activities/toolbox.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import { readAssertionKey } from '../../runtime/assertion.ts';
import type { Config } from '../../runtime/config.ts';
import { connectDatabase } from '../../runtime/database.ts';
import { createKeys } from '../../runtime/keys/index.ts';
import { createEngineActivities } from '../../worker/engine-activities.ts';
import type { EngineActivities } from '../../workflows/protocol/index.ts';
import { lookUpAtOnce } from '../tools.ts';

export interface NaiveActivities extends EngineActivities {
  doNothing(): Promise<void>;
}

export async function naiveActivities(
  config: Config,
): Promise<{ readonly activities: NaiveActivities; close(): Promise<void> }> {
  const sql = connectDatabase(config);
  const activities = createEngineActivities({
    config,
    sql,
    runKeys: createKeys(sql, config).runKeys,
    denials: createDenials(sql),
    policy: loadAccessPolicy(config.policiesDir),
    assertionKey: await readAssertionKey(config.keyFiles.assertionPublic),
    declared: [],
    buildId: 'naive',
    tools: createToolbox([lookUpAtOnce]),
    securityLog: createSecurityLog(sql),
  });
  return {
    activities: { ...activities, doNothing: async () => {} },
    close: () => sql.end({ timeout: 5 }),
  };
}
