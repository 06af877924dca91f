// `notifications` as people type it, beside a stack whose worker has channels; and what `doctor` says of them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { COLLECTION, SAMPLE_DOCUMENTS } from '../../support/engine.ts';
import type { Receiver } from '../../support/receiver.ts';
import { startReceiver } from '../../support/receiver.ts';
import { useStack } from '../../support/stack.ts';

const SOON = { timeout: 100_000, interval: 200 };
const folder = mkdtempSync(join(tmpdir(), 'countersign-notify-'));
const file = join(folder, 'notifications.yaml');
const env = {
  COUNTERSIGN_NOTIFICATIONS: file,
  NOTIFY_SECRET: `whsec_${Buffer.alloc(32, 5).toString('base64')}`,
};

let desk: Receiver;
let gone: Receiver;
beforeAll(async () => {
  desk = await startReceiver();
  gone = await startReceiver();
  gone.always = 410;
  writeFileSync(
    file,
    `v: 1
channels:
  desk: { type: webhook, url: "${desk.url}", secret_env: NOTIFY_SECRET, events: [requested] }
  gone: { type: slack, url: "${gone.url}", events: [requested] }
  asker: { type: email, smtp: { host: localhost, port: 1, tls: none }, from: bot@example.com, to_requester: "{requester}@example.com" }
`,
  );
});
const stack = useStack(() => env);
afterAll(async () => {
  await desk[Symbol.asyncDispose]();
  await gone[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

interface Listed {
  readonly id: string;
  readonly approvalId: string;
}

/** Each command is a process: they are asked as rarely as it goes. */
async function listed(state: string, count: number): Promise<readonly Listed[]> {
  return await vi.waitFor(async () => {
    const { stdout } = await stack.run(['notifications', 'list', '--json', '--state', state]);
    const found = JSON.parse(stdout) as Listed[];
    expect(found).toHaveLength(count);
    return found;
  }, SOON);
}

describe('after a request that one receiver took and another refused', () => {
  let failed: Listed;
  beforeAll(async () => {
    expect((await stack.run(['notifications', 'list'])).stderr).toBe('no notifications\n');
    expect((await stack.run(['ingest', SAMPLE_DOCUMENTS, '--collection', COLLECTION])).code).toBe(0);
    expect((await stack.run(['agent', 'Refund order A-1001: it arrived damaged', '--detach'])).code).toBe(0);
    await vi.waitFor(() => expect(gone.received).toHaveLength(1), SOON);
    await vi.waitFor(() => expect(desk.received).toHaveLength(1), SOON);
    [failed] = (await listed('failed', 1)) as [Listed];
  }, 300_000);

  it('list says what was given up, and why', async () => {
    const { stdout } = await stack.run(['notifications', 'list']);
    expect(stdout).toMatch(/^ID +CHANNEL +EVENT +APPROVAL +CREATED \(UTC\) +TRIED +STATE\n/);
    const { id, approvalId } = failed;
    expect(stdout).toMatch(new RegExp(`^${id}  gone +requested +${approvalId} .* 1 +failed \\(HTTP 410\\)$`, 'm'));
  });

  it('doctor names the channels, and how many messages were given up', async () => {
    const { findings } = JSON.parse((await stack.run(['doctor', '--json'])).stdout) as { findings: object[] };
    const detail = expect.stringMatching(/^1 notifications were given up/);
    expect(findings).toContainEqual(expect.objectContaining({ name: 'deliveries', status: 'warn', detail }));
    const channels = 'channels: desk (webhook), gone (slack), asker (email)';
    expect(findings).toContainEqual({ name: 'notifications', status: 'ok', detail: channels });
  });

  it('retry has it told again, and no more once it was', async () => {
    gone.always = 204;
    const retried = await stack.run(['notifications', 'retry', '--channel', 'gone']);
    expect(retried).toMatchObject({ code: 0, stdout: '1 will be tried again\n' });
    await gone.until(2);
    expect((await listed('delivered', 2)).map(({ id }) => id)).toContain(failed.id);
    const again = await stack.run(['notifications', 'retry', failed.id]);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain(`No notification ${failed.id} failed or waits in tenant default`);
  });
});

it('test sends one message, and says what came of it', async () => {
  const taken = await stack.run(['notifications', 'test', 'desk', '--json']);
  expect(taken.code).toBe(0);
  const { id } = JSON.parse(taken.stdout) as { id: string };
  const [received] = await desk.until(1, ({ headers }) => headers['webhook-id'] === id);
  expect(JSON.parse(received?.body ?? '')).toMatchObject({ type: 'test' });
  gone.always = 404;
  const refused = await stack.run(['notifications', 'test', 'gone']);
  expect(refused.code).toBe(1);
  expect(refused.stdout).toMatch(/^refused {2}ntf_test_\w+: HTTP 404; a worker would not try again$/m);
});

it.each([
  [['test', 'pager'], 'No channel pager in ', 'There are: desk, gone, asker.'],
  [['test', 'asker'], 'Channel asker goes to whoever asked', ''],
  [['retry'], 'Which ones?', 'Give an id, or --channel.'],
  [['retry', 'ntf_1', '--channel', 'gone'], 'Which ones?', ''],
  [['list', '--state', 'lost'], 'Not a state: lost', 'Give one of open, all, waiting'],
  [['list', '--tenant', 'No Tenant'], 'Not a tenant: No Tenant', ''],
])('%j is wrong use', async (args, said, hint) => {
  const { code, stderr } = await stack.run(['notifications', ...args]);
  expect(stderr).toContain(said);
  expect(stderr).toContain(hint);
  expect(code).toBe(64);
});

it('a file that is wrong is told by the command and by doctor', async () => {
  const wrong = { COUNTERSIGN_NOTIFICATIONS: file, NOTIFY_SECRET: 'canary' };
  const { code, stderr } = await stack.run(['notifications', 'test', 'desk'], { env: wrong });
  expect(code).toBe(64);
  expect(stderr).toContain('channels.desk.secret_env: NOTIFY_SECRET: expected whsec_');
  const doctor = JSON.parse((await stack.run(['doctor', '--json'], { env: wrong })).stdout) as { findings: object[] };
  expect(doctor.findings).toContainEqual(expect.objectContaining({ name: 'notifications', status: 'fail' }));
  expect(stack.printed()).not.toContain('canary');
});
