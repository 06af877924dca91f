// The verdict for terminals, CI servers and comments: what each says, and that names from a set stay names.
import { Parser } from 'htmlparser2';
import { describe, expect, it } from 'vitest';
import type { CaseResult } from '../../../evals/case-result.ts';
import { verdictJunit } from '../../../evals/gate/junit.ts';
import { verdictMarkdown } from '../../../evals/gate/markdown.ts';
import { verdictText } from '../../../evals/gate/text.ts';
import { judged, made, some } from './results.ts';

const HOSTILE =
  'a|b</code>"<img src=x onerror=1> @team [x](https://x.example) `c`\n\u001b[2Jgate passed\u202e]]>&\u0000';

const vital = made(HOSTILE, { severity: 'critical', outcome: 'failed' });
const blocked: readonly CaseResult[] = [...some(299, 0, 'case', { tags: ['t'] }), vital];

/** Elements with their attributes, in order. */
function elementsOf(xml: string): readonly { readonly name: string; readonly attributes: Record<string, string> }[] {
  const elements: { readonly name: string; readonly attributes: Record<string, string> }[] = [];
  const parser = new Parser(
    { onopentag: (name, attributes) => elements.push({ name, attributes: { ...attributes } }) },
    { xmlMode: true, decodeEntities: true },
  );
  parser.end(xml);
  return elements;
}

describe('on a terminal', () => {
  it('a verdict is a line for each rule, and its figures', () => {
    const lines = verdictText(judged(some(300, 6)));
    expect(lines).toEqual([
      'gate passed',
      '  passed  errors     0 of 300 cases ended in an error (0 %), and 2 % may.',
      '  passed  unscored   No case is without a check.',
      '  passed  critical   No case is critical.',
      '  passed  pass-rate  294 of 300 scored cases pass (98 %); with 95 % confidence at least 96.1 % do, and 92 % must.',
      '  cases: 300: 294 passed, 6 failed, 0 errors, 0 unscored',
      '  pass rate: 98 %, at least 96.1 %',
      '  average cost: $0.01',
      '  latency: p50 1000 ms, p95 1000 ms',
    ]);
  });

  it('an id cannot move the cursor, or pass for a line', () => {
    const lines = verdictText(judged(blocked));
    expect(lines[0]).toBe('gate failed');
    expect(lines.filter((line) => line.startsWith('gate'))).toHaveLength(1);
    for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(lines.join('\n')).toContain('cases: "a|b</code>');
  });

  it('tags that got worse are named', () => {
    const baseline = some(300, 0, 'case').map((each, at) => ({ ...each, tags: [at < 150 ? 'old' : 'refunds'] }));
    const candidate = baseline.map((each, at) => (at < 288 ? each : { ...each, outcome: 'failed' as const }));
    expect(verdictText(judged(candidate, { baseline })).join('\n')).toContain('tags: "refunds"');
  });
});

describe('as JUnit', () => {
  it('rules and cases are tests that pass, fail, are in error or skipped', () => {
    const cases = [
      ...some(2, 1),
      made('broken', { outcome: 'error', latencyMs: 1500 }),
      made('open', { outcome: 'unscored' }),
    ];
    const elements = elementsOf(verdictJunit(judged(cases), cases));
    const suites = elements.filter(({ name }) => name === 'testsuite').map(({ attributes }) => attributes);
    expect(suites).toEqual([
      { name: 'gate', tests: '4', failures: '1', errors: '1', skipped: '0', time: '0.000' },
      { name: 'cases', tests: '4', failures: '1', errors: '1', skipped: '1', time: '4.500' },
    ]);
    expect(elements.filter(({ name }) => name === 'testcase').map(({ attributes }) => attributes['name'])).toEqual([
      'errors',
      'unscored',
      'critical',
      'pass-rate',
      'case-0',
      'case-1',
      'broken',
      'open',
    ]);
    expect(elements.map(({ name }) => name).filter((name) => !name.startsWith('test'))).toEqual([
      'error',
      'failure',
      'failure',
      'error',
      'skipped',
    ]);
    expect(elements.find(({ name }) => name === 'error')?.attributes['message']).toContain('Cases: broken.');
  });

  it('a failed case says which check failed', () => {
    const verdicts = [
      { scorer: 'cites', passed: true, reason: 'cites' },
      { scorer: 'answer_any', passed: false, reason: 'none of "5 < 6" stands in it' },
    ];
    const [trial] = made('a').trials;
    const failed = {
      ...made('a', { outcome: 'failed' }),
      trials: trial ? [{ ...trial, outcome: 'failed' as const, verdicts }] : [],
    };
    const messages = elementsOf(verdictJunit(judged([failed]), [failed])).map(
      ({ attributes }) => attributes['message'],
    );
    expect(messages).toContain('answer_any: none of "5 < 6" stands in it');
  });

  it('an id can be anything, but for characters that XML has not got', () => {
    const xml = verdictJunit(judged(blocked), blocked);
    const names = elementsOf(xml).map(({ attributes }) => attributes['name']);
    expect(names).toContain(HOSTILE.replace('\u0000', '\ufffd').replace('\u001b', '\ufffd'));
    expect(xml).not.toContain('<img');
    expect(verdictJunit(judged([made('\ud800')]), [made('\ud800')])).toContain('name="\ufffd"');
  });
});

describe('as Markdown', () => {
  it('a verdict is a heading and two tables', () => {
    const text = verdictMarkdown(judged(some(300, 6), { baseline: some(300, 6), maxAverageCostUsd: 1 }));
    expect(text).toContain('## ✅ Gate passed\n\n| | rule | reason |\n| --- | --- | --- |\n| ✅ passed | errors |');
    expect(text).toContain('| ℹ️ reported | latency | A case takes 1000 ms on average');
    expect(text).toContain('| pass rate | 98 %, at least 96.1 % |');
  });

  it('an id is no link, cell, tag or name of a person', () => {
    const text = verdictMarkdown(judged(blocked));
    const line = text.split('\n').find((each) => each.includes('| critical |')) ?? '';
    expect(line.split('|')).toHaveLength(5);
    expect(line.match(/<[^>]*>/g)).toEqual(['<br>', '<code>', '</code>']);
    expect(line).not.toMatch(/[@`]|\]\(|:\/\//);
    expect(line).toContain('a&#124;b&#60;&#47;code&#62;');
  });

  it('all figures of a verdict are JSON', () => {
    const verdict = judged(some(300, 6), { baseline: some(300, 6) });
    expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict);
  });
});
