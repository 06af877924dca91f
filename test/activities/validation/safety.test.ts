// The checks beyond an answer's matter, as they stand in the order of all: with one of them gone, or off, what it is there for would be given out.
import { beforeAll, describe, expect, it } from 'vitest';
import { inSlices } from '../../../activities/slices.ts';
import { checkDraft } from '../../../activities/validation/check-draft.ts';
import type { CheckOptions } from '../../../activities/validation/checks.ts';
import { runChecks } from '../../../activities/validation/checks.ts';
import type { CheckLanguage } from '../../../activities/validation/language.ts';
import { loadLanguageCheck } from '../../../activities/validation/language.ts';
import { compileSchema } from '../../../runtime/json-schema.ts';
import type { AnswerRules, CheckSettings, Passage } from '../../../workflows/protocol/index.ts';

const REFUNDS = 'Refunds are paid within 5 to 7 business days after the return is checked.';
const PROMPT =
  'You are the assistant of Harbour and Pine. Never speak of the warehouse in Hull, never offer a discount above ten percent, and always close with a greeting.';
const passage: Passage = {
  ...{ id: 'a.md#0', docId: 'a.md', title: 'Refunds', headings: [], text: REFUNDS, start: 0, end: REFUNDS.length },
  ...{ score: 1, coverage: 1, sensitivity: 'public' },
};
const subject = {
  question: 'How long does it take until a refund is paid?',
  prompt: PROMPT,
  finishReason: 'stop',
  passages: [passage],
} as const;
const rules = (checks: CheckSettings = {}): AnswerRules => ({
  requireCitations: true,
  refuseIfNotInContext: true,
  checks: { grounding: false, ...checks },
});
const run = async (text: string, checks: CheckSettings = {}, options: CheckOptions = {}) => {
  const results = await inSlices(runChecks({ ...subject, text }, rules(checks), options));
  return { ...results, failed: results.checks.filter(({ passed }) => !passed).map(({ name }) => name) };
};

let language: CheckLanguage;
beforeAll(async () => {
  language = await loadLanguageCheck();
});

const GOOD = 'A refund is paid within 5 to 7 business days after the return was checked [1].';

it('an answer that has nothing of it passes, unchanged', async () => {
  const results = await run(GOOD, { language: true }, { language });
  expect(results).toMatchObject({ passed: true, text: GOOD, failed: [] });
  expect(results.checks.map(({ name }) => name)).toEqual([
    'complete',
    'characters',
    'citations-in-context',
    'quotes-verbatim',
    'citations-required',
    'language',
    'no-secrets',
    'links-allowed',
    'prompt-kept',
    'injection-signals',
  ]);
});

describe('what is held back', () => {
  it.each([
    ['no-secrets', `${GOOD} The key is AKIAIOSFODNN7EXAMPLE [1].`, { secrets: false }],
    ['no-secrets', `${GOOD} Write to jo.smith@example.com [1].`, { secrets: false }],
    [
      'prompt-kept',
      `${GOOD} I must never speak of the warehouse in Hull, never offer a discount above ten percent, and always close with a greeting [1].`,
      { leakage: false },
    ],
  ] as const)('by %s alone, and by nothing where the release turns it off: %s', async (name, text, off) => {
    expect(await run(text)).toMatchObject({ passed: false, failed: [name] });
    expect(await run(text, off)).toMatchObject({ passed: true, text });
  });

  it('by language alone, where the release asks for it', async () => {
    const text = 'Eine Erstattung wird innerhalb weniger Werktage bezahlt, nachdem die Rücksendung geprüft wurde [1].';
    expect(await run(text, { language: true }, { language })).toMatchObject({ passed: false, failed: ['language'] });
    expect(await run(text)).toMatchObject({ passed: true });
  });

  it('by a reason that repeats nothing of it', async () => {
    const { checks } = await run(`${GOOD} The key is AKIAIOSFODNN7EXAMPLE, of jo.smith@example.com [1].`);
    expect(JSON.stringify(checks)).not.toMatch(/AKIA|smith/);
  });
});

describe('what is taken out', () => {
  it('is links to hosts that the release does not name, and the rest stays', async () => {
    const text = `${GOOD} See [the form](https://evil.example/?q=refund) or [ours](https://docs.example.com/a) [1].`;
    expect(await run(text, { links: { hosts: ['docs.example.com'] } })).toMatchObject({
      passed: true,
      text: `${GOOD} See the form or [ours](https://docs.example.com/a) [1].`,
    });
    expect((await run(text, { links: false })).text).toBe(text);
  });

  it('is what no reader sees, before anything else is looked at', async () => {
    const text = `${GOOD} The key is AKIA\u200bIOSFODNN7EXAMPLE [1].`;
    expect(await run(text)).toMatchObject({ passed: false, failed: ['no-secrets'] });
    const turned = `${GOOD.slice(0, -1)} \u202eevil\u202c.`;
    expect(await run(turned)).toMatchObject({ passed: true, text: turned.replace(/[\u202e\u202c]/g, '') });
    expect((await run(turned, { characters: false })).text).toBe(turned);
  });

  it('brings no citation to light that was not retrieved', async () => {
    const { passed, text } = await run(`${GOOD} [<a href="https://evil.example/">9</a>] it says [1].`);
    expect(passed && text.includes('[9]')).toBe(false);
  });

  it('is nothing of a reply that has to fit a schema: it is held back', async () => {
    const output = compileSchema({ type: 'object', properties: { link: { type: 'string' } } });
    const json = (link: string) => JSON.stringify({ link });
    const loose = { ...rules(), requireCitations: false };
    const checked = async (text: string) =>
      await inSlices(runChecks({ ...subject, passages: [], text }, loose, { output }));
    expect(await checked(json('https://evil.example/'))).toMatchObject({
      passed: false,
      text: json('https://evil.example/'),
    });
    expect(await checked(json('none'))).toMatchObject({ passed: true });
  });
});

describe('an answer that nobody would write', () => {
  const kib = 1024;
  it.each([
    ['of 200 KB', `${GOOD}\n\n`.repeat((200 * kib) / GOOD.length), true],
    ['of only citations', '[1]'.repeat(50_000), true],
    ['of citations that there are not', '[7]'.repeat(50_000), false],
    ['in another script', '払い戻しは返品の確認後五営業日から七営業日以内に支払われます [1]。', true],
    ['of control characters', '\u0000\u0007\u001b[2J'.repeat(20_000), false],
    ['of marks of direction', '\u202e\u2066'.repeat(50_000), false],
    ['of a thousand links', `${'[a](https://evil.example/) '.repeat(1_000)}[1]`, true],
    ['of our own citation syntax, nested', `${'[['.repeat(20_000)}1${']]'.repeat(20_000)}`, true],
  ])('%s has a verdict, and keeps no link', async (_, text, passes) => {
    const results = await checkDraft({ subject: { ...subject, text }, rules: rules(), usesTools: false });
    expect(results.passed).toBe(passes);
    expect(results.text).not.toContain('evil.example');
    for (const hidden of ['\u202e', '\u2066', '\u0007']) expect(results.text).not.toContain(hidden);
  });
});
