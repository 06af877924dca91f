// `countersign maintenance` beside a stack that `countersign dev` started, which scheduled the chores by itself.
import { describe, expect, it } from 'vitest';
import { useStack } from '../../support/stack.ts';

const stack = useStack();
const ID = 'countersign:maintain:countersign';

describe('maintenance', () => {
  it('is scheduled by dev, every hour, and doctor finds it', async () => {
    const status = await stack.run(['maintenance', 'status', '--json']);
    expect(status.code).toBe(0);
    expect(JSON.parse(status.stdout)).toMatchObject({
      id: ID,
      scheduled: true,
      paused: false,
      everyHours: 1,
      last: null,
    });
    const doctor = JSON.parse((await stack.run(['doctor', '--json'])).stdout);
    expect(doctor.findings).toContainEqual({
      name: 'chores',
      status: 'ok',
      detail: 'scheduled for task queue countersign',
    });
  });

  it('runs now, and says in figures what came of it', async () => {
    const asked = await stack.run(['ask', 'Please rewrite: pay now', '--release', 'rewrite_politely', '--json']);
    expect(JSON.parse(asked.stdout).runId).toMatch(/^default\/answer\//);
    const run = await stack.run(['maintenance', 'run', '--json']);
    expect(run.code).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({
      v: 1,
      blobs: { collected: 0 },
      starts: { looked: 1, unledgered: 0 },
    });
    const words = await stack.run(['maintenance', 'run']);
    expect(words.stdout).toMatch(/^big payloads: \d+ looked at, 0 of 0 runs collected \(0 bytes\)$/m);
    expect(words.stdout).toMatch(/^starts: 1 runs looked at, 0 not in the ledger, 0 entries never started$/m);
    // No run of the list of runs: nobody asked for it.
    expect((await stack.run(['runs', 'list'])).stdout).not.toContain('maintain');
    expect((await stack.run(['runs', 'sweep'])).code).toBe(0);
  });

  it('is scheduled otherwise, by whole hours', async () => {
    const changed = await stack.run(['maintenance', 'schedule', '--hours', '6', '--json']);
    expect(JSON.parse(changed.stdout)).toMatchObject({ id: ID, updated: true, everyHours: 6 });
    expect((await stack.run(['maintenance', 'status'])).stdout).toContain(`${ID}: every 6 h, next at `);
    for (const hours of ['0', '25', '1.5', 'often']) {
      const wrong = await stack.run(['maintenance', 'schedule', '--hours', hours]);
      expect(wrong.code, hours).toBe(64);
      expect(wrong.stderr).toContain(`Not a number of hours: ${hours}`);
    }
  });

  it('says where nothing is scheduled, with exit code 1, and so does doctor', async () => {
    const env = { COUNTERSIGN_TASK_QUEUE: 'another' };
    const status = await stack.run(['maintenance', 'status'], { env });
    expect(status.code).toBe(1);
    expect(status.stdout).toContain('not scheduled');
    const doctor = JSON.parse((await stack.run(['doctor', '--json'], { env })).stdout);
    expect(doctor.findings).toContainEqual(expect.objectContaining({ name: 'chores', status: 'warn' }));
  });
});
