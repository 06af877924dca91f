// The naive worker's activities: the engine's own verbs, as they are, and one that does nothing.
import { createDenials } from '../../activities/denials.ts';
import { createSecurityLog } from '../../activities/security-log.ts';
import { NO_STREAMS } from '../../activities/stream-writer.ts';
import { createToolbox } from '../../activities/toolbox.ts';
import { loadAccessPolicy } from '../../policies/load.ts';
import { readAssertionKey } from '../../runtime/assertion.ts';
import type { Config } from '../../runtime/config.ts';
import { openDatabase } from '../../runtime/database.ts';
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
  const db = openDatabase(config);
  const { runKeys, tenantKeys } = createKeys(db, config);
  const activities = createEngineActivities({
    config,
    db,
    runKeys,
    tenantKeys,
    denials: createDenials(db),
    policy: loadAccessPolicy(config.policiesDir),
    assertionKey: await readAssertionKey(config.keyFiles.assertionPublic),
    declared: [],
    buildId: 'naive',
    tools: createToolbox([lookUpAtOnce]),
    securityLog: createSecurityLog(db),
    streams: NO_STREAMS,
  });
  return {
    activities: { ...activities, doNothing: async () => {} },
    close: () => db.end(),
  };
}
