// Golden histories replay through today's workflow code; what differs is told apart from what cannot be read.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ReplayResult } from '../../audit/replay.ts';
import { quietSdk, replayHistories } from '../../audit/replay.ts';
import type { Bundle } from '../../runtime/workflow-bundle.ts';
import { bundleWorkflows } from '../../runtime/workflow-bundle.ts';

const HISTORIES = fileURLToPath(new URL('./histories/', import.meta.url));
const files = readdirSync(HISTORIES).filter((name) => name.endsWith('.json'));

/** Engine workflows, and the users' own that some of the histories are of. */
let bundle: Bundle;
beforeAll(async () => {
  quietSdk();
  bundle = await bundleWorkflows({
    workflowsPath: fileURLToPath(new URL('../workflows/flows/index.ts', import.meta.url)),
  });
});

interface Json {
  events: Record<string, unknown>[];
}
const read = (name: string): Json => JSON.parse(readFileSync(join(HISTORIES, name), 'utf8'));

async function replay(history: unknown): Promise<ReplayResult | undefined> {
  for await (const result of replayHistories({ workflowBundle: bundle, histories: [{ runId: 'x', history }] })) {
    return result;
  }
  return undefined;
}

describe('golden histories', () => {
  it('are there for every way a run can end', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'agent-denied-at-effect.json',
        'answer-answered.json',
        'answer-cancelled.json',
        'answer-denied.json',
        'answer-failed.json',
        'answer-model-denied.json',
        'answer-not-in-context.json',
        'answer-record-as-activity.json',
        'answer-repaired.json',
        'answer-search-denied.json',
        'answer-validation-failed.json',
        'flow-clarify.json',
        'flow-compensated.json',
        'flow-with-pure-activity.json',
        'ingest.json',
        'maintain.json',
      ]),
    );
  });

  it.each(files)('%s replays', async (name) => {
    expect(await replay(read(name))).toEqual({ runId: 'x', verdict: 'ok' });
  });
});

describe('the replayer', () => {
  it('finds a step that the code does not take', async () => {
    const history = read('answer-answered.json');
    const scheduled = history.events.find((event) => 'activityTaskScheduledEventAttributes' in event);
    const attributes = scheduled?.['activityTaskScheduledEventAttributes'] as { activityType: { name: string } };
    attributes.activityType.name = 'issueRefund';
    expect(await replay(history)).toMatchObject({
      verdict: 'mismatch',
      reason: expect.stringContaining('issueRefund'),
    });
  });

  it('finds a step that is missing', async () => {
    const history = read('answer-answered.json');
    const at = history.events.findIndex((event) => 'markerRecordedEventAttributes' in event);
    history.events.splice(at, 1);
    history.events.forEach((event, i) => {
      event['eventId'] = String(i + 1);
    });
    expect((await replay(history))?.verdict).not.toBe('ok');
  });

  it('says that a history of an unknown workflow cannot be checked', async () => {
    const history = read('answer-answered.json');
    const started = history.events[0]?.['workflowExecutionStartedEventAttributes'] as {
      workflowType: { name: string };
    };
    started.workflowType.name = 'neverWritten';
    expect((await replay(history))?.verdict).not.toBe('ok');
  });
});
