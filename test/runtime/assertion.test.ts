// Principal assertions and the files of their keys. What `admit` refuses is tested in test/activities/admit.test.ts.
import { writeFileSync } from 'node:fs';
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { readAssertionKey, signAssertion, verifyAssertion } from '../../runtime/assertion.ts';
import type { Principal, RunId } from '../../workflows/protocol/index.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
const RUN: RunId = 'default/answer/01J00000000000000000000000';
const ada: Principal = { id: 'ada', tenant: 'default', groups: ['staff'], roles: ['operator'], clearance: 'internal' };
const [privatePath, publicPath] = [temp.file('private.json'), temp.file('public.json')];
const context = { run: RUN, tenant: 'default', startedAt: new Date().toISOString() };

beforeAll(async () => {
  const pair = await generateKeyPair('EdDSA', { extractable: true });
  writeFileSync(privatePath, JSON.stringify({ ...(await exportJWK(pair.privateKey)), kid: 'k1' }));
  writeFileSync(publicPath, JSON.stringify({ ...(await exportJWK(pair.publicKey)), kid: 'k1' }));
});

describe('an assertion', () => {
  it('signed with the key of one file verifies with that of the other, and gives the principal', async () => {
    const assertion = await signAssertion(await readAssertionKey(privatePath), ada, RUN);
    expect(await verifyAssertion(await readAssertionKey(publicPath), assertion, context)).toEqual(ada);
  });

  it("is an EdDSA JWS that names its key and run, and carries no field beside the principal's own", async () => {
    const careless = { ...ada, email: 'canary@example.com' };
    const assertion = await signAssertion(await readAssertionKey(privatePath), careless, RUN);
    expect(decodeProtectedHeader(assertion)).toEqual({ alg: 'EdDSA', kid: 'k1' });
    expect(decodeJwt(assertion)).toEqual({ v: 1, run: RUN, iat: expect.any(Number), principal: ada });
  });

  it.each([
    ['another run', { run: 'default/answer/01J00000000000000000000001' }, 'made for another run'],
    ['another tenant', { tenant: 'acme' }, 'made for another tenant'],
    ['another time', { startedAt: '2026-01-01T00:00:00Z' }, 'not issued around the time of the start'],
  ] as const)('does not hold for %s, and says so', async (_, change, message) => {
    const assertion = await signAssertion(await readAssertionKey(privatePath), ada, RUN);
    const verifying = verifyAssertion(await readAssertionKey(publicPath), assertion, { ...context, ...change });
    await expect(verifying).rejects.toThrow(message);
  });
});

describe('a key file', () => {
  it.each([
    ['is absent', null],
    ['is no JSON', 'canary {'],
    ['holds a key of another kind', '{"kty":"oct","k":"Y2FuYXJ5","kid":"k1"}'],
    ['holds a key of another curve', '{"kty":"OKP","crv":"X25519","x":"canary","kid":"k1"}'],
    ['holds a key without a name', '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'],
    ['holds a broken key', '{"kty":"OKP","crv":"Ed25519","x":"canary","kid":"k1"}'],
  ])('that %s is an error that names the file and the variables, not what is in it', async (_, text) => {
    const path = temp.file(`${_.replaceAll(' ', '-')}.json`);
    if (text !== null) writeFileSync(path, text);
    const reading = readAssertionKey(path);
    await expect(reading).rejects.toThrow(`No usable assertion key in ${path}`);
    await expect(reading).rejects.toMatchObject({ hint: expect.stringContaining('COUNTERSIGN_ASSERTION_KEY_FILE') });
    await expect(reading).rejects.not.toThrow('canary');
  });
});
