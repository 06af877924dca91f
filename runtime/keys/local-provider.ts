// Key-encryption keys that this process holds itself: from a file (development, or a mounted secret) or from the environment.
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.ts';
import type { KeyProvider } from './key-provider.ts';
import { keyDamaged, keyUnknown } from './key-provider.ts';
import { KEY_BYTES, newKey, open, seal } from './seal.ts';

/** A key-encryption key: wraps tenant keys. */
export interface Kek {
  readonly id: string;
  readonly key: Uint8Array;
}

const entrySchema = z.object({ id: z.string().min(1).max(200), key: z.base64() });
const fileSchema = z.union([
  entrySchema.extend({ v: z.literal(1) }).transform(({ id, key }) => [{ id, key }]),
  z.object({ v: z.literal(2), keys: z.array(entrySchema).min(1) }).transform(({ keys }) => keys),
]);

/** The keys of a file; the first one wraps, the others are there to unwrap. @throws UserError when there are none to be had */
export function readKekFile(path: string): readonly Kek[] {
  try {
    return fileSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).map(toKek);
  } catch (cause) {
    throw new UserError(`No usable key-encryption key in ${path}`, {
      hint: '`npx countersign dev` makes one for development; elsewhere name it in COUNTERSIGN_KEK_FILE.',
      cause,
    });
  }
}

/** `ID:BASE64[,ID:BASE64…]`, the first one wraps. @throws UserError that repeats no key */
export function readKekVariable(text: string): readonly Kek[] {
  try {
    return text.split(',').map((entry) => {
      const at = entry.lastIndexOf(':');
      return toKek(entrySchema.parse({ id: entry.slice(0, Math.max(0, at)).trim(), key: entry.slice(at + 1).trim() }));
    });
  } catch {
    throw new UserError('COUNTERSIGN_KEK is not a list of keys', {
      hint: 'ID:KEY, the key being 32 bytes in base64; several ones are separated by commas, the one that wraps first.',
      exitCode: 64,
    });
  }
}

/** Writes a new key (mode 0600). Refuses to overwrite: what the old one wraps would be lost. */
export function createKekFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  write(path, [makeKek()], 'wx');
}

/** Puts a new key before those of a file, and gives its id. The old ones stay, to unwrap. @throws UserError as {@link readKekFile} */
export function addKek(path: string): string {
  const added = makeKek();
  const keys = [added, ...readKekFile(path)];
  const next = `${path}.next`;
  write(next, keys, 'w');
  renameSync(next, path);
  return added.id;
}

/** A file that is read again when a key is wanted that was not in it: it may have been added since. @throws UserError as {@link readKekFile} */
export const createFileProvider = (path: string): KeyProvider =>
  createLocalProvider('file', readKekFile(path), () => readKekFile(path));

/** @param reread gives the keys as they are by now. @default reread they do not change */
export function createLocalProvider(
  name: 'file' | 'environment',
  keys: readonly Kek[],
  reread: () => readonly Kek[] = () => keys,
): KeyProvider {
  const [current] = keys;
  if (current === undefined) throw new TypeError('A key provider needs a key');
  let byId = new Map(keys.map((kek) => [kek.id, kek]));
  return {
    name,
    currentKeyId: async () => current.id,
    wrap: async (context, key) => ({ keyId: current.id, wrapped: seal(current.key, context, key) }),
    async unwrap(context, { keyId, wrapped }) {
      if (!byId.has(keyId)) byId = new Map(reread().map((kek) => [kek.id, kek]));
      const kek = byId.get(keyId);
      if (kek === undefined) throw keyUnknown(name, keyId);
      try {
        return open(kek.key, context, wrapped);
      } catch {
        throw keyDamaged(`key of ${context}`);
      }
    },
  };
}

const makeKek = (): Kek => ({ id: `file-${randomBytes(4).toString('hex')}`, key: newKey() });

function toKek({ id, key: base64 }: z.infer<typeof entrySchema>): Kek {
  const key = Buffer.from(base64, 'base64');
  if (key.length !== KEY_BYTES) throw new TypeError(`expected ${KEY_BYTES} bytes, found ${key.length}`);
  return { id, key };
}

function write(path: string, keys: readonly Kek[], flag: 'w' | 'wx'): void {
  const entries = keys.map(({ id, key }) => ({ id, key: Buffer.from(key).toString('base64') }));
  writeFileSync(path, `${JSON.stringify({ v: 2, keys: entries }, null, 1)}\n`, { mode: 0o600, flag });
  chmodSync(path, 0o600);
}
