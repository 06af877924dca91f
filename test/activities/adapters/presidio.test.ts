// The Presidio adapter against a server that follows its REST contract: offsets, what is asked, and that no failure passes for "nothing".
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPresidioDetector } from '../../../activities/adapters/presidio.ts';
import { allOf, builtInDetector } from '../../../activities/detection/detectors.ts';
import { Failure } from '../../../workflows/protocol/index.ts';
import type { PresidioStandIn } from '../../support/presidio-stand-in.ts';
import { startPresidio } from '../../support/presidio-stand-in.ts';

let presidio: PresidioStandIn;
beforeAll(async () => {
  presidio = await startPresidio({ PERSON: ['Ada Lovelace', '王小明'], LOCATION: ['Turin'] });
});
afterAll(() => presidio.close());

const detector = (timeoutMs = 5_000) => createPresidioDetector({ url: `${presidio.url}/`, language: 'de', timeoutMs });

describe('a Presidio analyzer', () => {
  it('is asked for kinds that policies know, and its code points become UTF-16 code units', async () => {
    const text = '👋🏽 Ada Lovelace and 𝒜 王小明 in Turin';
    const findings = await detector().detect(text);
    expect(findings.map(({ kind, start, end }) => [kind, text.slice(start, end)])).toEqual([
      ['person', 'Ada Lovelace'],
      ['person', '王小明'],
      ['location', 'Turin'],
    ]);
    expect(presidio.requests.at(-1)).toMatchObject({
      text,
      language: 'de',
      entities: expect.arrayContaining(['PERSON', 'CREDIT_CARD', 'IBAN_CODE']),
      score_threshold: 0.4,
    });
  });

  it('adds to what the built-in detector finds', async () => {
    const text = 'Ada Lovelace: ada@example.com';
    const findings = await allOf([builtInDetector, detector()]).detect(text);
    expect(findings.map(({ kind }) => kind)).toEqual(['person', 'email']);
  });

  it.each([
    ['a server error', { status: 500, body: '{"error":"x"}' }, Failure.DetectorUnavailable, false],
    ['too many requests', { status: 429, body: '' }, Failure.DetectorUnavailable, false],
    ['a request it does not accept', { status: 422, body: '' }, Failure.DetectorRefused, true],
    ['something that is no JSON', { status: 200, body: '<html>' }, Failure.DetectorUnavailable, false],
    ['something that is no list', { status: 200, body: '{}' }, Failure.DetectorUnavailable, false],
    [
      'an offset outside of the text',
      { status: 200, body: '[{"entity_type":"PERSON","start":0,"end":99,"score":1}]' },
      Failure.DetectorUnavailable,
      false,
    ],
    [
      'an entity nobody asked for',
      { status: 200, body: '[{"entity_type":"CRYPTO","start":0,"end":1,"score":1}]' },
      Failure.DetectorUnavailable,
      false,
    ],
  ])('that answers with %s has not looked at the text', async (_, answer, type, nonRetryable) => {
    presidio.next(answer);
    const failed = await detector()
      .detect('Ada Lovelace')
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ type, nonRetryable });
    expect(String(failed)).not.toContain('Ada');
  });

  it('that does not answer, or is not there, has not either', async () => {
    presidio.next('hang');
    await expect(detector(100).detect('Ada Lovelace')).rejects.toMatchObject({
      type: Failure.DetectorUnavailable,
      message: expect.stringContaining('in time'),
    });
    const nobody = createPresidioDetector({ url: 'http://127.0.0.1:9' });
    await expect(nobody.detect('Ada Lovelace')).rejects.toMatchObject({ type: Failure.DetectorUnavailable });
    await expect(allOf([builtInDetector, nobody]).detect('x')).rejects.toMatchObject({
      type: Failure.DetectorUnavailable,
    });
  });
});
