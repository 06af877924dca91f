// `countersign keys status|rotate` on a stack that runs: before, during and after, everything is answered and readable.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useStack } from '../../support/stack.ts';

const stack = useStack();
const ask = async () => await stack.run(['ask', 'Please rewrite: pay now', '--release', 'rewrite_politely', '--json']);
const status = async () => await stack.run(['keys', 'status', '--json']);
const kekIds = (): string[] =>
  JSON.parse(readFileSync(join(stack.home, 'keys/kek.json'), 'utf8')).keys.map((key: { id: string }) => key.id);

describe('keys', () => {
  it('status says who holds them and that none is in use before the first run', async () => {
    const fresh = await status();
    expect(fresh.code).toBe(0);
    expect(JSON.parse(fresh.stdout)).toEqual({ provider: 'file', current: kekIds()[0], inUse: [] });
  });

  it('rotate --new wraps by a new key; what ran before is read, and the running worker goes on', async () => {
    const before = await ask();
    const runId = JSON.parse(before.stdout).runId;
    const [old = ''] = kekIds();
    expect(JSON.parse((await status()).stdout).inUse).toEqual([{ providerKey: old, tenants: 1, keys: 2 }]);
    const rotated = await stack.run(['keys', 'rotate', '--new']);
    expect(rotated.code).toBe(0);
    const [current = ''] = kekIds();
    expect(kekIds()).toEqual([current, old]);
    expect(rotated.stdout).toBe(`2 keys are wrapped by ${current} now\n`);
    expect(JSON.parse((await status()).stdout)).toMatchObject({ current, inUse: [{ providerKey: current, keys: 2 }] });
    expect((await stack.run(['runs', 'history', runId])).stdout).toContain('workflowExecutionStartedEventAttributes');
    const after = await ask();
    expect(after.code).toBe(before.code);
    expect(JSON.parse(after.stdout).kind).toBe(JSON.parse(before.stdout).kind);
  });

  it('rotate --tenant gives a tenant a new wrapping key', async () => {
    const rotated = await stack.run(['keys', 'rotate', '--tenant', 'default', '--json']);
    expect(JSON.parse(rotated.stdout)).toMatchObject({ tenant: 'default', version: 2, subjectKeys: 1 });
    expect(['answered', 'refused']).toContain(JSON.parse((await ask()).stdout).kind);
  });

  it('rotate takes one kind of rotation at a time, and none of a key file that is not used', async () => {
    expect((await stack.run(['keys', 'rotate', '--new', '--tenant', 'default'])).code).toBe(64);
    const env = { COUNTERSIGN_KEK: `k:${Buffer.alloc(32).toString('base64')}` };
    const elsewhere = await stack.run(['keys', 'rotate', '--new'], { env });
    expect(elsewhere.code).toBe(64);
    expect(elsewhere.stderr).toContain('Put a new key in front of COUNTERSIGN_KEK');
    const wrong = await stack.run(['keys', 'status', '--json'], { env });
    expect(wrong.code).toBe(1);
    expect(JSON.parse(wrong.stdout)).toMatchObject({
      provider: 'environment',
      current: 'k',
      fault: expect.any(String),
    });
  });
});
