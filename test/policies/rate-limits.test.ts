// rate-limits.yaml: what is taken, what is refused by field, and which limit a model comes under.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadRateLimits, rateLimitOf } from '../../policies/rate-limits.ts';

const folder = mkdtempSync(join(tmpdir(), 'countersign-rates-'));
afterAll(() => rmSync(folder, { recursive: true }));

const load = (text: string) => {
  const path = join(folder, 'rate-limits.yaml');
  writeFileSync(path, text);
  return loadRateLimits(path);
};

describe('rate-limits.yaml', () => {
  it('need not be there', () => {
    expect(loadRateLimits(join(folder, 'none.yaml'))).toEqual([]);
  });

  it.each([
    ['no YAML', 'v: [1', /Cannot read the rate limits in .*rate-limits\.yaml/],
    ['a limit of nothing', 'v: 1\nlimits: [{ name: a, requests_per_minute: 1 }]', /limits\.0: is of nothing/],
    ['a limit that limits nothing', 'v: 1\nlimits: [{ name: a, provider: openai }]', /limits\.0: limits nothing/],
    ['none a minute', 'v: 1\nlimits: [{ name: a, provider: openai, requests_per_minute: 0 }]', /requests_per_minute/],
    [
      'two of a name',
      'v: 1\nlimits: [{ name: a, provider: x, tokens_per_minute: 1 }, { name: a, provider: y, tokens_per_minute: 1 }]',
      /two limits have one name/,
    ],
    ['a field it does not know', 'v: 1\nlimits: [{ name: a, provider: x, rpm: 1, tokens_per_minute: 1 }]', /rpm/],
  ])('is refused with %s', (_, text, error) => {
    expect(() => load(text)).toThrow(error);
  });

  it('gives the first limit that a model comes under', () => {
    const limits = load(`v: 1
limits:
  - { name: large, provider: openai, model: gpt-large, tokens_per_minute: 1000 }
  - { name: openai, provider: openai, requests_per_minute: 60 }
  - { name: own, base_url: "http://127.0.0.1:8000/v1/", requests_per_minute: 5 }
`);
    const nameOf = (provider: string, id: string, baseUrl?: string) =>
      rateLimitOf(limits, { provider, id, ...(baseUrl !== undefined && { baseUrl }) })?.name;
    expect(nameOf('openai', 'gpt-large')).toBe('large');
    expect(nameOf('openai', 'gpt-small')).toBe('openai');
    expect(nameOf('openai-compatible', 'm', 'http://127.0.0.1:8000/v1')).toBe('own');
    expect(nameOf('openai-compatible', 'm', 'http://127.0.0.1:8001/v1')).toBeUndefined();
    expect(nameOf('local', 'extractive')).toBeUndefined();
  });
});
