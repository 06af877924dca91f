// Key files of approvers and admins: Ed25519 JWKs, refused when they are anything else, and never quoted.
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { newKey, readPrivateKey, readPublicKey } from '../../policies/approver-keys.ts';
import { UserError } from '../../runtime/errors.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
let files = 0;
function fileOf(content: unknown): string {
  files += 1;
  const path = temp.file(`${files}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}
function problemOf(act: () => unknown): UserError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error('nothing was thrown');
}
const { privateJwk, publicJwk } = newKey('ada-1', { approver: 'ada' });

describe('a new key', () => {
  it('signs by its private half what its public half verifies', () => {
    const own = readPrivateKey(fileOf(privateJwk));
    const { kid, x, key } = readPublicKey(fileOf(publicJwk));
    expect({ kid, x }).toEqual({ kid: 'ada-1', x: own.x });
    const signature = sign(null, Buffer.from('text'), own.key);
    expect(verify(null, Buffer.from('text'), key, signature)).toBe(true);
    expect(verify(null, Buffer.from('texu'), key, signature)).toBe(false);
    expect(own.public.key.equals(key)).toBe(true);
  });

  it('says whose it is, has a private part in one file only, and is like no other', () => {
    expect(privateJwk).toEqual({ ...publicJwk, d: expect.stringMatching(/^[\w-]{43}$/) });
    expect(publicJwk).toEqual({
      kty: 'OKP',
      crv: 'Ed25519',
      x: expect.stringMatching(/^[\w-]{43}$/),
      kid: 'ada-1',
      alg: 'EdDSA',
      approver: 'ada',
    });
    expect(newKey('ada-1').publicJwk['x']).not.toBe(publicJwk['x']);
  });
});

describe('a key file', () => {
  const x25519 = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  it.each<[string, unknown, string]>([
    ['no JSON', `{"d": "${privateJwk['d']}`, 'not JSON'],
    ['no object', '5', ''],
    ['another curve', { ...x25519, kid: 'k' }, 'crv: '],
    ['another kind of key', { kty: 'RSA', n: 'AQAB', e: 'AQAB', kid: 'k' }, 'kty: '],
    ['no kid', { ...privateJwk, kid: undefined }, 'kid: '],
    ['a kid that could be more than a name', { ...privateJwk, kid: 'a\u001b[2J' }, 'kid: '],
    ['a cut key', { ...privateJwk, d: privateJwk['d']?.slice(1) }, 'd: not a key'],
    ['a public half only', publicJwk, 'd: '],
    ['halves of two keys', { ...privateJwk, x: newKey('k').publicJwk['x'] }, 'x is not the public half of d'],
  ])('is no private key with %s, and is not quoted', (_, content, says) => {
    const path = fileOf(content);
    const error = problemOf(() => readPrivateKey(path));
    expect(error.message).toContain(`No usable private key in ${path}: `);
    expect(error.message).toContain(says);
    expect(JSON.stringify([error.message, error.hint, String(error.cause)])).not.toContain(privateJwk['d']?.slice(1));
  });

  it('is no public key when it is missing, cut, or private', () => {
    expect(problemOf(() => readPublicKey(temp.file('none.json'))).message).toContain('ENOENT');
    const cut = fileOf({ ...publicJwk, x: publicJwk['x']?.slice(2) });
    expect(problemOf(() => readPublicKey(cut)).message).toContain('x: not a key');
    const secret = fileOf(privateJwk);
    expect(problemOf(() => readPublicKey(secret)).message).toContain('d: a private key, where its public half belongs');
  });
});
