// Run keys and their wrapping: sealing, key files, and keys from the ledger.
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { KeyProvider } from '../../runtime/keys/index.ts';
import { createKeys, newKey, open, runKeyContext, seal, wrapKey } from '../../runtime/keys/index.ts';
import {
  addKek,
  createFileProvider,
  createKekFile,
  createLocalProvider,
  readKekFile,
  readKekVariable,
} from '../../runtime/keys/local-provider.ts';
import { createRunKeys } from '../../runtime/keys/run-keys.ts';
import { Failure, HashPrefix } from '../../workflows/protocol/index.ts';
import { useDatabase } from '../support/services.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
const database = useDatabase();

describe('sealing', () => {
  const key = newKey();
  const text = Buffer.from('the answer is thirty days');
  const sealed = seal(key, 'context', text);

  it('is reversed by the same key and context', () => {
    expect(open(key, 'context', sealed)).toEqual(text);
    expect(open(key, 'context', seal(key, 'context', new Uint8Array()))).toHaveLength(0);
  });

  it('hides the text, and gives other bytes each time', () => {
    expect(sealed.includes('thirty')).toBe(false);
    expect(seal(key, 'context', text)).not.toEqual(sealed);
  });

  it('shows any one changed byte: nonce, text or tag', () => {
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => open(key, 'context', changed), `byte ${at}`).toThrow();
    }
  });

  it('shows bytes cut off or added', () => {
    for (const size of [0, 1, 12, 15, 28, sealed.length - 1]) {
      expect(() => open(key, 'context', sealed.subarray(0, size)), `${size} bytes`).toThrow();
    }
    expect(() => open(key, 'context', Buffer.concat([sealed, Buffer.from([0])]))).toThrow();
  });

  it('of a short value cannot be opened with a tag cut to a few bytes', () => {
    const [nonce, tag] = [sealed.subarray(0, 12), seal(key, 'context', new Uint8Array()).subarray(12)];
    for (let size = 0; size < tag.length; size++) {
      expect(() => open(key, 'context', Buffer.concat([nonce, tag.subarray(0, size)]))).toThrow('too short');
    }
  });

  it('is not opened by another key or in another context', () => {
    expect(() => open(newKey(), 'context', sealed)).toThrow();
    expect(() => open(key, 'other', sealed)).toThrow();
  });
});

describe('the file of the key-encryption key', () => {
  const folder = (): string => mkdtempSync(join(temp.path, 'keys-'));
  const first = (path: string) => readKekFile(path)[0] ?? expect.fail('no key');

  it('is made with 256 random bits, for its owner only', () => {
    const [one, other] = [join(folder(), 'new', 'kek.json'), join(folder(), 'kek.json')];
    createKekFile(one);
    createKekFile(other);
    expect(statSync(one).mode & 0o777).toBe(0o600);
    expect(statSync(join(one, '..')).mode & 0o777).toBe(0o700);
    expect(first(one).key).toHaveLength(32);
    expect(first(one).key).not.toEqual(first(other).key);
    expect(first(one).id).not.toBe(first(other).id);
  });

  it('of the first version is read', () => {
    const path = join(folder(), 'kek.json');
    const key = Buffer.alloc(32, 7);
    writeFileSync(path, JSON.stringify({ v: 1, id: 'old', key: key.toString('base64') }));
    expect(readKekFile(path)).toEqual([{ id: 'old', key }]);
  });

  it('takes another key that wraps from then on, and keeps the old ones', () => {
    const path = join(folder(), 'kek.json');
    createKekFile(path);
    const [old] = readKekFile(path);
    const id = addKek(path);
    expect(readKekFile(path).map((kek) => kek.id)).toEqual([id, old?.id]);
    expect(readKekFile(path)[1]).toEqual(old);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('is read again when a key is wanted that was added to it', async () => {
    const path = join(folder(), 'kek.json');
    createKekFile(path);
    const early = createFileProvider(path);
    addKek(path);
    const wrapped = await createFileProvider(path).wrap('c', Buffer.alloc(32, 5));
    expect(wrapped.keyId).not.toBe(await early.currentKeyId());
    expect(await early.unwrap('c', wrapped)).toEqual(Buffer.alloc(32, 5));
    await expect(early.unwrap('c', { ...wrapped, keyId: 'never' })).rejects.toMatchObject({ type: Failure.KeyUnknown });
  });

  it('is never overwritten', () => {
    const path = join(folder(), 'kek.json');
    createKekFile(path);
    const before = readFileSync(path, 'utf8');
    expect(() => createKekFile(path)).toThrow('EEXIST');
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  it.each([
    ['is absent', null],
    ['is no JSON', '{'],
    ['holds a short key', `{"v":1,"id":"k","key":"${Buffer.alloc(31).toString('base64')}"}`],
    ['holds a long key', `{"v":1,"id":"k","key":"${Buffer.alloc(33).toString('base64')}"}`],
    ['holds no id', `{"v":1,"id":"","key":"${Buffer.alloc(32).toString('base64')}"}`],
    ['holds no keys', '{"v":2,"keys":[]}'],
    ['is of another version', `{"v":3,"id":"k","key":"${Buffer.alloc(32).toString('base64')}"}`],
  ])('that %s is an error that names it and the variable', (_, text) => {
    const path = join(folder(), 'kek.json');
    if (text !== null) writeFileSync(path, text);
    expect(() => readKekFile(path)).toThrow(`No usable key-encryption key in ${path}`);
    try {
      readKekFile(path);
    } catch (error) {
      expect((error as { hint?: string }).hint).toContain('COUNTERSIGN_KEK_FILE');
    }
  });
});

describe('keys in the environment', () => {
  const base64 = (fill: number): string => Buffer.alloc(32, fill).toString('base64');

  it('are a list, the one that wraps first', () => {
    expect(readKekVariable(`new:${base64(1)}, arn:aws:old:${base64(2)}`)).toEqual([
      { id: 'new', key: Buffer.alloc(32, 1) },
      { id: 'arn:aws:old', key: Buffer.alloc(32, 2) },
    ]);
  });

  it.each(['', 'k', `:${base64(1)}`, `k:${Buffer.alloc(16).toString('base64')}`, `k:${base64(1)},`, 'k:secret!'])(
    'in another form (%#) are an error that repeats none',
    (text) => {
      const reading = () => readKekVariable(text);
      expect(reading).toThrow('COUNTERSIGN_KEK is not a list of keys');
      expect(reading).not.toThrow('secret');
    },
  );
});

describe('a run key of the ledger', () => {
  const provider = createLocalProvider('file', [{ id: 'kek-1', key: newKey() }]);
  const digest = `sha256:${'a'.repeat(64)}`;
  const keysOf = (role: 'worker' | 'gateway' = 'worker', of = provider) =>
    createKeys(database.db(role), { keyFiles: { kek: '', assertionPrivate: '', assertionPublic: '' } }, of);

  const run = (name: string): string =>
    `default/answer/01M8AJ9YAKYNKQ0121Y0X80${name.replace('old', '0').padStart(3, '0')}`;

  async function start(runId: string): Promise<void> {
    await database.sql('owner')`
      insert into start_ledger (run_id, tenant, kind, requester, request_hash, release_digest, collection, task_queue)
      values (${runId}, 'default', 'answer', 'ada', 'h', ${digest}, 'docs', 'q')`;
  }
  async function enter(runId: string, key = newKey()): Promise<Uint8Array> {
    const wrapping = await keysOf('gateway').tenantKeys.current('default');
    await start(runId);
    await database.sql('owner')`insert into run_keys (run_id, tenant, tenant_key, wrapped)
      values (${runId}, 'default', ${wrapping.version}, ${wrapKey(wrapping.key, runKeyContext(runId), key)})`;
    return key;
  }
  async function enterOf(subject: string, runId: string): Promise<Uint8Array> {
    const { tenantKeys, subjectKeys } = keysOf('gateway');
    const pseudonym = await tenantKeys.pseudonym('default', HashPrefix.Subject, subject);
    const wrapping = await subjectKeys.current('default', pseudonym);
    const key = newKey();
    await start(runId);
    await database.sql('owner')`insert into run_keys (run_id, tenant, subject_key_id, wrapped)
      values (${runId}, 'default', ${wrapping.id}, ${wrapKey(wrapping.key, runKeyContext(runId), key)})`;
    await database.sql('owner')`update start_ledger set subject = ${pseudonym} where run_id = ${runId}`;
    return key;
  }

  it('is found with what the ledger says of the start', async () => {
    const key = await enter(run('1'));
    expect(await keysOf().runKeys.find(run('1'))).toEqual({
      key: Buffer.from(key),
      requester: 'ada',
      releaseDigest: digest,
      collection: 'docs',
      requestHash: 'h',
    });
  });

  it('of a subject is found through its key', async () => {
    const key = await enterOf('jane', run('10'));
    expect((await keysOf().runKeys.find(run('10')))?.key).toEqual(Buffer.from(key));
  });

  it('of a subject is gone for good with the key of the subject, and others stay', async () => {
    await enterOf('joan', run('11'));
    await enterOf('june', run('12'));
    await enter(run('13'));
    const before = keysOf();
    await before.runKeys.find(run('11'));
    const pseudonym = await before.tenantKeys.pseudonym('default', HashPrefix.Subject, 'joan');
    await database.sql('owner')`delete from subject_keys where subject = ${pseudonym}`;
    await expect(keysOf().runKeys.find(run('11'))).rejects.toMatchObject({
      type: Failure.Erased,
      nonRetryable: true,
    });
    before.runKeys.forget([run('11')]);
    await expect(before.runKeys.find(run('11'))).rejects.toMatchObject({ type: Failure.Erased });
    expect(await keysOf().runKeys.find(run('12'))).toBeDefined();
    expect(await keysOf().runKeys.find(run('13'))).toBeDefined();
  });

  it('is absent for a run that has no row, and looked for again the next time', async () => {
    const { runKeys } = keysOf();
    expect(await runKeys.find(run('2'))).toBeUndefined();
    await enter(run('2'));
    expect(await runKeys.find(run('2'))).toBeDefined();
  });

  it('that the first versions wrapped by the key-encryption key itself is found', async () => {
    const key = newKey();
    await start(run('old'));
    const { keyId, wrapped } = await provider.wrap(runKeyContext(run('old')), key);
    await database.sql('owner')`insert into run_keys (run_id, tenant, kek_id, wrapped)
      values (${run('old')}, 'default', ${keyId}, ${Buffer.from(wrapped)})`;
    expect((await keysOf().runKeys.find(run('old')))?.key).toEqual(Buffer.from(key));
  });

  it('is an error that says what to do for a process with other key-encryption keys', async () => {
    await enter(run('3'));
    const other = createLocalProvider('file', [{ id: 'kek-2', key: newKey() }]);
    const finding = keysOf('worker', other).runKeys.find(run('3'));
    await expect(finding).rejects.toThrow(/The key provider file has no key kek-1\. Give this process every key/);
    await expect(finding).rejects.toMatchObject({ type: Failure.KeyUnknown, nonRetryable: true });
  });

  it('of the right name and another content is an error', async () => {
    await enter(run('6'));
    const other = createLocalProvider('file', [{ id: 'kek-1', key: newKey() }]);
    await expect(keysOf('worker', other).runKeys.find(run('6'))).rejects.toMatchObject({ type: Failure.KeyDamaged });
  });

  it("in another run's row is refused", async () => {
    await enter(run('4'));
    await enter(run('5'));
    await database.sql('owner')`
      update run_keys set wrapped = (select wrapped from run_keys where run_id = ${run('5')}) where run_id = ${run('4')}`;
    await expect(keysOf().runKeys.find(run('4'))).rejects.toMatchObject({ type: Failure.KeyDamaged });
  });

  it('is remembered up to a number of runs, the earliest forgotten first', async () => {
    for (const id of [run('7'), run('8'), run('9')]) await enter(id);
    const { tenantKeys } = keysOf();
    const runKeys = createRunKeys({ db: database.db('worker'), tenantKeys, provider, capacity: 2 });
    const first = await runKeys.find(run('7'));
    const second = await runKeys.find(run('8'));
    expect(await runKeys.find(run('7'))).toBe(first);
    await runKeys.find(run('9'));
    expect(await runKeys.find(run('8'))).toBe(second);
    expect(await runKeys.find(run('7'))).not.toBe(first);
  });
});

describe('keys of tenants', () => {
  const keysOf = (provider: KeyProvider) =>
    createKeys(database.db('gateway'), { keyFiles: { kek: '', assertionPrivate: '', assertionPublic: '' } }, provider);
  const local = createLocalProvider('file', [{ id: 'k', key: newKey() }]);

  it('are one for all processes, however many make it at once', async () => {
    const made = await Promise.all(
      Array.from({ length: 8 }, async () => (await keysOf(local).tenantKeys.current('acme')).key),
    );
    expect(new Set(made.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
  });

  it('give the same pseudonym to every process, and another one in another tenant, for another purpose', async () => {
    const { tenantKeys } = keysOf(local);
    const one = await tenantKeys.pseudonym('acme', HashPrefix.Subject, 'jane');
    expect(await keysOf(local).tenantKeys.pseudonym('acme', HashPrefix.Subject, 'jane')).toBe(one);
    expect(await tenantKeys.pseudonym('globex', HashPrefix.Subject, 'jane')).not.toBe(one);
    expect(await tenantKeys.pseudonym('acme', HashPrefix.IdempotencyKey, 'jane')).not.toBe(one);
  });

  it('are asked of the provider once a process, and again after it did not answer', async () => {
    let asked = 0;
    let away = true;
    const slow: KeyProvider = {
      ...local,
      unwrap: async (context, wrapped) => {
        asked += 1;
        if (away) throw new Error('away');
        return await local.unwrap(context, wrapped);
      },
    };
    await keysOf(local).tenantKeys.current('initech');
    const { tenantKeys } = keysOf(slow);
    await expect(tenantKeys.current('initech')).rejects.toThrow('away');
    away = false;
    await Promise.all([tenantKeys.current('initech'), tenantKeys.current('initech')]);
    await tenantKeys.current('initech');
    expect(asked).toBe(2);
  });
});
