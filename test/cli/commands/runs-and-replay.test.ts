// `runs`, `audit replay` and `demo` as people type them, against a stack that `dev` started.
import { mkdirSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { COLLECTION, SAMPLE_DOCUMENTS } from '../../support/engine.ts';
import { STACK_FRAME, useStack } from '../../support/stack.ts';

const stack = useStack();
const UNKNOWN = 'default/answer/01JDB3Z8Q4T5V6W7X8Y9Z0A1B2';

let answered = '';
let ingested = '';
beforeAll(async () => {
  expect((await stack.run(['ingest', SAMPLE_DOCUMENTS, '--collection', COLLECTION])).code).toBe(0);
  const { stdout } = await stack.run(['ask', 'When is my refund paid after the return is checked?', '--json']);
  answered = (JSON.parse(stdout) as { runId: string }).runId;
  const listed = JSON.parse((await stack.run(['runs', 'list', '--json', '--kind', 'ingest'])).stdout);
  ingested = (listed as { runId: string }[])[0]?.runId ?? '';
});

describe('runs', () => {
  it('list --json gives every run, the latest first', async () => {
    const { code, stdout, stderr } = await stack.run(['runs', 'list', '--json']);
    expect(JSON.parse(stdout)).toEqual([
      {
        runId: answered,
        kind: 'answer',
        requester: 'customer',
        release: 'support_refund_answer@1.4.0',
        startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        status: 'answered',
        detail: '',
        latencyMs: expect.any(Number),
      },
      expect.objectContaining({ runId: ingested, kind: 'ingest', requester: 'operator', status: 'ingested' }),
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it.each(['0', '1001', '1.5', 'all'])('list refuses the limit %s as wrong use', async (limit) => {
    const { code, stdout, stderr } = await stack.run(['runs', 'list', '--limit', limit]);
    expect(stderr).toBe(`error: Not a limit: ${limit}\nhint: Give a whole number from 1 to 1000.\n`);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });

  it('show --json has the trace with the nine field names, the timeline and the reply', async () => {
    const { code, stdout, stderr } = await stack.run(['runs', 'show', answered, '--json']);
    const shown = JSON.parse(stdout) as { timeline: { steps: { step: string }[] } };
    expect(shown).toMatchObject({
      summary: { runId: answered, status: 'answered' },
      trace: {
        trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
        prompt_version: 'support_refund_answer@1.4.0',
        model: 'local/extractive',
        retrieved_docs: expect.arrayContaining(['refund-policy.md']),
        latency_ms: expect.any(Number),
        input_tokens: expect.any(Number),
        output_tokens: expect.any(Number),
        policy_result: 'allow',
        user_rating: null,
      },
      reply: { kind: 'answered', runId: answered },
    });
    expect(shown.timeline.steps.map(({ step }) => step)).toEqual([
      'admit',
      'retrieve',
      'assemble',
      'generate',
      'validate',
      'record',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it.each([['show'], ['history'], ['cancel']])(
    '%s names a run that does not exist, and how to find one',
    async (verb) => {
      const { code, stdout, stderr } = await stack.run(['runs', verb, UNKNOWN]);
      expect(stderr).toBe(`error: No run ${UNKNOWN}\nhint: \`npx countersign runs list\` shows the latest.\n`);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    },
  );

  it.each([['show'], ['history'], ['cancel']])('%s refuses what is no run id as wrong use', async (verb) => {
    const { code, stdout, stderr } = await stack.run(['runs', verb, '../../etc']);
    expect(stderr).toMatch(/^error: Not a run id: \.\.\/\.\.\/etc\nhint: .*runs list/);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });
});

describe('audit replay', () => {
  interface History {
    readonly events: readonly { activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[];
  }
  let history: History;
  beforeAll(async () => {
    const { code, stdout, stderr } = await stack.run(['runs', 'history', answered]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    history = JSON.parse(stdout);
  });

  it('accepts the file that `runs history` gives', async () => {
    const file = stack.folder.file('run.json');
    writeFileSync(file, JSON.stringify(history));
    expect(await stack.run(['audit', 'replay', file])).toEqual({
      code: 0,
      stdout: 'ok          run.json\n',
      stderr: '1 of 1 histories replay\n',
    });
  });

  it('finds a changed activity type in it, beside one that replays', async () => {
    const changed = structuredClone(history);
    const scheduled = changed.events.find((event) => event.activityTaskScheduledEventAttributes !== undefined);
    const attributes = scheduled?.activityTaskScheduledEventAttributes;
    if (attributes === undefined) throw new Error('the history has no activity to change');
    attributes.activityType.name = 'issueRefund';
    const files = [stack.folder.file('as-it-was.json'), stack.folder.file('changed.json')] as const;
    writeFileSync(files[0], JSON.stringify(history));
    writeFileSync(files[1], JSON.stringify(changed));
    const { code, stdout, stderr } = await stack.run(['audit', 'replay', ...files]);
    expect(stdout).toMatch(/^ok {10}as-it-was\.json$/m);
    expect(stdout).toMatch(/^mismatch {4}changed\.json {2}.*issueRefund/m);
    expect(stderr).toBe('1 of 2 histories replay\n');
    expect(code).toBe(1);
  });

  it('prints with --all --json one JSON object a line', async () => {
    const { code, stdout, stderr } = await stack.run(['audit', 'replay', '--all', '--json']);
    const lines = stdout.trimEnd().split('\n');
    const results = lines.map((line) => JSON.parse(line) as { runId: string });
    // The replayer promises no order.
    expect(results.sort((a, b) => (a.runId < b.runId ? -1 : 1))).toEqual([
      { runId: answered, verdict: 'ok' },
      { runId: ingested, verdict: 'ok' },
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('takes files and run ids together', async () => {
    const file = stack.folder.file('together.json');
    writeFileSync(file, JSON.stringify(history));
    const { code, stdout, stderr } = await stack.run(['audit', 'replay', ingested, file]);
    expect(stdout.trimEnd().split('\n').sort()).toEqual([`ok          ${ingested}`, 'ok          together.json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '2 of 2 histories replay\n' });
  });

  it('names a run that does not exist', async () => {
    const { code, stdout, stderr } = await stack.run(['audit', 'replay', UNKNOWN]);
    expect(stderr).toContain(`error: No run ${UNKNOWN}\nhint: `);
    expect(stderr).not.toMatch(STACK_FRAME);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });
});

describe('demo', () => {
  it('runs on the stack that is up, with a folder and a question of one’s own', async () => {
    const folder = stack.folder.file('handbook');
    mkdirSync(folder);
    writeFileSync(`${folder}/passwords.md`, '# Passwords\n\nA password is reset at the front desk before noon.\n');
    const question = 'Where is a password reset before noon?';
    const { code, stdout, stderr } = await stack.run(['demo', '--path', folder, '--ask', question]);
    expect(stderr).toContain(`using the stack that runs on ${stack.home}`);
    expect(stdout).toContain('A password is reset at the front desk before noon.');
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('demo: ok');
    expect(code).toBe(0);
  });

  it('says with --json in one JSON document that every reply and every replay was right', async () => {
    const { code, stdout } = await stack.run(['demo', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, faults: [], replay: Array(9).fill({ verdict: 'ok' }) });
    expect(code).toBe(0);
    // It evaluates two versions of a release.
  }, 240_000);
});

it('no command of this file printed a password of the database', () => {
  expect(stack.passwords()).toHaveLength(5);
  expect(stack.printed()).toContain('error:');
  for (const password of stack.passwords()) expect(stack.printed()).not.toContain(password);
});
