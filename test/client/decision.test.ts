// Decisions as approvers sign them, and what is told of one. The signing is held against the code that verifies it in workflows.
import { writeFileSync } from 'node:fs';
import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import { decodeDecision, readSigner, requireReason, signDecision } from '../../client/decision.ts';
import { newKey } from '../../policies/approver-keys.ts';
import { UserError } from '../../runtime/errors.ts';
import { readDecision, signatureRefusal } from '../../workflows/decision.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const folder = useTempFolder();
const { privateJwk, publicJwk } = newKey('manager-1', { approver: 'manager' });
const file = folder.file('manager.json');
writeFileSync(file, JSON.stringify(privateJwk));

const requestHash = `hmac-sha256:${'a'.repeat(64)}` as const;
const request = { useBy: '2026-11-27T10:00:00.500Z' };
const nowMs = Date.parse('2026-11-24T10:00:00.250Z');
const sign = async (decision: 'approve' | 'reject', reason: string) =>
  await signDecision(readSigner(file), { decision, reason, request, requestHash }, nowMs);

/** What a call throws, which must be an error for people that says what to do. */
function refusalOf(call: () => unknown): UserError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).hint).toBeTruthy();
    return error as UserError;
  }
  throw new Error('nothing was thrown');
}

describe('a signed decision', () => {
  it('is read by the workflow as it was meant, with times in seconds and their fraction', async () => {
    const { claims, jws } = await sign('approve', ' seen the photos ');
    expect(readDecision(jws)).toMatchObject({ kid: 'manager-1', claims });
    expect(claims).toEqual({
      v: 1,
      requestHash,
      decision: 'approve',
      approver: 'manager',
      iat: 1_795_514_400.25,
      exp: 1_795_773_600.5,
      jti: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/),
      reason: 'seen the photos',
      proof: { kind: 'jws' },
    });
  });

  it('verifies under the public half of its key, and under no other', async () => {
    const decision = readDecision((await sign('reject', 'too much')).jws);
    if (decision === undefined) throw new Error('not readable');
    const key = (x: string | undefined) => [{ approver: 'manager', kid: 'manager-1', x: x ?? '', groups: ['g'] }];
    expect(signatureRefusal(decision, key(publicJwk['x']))).toBeUndefined();
    expect(signatureRefusal(decision, key(newKey('other').publicJwk['x']))).toBe('bad-signature');
  });

  it('has an id of its own each time', async () => {
    const [first, second] = [await sign('approve', ''), await sign('approve', '')];
    expect(first.claims.jti).not.toBe(second.claims.jti);
  });

  it('is told with who, when, why and by which key', async () => {
    expect(decodeDecision((await sign('reject', 'too much')).jws)).toEqual({
      approver: 'manager',
      decision: 'reject',
      decidedAt: '2026-11-24T10:00:00.250Z',
      reason: 'too much',
      kid: 'manager-1',
    });
  });

  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { decision: 'approve', approver: 'a', iat: 1, reason: '' };
  it.each([
    ['nothing', ''],
    ['no JWS', 'hello'],
    ['no JSON inside', 'a.b.c'],
    ['another decision', `${encode({ kid: 'k' })}.${encode({ ...claims, decision: 'perhaps' })}.c`],
    ['no key id', `${encode({})}.${encode(claims)}.c`],
    ['a time beyond all calendars', `${encode({ kid: 'k' })}.${encode({ ...claims, iat: 1e20 })}.c`],
  ])('is not told of %s', (_, jws) => {
    expect(decodeDecision(jws)).toBeUndefined();
  });
});

describe('a reason', () => {
  it('may be left out of an approval', () => {
    expect(requireReason('approve', '')).toBe('');
  });

  it.each(['', '  \n'])('may not be %j in a rejection', (reason) => {
    const refusal = refusalOf(() => requireReason('reject', reason));
    expect(refusal.message).toBe('A rejection needs a reason');
    expect(refusal.exitCode).toBe(64);
  });

  it('has at most 2,000 characters', () => {
    expect(requireReason('reject', 'x'.repeat(2000))).toHaveLength(2000);
    const refusal = refusalOf(() => requireReason('approve', 'x'.repeat(2001)));
    expect(refusal.message).toBe('The reason has 2,001 characters');
    expect(refusal.exitCode).toBe(64);
  });
});

describe('a signer is not read from', () => {
  const written = (name: string, content: string): string => {
    writeFileSync(folder.file(name), content);
    return folder.file(name);
  };
  const { d, ...withoutPrivate } = privateJwk;
  const { approver: _, ...nobody } = privateJwk;

  it.each<[string, () => string]>([
    ['a file that is not there', () => folder.file(ulid())],
    ['a folder', () => folder.path],
    ['no JSON, without repeating it', () => written('text.json', `not json ${d}`)],
    ['a public key', () => written('public.json', JSON.stringify(withoutPrivate))],
    ['a key of nobody', () => written('nobody.json', JSON.stringify(nobody))],
    ['a key of another curve', () => written('x25519.json', JSON.stringify({ ...privateJwk, crv: 'X25519' }))],
  ])('%s', (_, path) => {
    const refusal = refusalOf(() => readSigner(path()));
    expect(refusal.exitCode).toBe(64);
    expect(`${refusal.message} ${refusal.hint} ${String(refusal.cause)}`).not.toContain(d);
  });

  it('and cannot sign with a private half that is none, without repeating it', async () => {
    const bad = { approver: 'manager', kid: 'k', privateKey: { kty: 'OKP', crv: 'Ed25519', x: 'AAAA', d: 'c2VjcmV0' } };
    const what = { decision: 'approve' as const, reason: '', request, requestHash };
    const refusal = await signDecision(bad, what, nowMs).catch((error: unknown) => error as UserError);
    expect(refusal).toMatchObject({ message: 'The key k of manager cannot sign', exitCode: 64 });
    expect(JSON.stringify(refusal)).not.toContain('c2VjcmV0');
  });
});
