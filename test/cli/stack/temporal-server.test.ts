// The Temporal server of a stack with its data on disk: for its owner only, whatever comes and goes beside them.
import { statSync, symlinkSync } from 'node:fs';
import { expect, it } from 'vitest';
import { startTemporal } from '../../../cli/stack/temporal-server.ts';
import { temporalBinary } from '../../support/services.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const home = useTempFolder();

it('starts though a file of its database is gone when it is looked at, as journals are, and keeps the others to itself', async () => {
  // Listed, and not there: what a journal is that was removed in between.
  symlinkSync(home.file('gone'), home.file('temporal.db-journal-of-a-moment'));
  const server = await startTemporal({ home: home.path, binary: temporalBinary() });
  try {
    expect(statSync(home.file('temporal.db')).mode & 0o777).toBe(0o600);
  } finally {
    await server.stop();
  }
  expect(await server.exited).toBeDefined();
});
