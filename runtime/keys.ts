// Run keys: each run has 32 random bytes of its own, stored wrapped, never in workflow code and never logged.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Digest } from '../workflows/protocol/index.ts';
import type { Sql } from './database.ts';
import { UserError } from './errors.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const kekSchema = z.object({ v: z.literal(1), id: z.string().min(1), key: z.base64() });

/** A key-encryption key: wraps run keys. */
export interface Kek {
  readonly id: string;
  readonly key: Uint8Array;
}

/** @throws UserError when the file is absent or not a 256-bit key. */
export function readKek(path: string): Kek {
  try {
    const parsed = kekSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
    const key = Buffer.from(parsed.key, 'base64');
    if (key.length !== KEY_BYTES) throw new TypeError(`expected ${KEY_BYTES} bytes, found ${key.length}`);
    return { id: parsed.id, key };
  } catch (cause) {
    throw new UserError(`No usable key-encryption key in ${path}`, {
      hint: '`npx countersign dev` makes one for development; elsewhere name it in COUNTERSIGN_KEK_FILE.',
      cause,
    });
  }
}

/** Writes a new key (mode 0600). Refuses to overwrite: runs wrapped by the old one would be lost. */
export function createKekFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const id = `file-${randomBytes(4).toString('hex')}`;
  const body = { v: 1, id, key: randomBytes(KEY_BYTES).toString('base64') };
  writeFileSync(path, `${JSON.stringify(body)}\n`, { mode: 0o600, flag: 'wx' });
  chmodSync(path, 0o600);
}

export const newRunKey = (): Uint8Array => randomBytes(KEY_BYTES);

/** AES-256-GCM: nonce, ciphertext, tag. `context` is authenticated, not stored. */
export function seal(key: Uint8Array, context: string, plaintext: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Reverses {@link seal}; throws when key, context or a byte differs. */
export function open(key: Uint8Array, context: string, sealed: Uint8Array): Buffer {
  const bytes = Buffer.from(sealed);
  // Shorter bytes would be read with a shorter tag, which is easier to guess.
  if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new TypeError('Not a sealed value: too short');
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(context));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES)), decipher.final()]);
}

export const wrapRunKey = (kek: Kek, runId: string, runKey: Uint8Array): Buffer =>
  seal(kek.key, `run-key:${runId}`, runKey);

/** What the start ledger says of a run. */
export interface StartedRun {
  readonly key: Uint8Array;
  readonly requester: string;
  readonly releaseDigest: Digest | null;
  readonly collection: string | null;
  /** Of `runtime/start-hash.ts`. */
  readonly requestHash: string;
}

export interface RunKeys {
  /** The run's key and start, or `undefined` when it has no row: it was not started through the ledger. */
  find(runId: string): Promise<StartedRun | undefined>;
}

interface Row {
  readonly kek_id: string;
  readonly wrapped: Uint8Array;
  readonly requester: string;
  readonly release_digest: Digest | null;
  readonly collection: string | null;
  readonly request_hash: string;
}

/** Run keys from the ledger, the latest `capacity` kept in memory. @default capacity 1000 */
export function createRunKeys(sql: Sql, kek: Kek, capacity = 1000): RunKeys {
  const cache = new Map<string, StartedRun>();
  return {
    async find(runId) {
      const cached = cache.get(runId);
      if (cached !== undefined) return cached;
      const [row] = await sql<Row[]>`
        select k.kek_id, k.wrapped, l.requester, l.release_digest, l.collection, l.request_hash
        from run_keys k join start_ledger l on l.run_id = k.run_id where k.run_id = ${runId}`;
      if (row === undefined) return undefined;
      if (row.kek_id !== kek.id) {
        throw new UserError(`The key of run ${runId} is wrapped by ${row.kek_id}, and this process holds ${kek.id}`, {
          hint: 'Name the right file in COUNTERSIGN_KEK_FILE.',
        });
      }
      const key = open(kek.key, `run-key:${runId}`, row.wrapped);
      const { requester, release_digest: releaseDigest, collection, request_hash: requestHash } = row;
      const started = { key, requester, releaseDigest, collection, requestHash };
      if (cache.size >= capacity) cache.delete(cache.keys().next().value ?? '');
      cache.set(runId, started);
      return started;
    },
  };
}
