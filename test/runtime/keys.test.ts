// Run keys and their wrapping: sealing, key files, and keys from the ledger.
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createKekFile, createRunKeys, newRunKey, open, readKek, seal, wrapRunKey } from '../../runtime/keys.ts';
import { useDatabase } from '../support/services.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
const database = useDatabase();

describe('sealing', () => {
  const key = newRunKey();
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
    expect(() => open(newRunKey(), 'context', sealed)).toThrow();
    expect(() => open(key, 'other', sealed)).toThrow();
  });
});

describe('the file of the key-encryption key', () => {
  const folder = (): string => mkdtempSync(join(temp.path, 'keys-'));

  it('is made with 256 random bits, for its owner only', () => {
    const [one, other] = [join(folder(), 'new', 'kek.json'), join(folder(), 'kek.json')];
    createKekFile(one);
    createKekFile(other);
    expect(statSync(one).mode & 0o777).toBe(0o600);
    expect(statSync(join(one, '..')).mode & 0o777).toBe(0o700);
    expect(readKek(one).key).toHaveLength(32);
    expect(readKek(one).key).not.toEqual(readKek(other).key);
    expect(readKek(one).id).not.toBe(readKek(other).id);
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
    ['is of another version', `{"v":2,"id":"k","key":"${Buffer.alloc(32).toString('base64')}"}`],
  ])('that %s is an error that names it and the variable', (_, text) => {
    const path = join(folder(), 'kek.json');
    if (text !== null) writeFileSync(path, text);
    expect(() => readKek(path)).toThrow(`No usable key-encryption key in ${path}`);
    try {
      readKek(path);
    } catch (error) {
      expect((error as { hint?: string }).hint).toContain('COUNTERSIGN_KEK_FILE');
    }
  });
});

describe('a run key of the ledger', () => {
  const kek = { id: 'kek-1', key: newRunKey() };
  const digest = `sha256:${'a'.repeat(64)}`;

  async function enter(runId: string, wrapped: Uint8Array, kekId = kek.id): Promise<void> {
    const sql = database.sql('gateway');
    await sql`insert into start_ledger (run_id, tenant, kind, requester, request_hash, release_digest, collection, task_queue)
      values (${runId}, 'default', 'answer', 'ada', 'h', ${digest}, 'docs', 'q')`;
    await sql`insert into run_keys (run_id, tenant, kek_id, wrapped) values (${runId}, 'default', ${kekId}, ${wrapped})`;
  }

  it('is found with what the ledger says of the start', async () => {
    const key = newRunKey();
    await enter('run-1', wrapRunKey(kek, 'run-1', key));
    const found = await createRunKeys(database.sql('worker'), kek).find('run-1');
    expect(found).toEqual({
      key: Buffer.from(key),
      requester: 'ada',
      releaseDigest: digest,
      collection: 'docs',
      requestHash: 'h',
    });
  });

  it('is absent for a run that has no row, and looked for again the next time', async () => {
    const runKeys = createRunKeys(database.sql('worker'), kek);
    expect(await runKeys.find('run-2')).toBeUndefined();
    await enter('run-2', wrapRunKey(kek, 'run-2', newRunKey()));
    expect(await runKeys.find('run-2')).toBeDefined();
  });

  it('wrapped by another key is an error that names both and says what to do', async () => {
    const other = { id: 'kek-2', key: newRunKey() };
    await enter('run-3', wrapRunKey(other, 'run-3', newRunKey()), other.id);
    const finding = createRunKeys(database.sql('worker'), kek).find('run-3');
    await expect(finding).rejects.toThrow('The key of run run-3 is wrapped by kek-2, and this process holds kek-1');
    await expect(finding).rejects.toMatchObject({ hint: expect.stringContaining('COUNTERSIGN_KEK_FILE') });
  });

  it("in another run's row is refused", async () => {
    await enter('run-4', wrapRunKey(kek, 'run-5', newRunKey()));
    await expect(createRunKeys(database.sql('worker'), kek).find('run-4')).rejects.toThrow();
  });

  it('is remembered up to a number of runs, the earliest forgotten first', async () => {
    for (const id of ['m-1', 'm-2', 'm-3']) await enter(id, wrapRunKey(kek, id, newRunKey()));
    const runKeys = createRunKeys(database.sql('worker'), kek, 2);
    const first = await runKeys.find('m-1');
    const second = await runKeys.find('m-2');
    expect(await runKeys.find('m-1')).toBe(first);
    await runKeys.find('m-3');
    expect(await runKeys.find('m-2')).toBe(second);
    expect(await runKeys.find('m-1')).not.toBe(first);
  });
});
