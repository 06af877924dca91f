// Two releases side by side.
import { describe, expect, it } from 'vitest';
import { compareReleases } from '../../releases/compare.ts';
import type { Release, ReleaseBody } from '../../releases/release.ts';
import { releaseDigest } from '../../releases/release.ts';

const BODY: ReleaseBody = {
  v: 1,
  name: 'refunds',
  version: '1.0.0',
  prompt: 'Be kind.\nCite.\nStop.',
  model: { name: 'm', provider: 'openai', id: 'gpt', baseUrl: 'https://llm.example.com' },
  temperature: 0,
  maxOutputTokens: 500,
  retrieval: { collection: 'docs', topK: 5, minScore: 0.7 },
  rules: { requireCitations: true, refuseIfNotInContext: true },
  risk: 'low',
};
const release = (change: Partial<ReleaseBody> = {}): Release => {
  const body = { ...BODY, ...change };
  return { body, digest: releaseDigest(body) };
};

describe('two releases', () => {
  it('that are one are the same', () => {
    expect(compareReleases(release(), release())).toMatchObject({ same: true, prompt: [], fields: [] });
  });

  it('have the lines of their prompts side by side', () => {
    const other = release({ version: '1.1.0', prompt: 'Be kind.\nCite twice.\nStop.' });
    expect(compareReleases(release(), other)).toMatchObject({
      a: 'refunds@1.0.0',
      b: 'refunds@1.1.0',
      same: false,
      prompt: [
        { change: 'same', text: 'Be kind.' },
        { change: 'removed', text: 'Cite.' },
        { change: 'added', text: 'Cite twice.' },
        { change: 'same', text: 'Stop.' },
      ],
      fields: [],
    });
  });

  it('show what of policy, model, retrieval and others is another, and what is set on one side only', () => {
    const { retrieval: _, ...without } = BODY;
    const other = {
      ...without,
      version: '2.0.0',
      temperature: 1,
      rules: { ...BODY.rules, requireCitations: false, review: { groups: ['a', 'b'], expiresAfterMs: 60_000 } },
      about: { owner: 'desk' },
    };
    const { fields } = compareReleases(release(), { body: other, digest: releaseDigest(other) });
    expect(fields.map(({ section, field, a, b }) => `${section} ${field}: ${a} ${b}`)).toEqual([
      'policy requireCitations: true false',
      'policy review.expiresAfterMs: null 60000',
      'policy review.groups: null ["a","b"]',
      'model temperature: 0 1',
      'retrieval collection: "docs" null',
      'retrieval minScore: 0.7 null',
      'retrieval topK: 5 null',
      'about owner: null "desk"',
    ]);
  });
});
