// The page of an evaluation: what it says, in which order, and that no text of a set or a reply becomes anything but text.
import { describe, expect, it } from 'vitest';
import { evaluationPage } from '../../../evals/report/page.ts';
import type { PageCase } from '../../../evals/report/types.ts';
import { caseOf, pageOf, resultOf } from './sample.ts';

const HOSTILE = `</script></style></title></td>--><img src=x onerror="alert('1')"><a href='javascript:1'>\`\u202Egnp\u202C\u0000\u200B`;

const mixed = (): readonly PageCase[] => [
  caseOf(resultOf('sound')),
  caseOf(resultOf('unchecked', { outcome: 'unscored' })),
  caseOf(resultOf('broken', { outcome: 'error' })),
  caseOf(resultOf('wrong', { outcome: 'failed', tags: ['refund'] })),
];

/** Tags as the browser would see them: names with attributes. */
const tagsIn = (page: string): readonly string[] => page.match(/<[a-z!/][^>]*>/g) ?? [];

/** The text in each place that takes one. */
function pageWith(text: string): string {
  const result = resultOf(text, { outcome: 'failed', tags: [text] });
  const filled = {
    ...result,
    cluster: `of ${text}`,
    trials: result.trials.map((trial) => ({
      ...trial,
      runId: text,
      verdicts: [{ scorer: text, passed: false, reason: text }],
    })),
  };
  const reply = { kind: text, text, cites: [text] };
  const others = { question: text, expected: text, reply, baseline: { result, reply } };
  const about = { release: text, digest: text, suite: text, evaluationId: text, baselineRelease: text };
  return evaluationPage(pageOf([caseOf(filled, others)], about));
}

describe('the page of an evaluation', () => {
  it('shows every case with its question, expectation, reply, checks, trials, cost and latency', () => {
    const page = evaluationPage(pageOf(mixed()));
    for (const id of ['sound', 'unchecked', 'broken', 'wrong']) {
      expect(page).toContain(`<bdi class="id">${id}</bdi>`);
      expect(page).toContain(`What of ${id}?`);
    }
    expect(page).toContain('says one of: &quot;30 days&quot;');
    expect(page).toContain('A refund is paid within 14 days [1].');
    expect(page).toContain('none of the spans stands in the reply');
    expect(page).toContain('0 of 1 passed');
    expect(page).toContain('$0.01');
    expect(page).toContain('900 ms');
    expect(page).toContain('run-wrong-0');
    expect(page).toContain('no run was started');
  });

  it('shows every rule with its outcome and reason, what does not pass first, and links the cases in question', () => {
    const input = pageOf(mixed());
    const page = evaluationPage(input);
    for (const { rule, reason } of input.verdict.rules) {
      expect(page).toContain(`<strong>${rule}</strong>`);
      expect(page).toContain(reason.replaceAll("'", '&#39;'));
    }
    expect(page.indexOf('<strong>pass-rate</strong>')).toBeLessThan(page.indexOf('<strong>critical</strong>'));
    expect(page).toContain('<a href="#case-4"><bdi>wrong</bdi></a>');
    expect(page).toContain('id="case-4"');
  });

  it('has failed cases first, then errors, unscored and passed ones, and folds those that passed alone', () => {
    const page = evaluationPage(pageOf(mixed()));
    const places = ['case-4', 'case-3', 'case-2', 'class="fold"', 'case-1'].map((each) =>
      page.indexOf(each.startsWith('class') ? each : `id="${each}"`),
    );
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places).not.toContain(-1);
    expect(page.match(/class="fold"/g)).toHaveLength(1);
  });

  it('marks what changed against the baseline', () => {
    const page = evaluationPage(
      pageOf([
        caseOf(resultOf('worse', { outcome: 'failed' }), {
          baseline: { result: resultOf('worse'), reply: { kind: 'answered', text: 'As it was said before.' } },
        }),
        caseOf(resultOf('better'), { baseline: { result: resultOf('better', { outcome: 'failed' }) } }),
        caseOf(resultOf('same'), { baseline: { result: resultOf('same') } }),
        caseOf(resultOf('still', { outcome: 'failed' }), {
          baseline: { result: resultOf('still', { outcome: 'failed' }) },
        }),
      ]),
    );
    expect(page.match(/newly failed/g)).toHaveLength(1);
    expect(page.match(/newly passed/g)).toHaveLength(1);
    expect(page.match(/failed before, too/g)).toHaveLength(1);
    expect(page).toContain('As it was said before.');
    expect(page).toContain('support_refund_answer@3');
  });

  it('shows each of several trials, and folds those that passed', () => {
    const page = evaluationPage(
      pageOf([caseOf(resultOf('flips', { outcome: 'failed', trials: ['passed', 'failed', 'passed'] }))]),
    );
    expect(page).toContain('2 of 3 passed');
    expect(page).toContain('Reply of trial 1: answered');
    expect(page.match(/<details><summary><span class="badge passed">/g)).toHaveLength(2);
    expect(page.match(/<details open><summary><span class="badge failed">/g)).toHaveLength(1);
  });

  it('escapes texts wherever they stand, and shows what a reader would not see', () => {
    const page = pageWith(HOSTILE);
    const names = (text: string): readonly string[] => tagsIn(text).map((tag) => tag.split(/[\s>]/)[0] ?? '');
    expect(names(page)).toEqual(names(pageWith('calm')));
    expect(page).not.toMatch(/<img|<a href='|<script|onerror="/);
    expect(page).not.toMatch(/[\u202A-\u202E\u2066-\u2069\u200B\0]/);
    expect(page).toContain('\\u{202e}gnp\\u{202c}\\u{0}\\u{200b}');
    expect(page).toContain('&lt;/script&gt;&lt;/style&gt;&lt;/title&gt;&lt;/td&gt;--&gt;&lt;img');
    expect(page.match(/<\/style>/g)).toHaveLength(1);
    expect(page.match(/<\/title>/g)?.length).toBe(page.match(/<title[ >]/g)?.length);
  });

  it('keeps the lines of texts', () => {
    const page = evaluationPage(pageOf([caseOf(resultOf('a'), { reply: { kind: 'answered', text: 'one\r\ntwo' } })]));
    expect(page).toContain('<div class="text">one\ntwo</div>');
  });

  it('folds a long reply, and has all of it', () => {
    const text = `${'word '.repeat(1000)}end`;
    const page = evaluationPage(pageOf([caseOf(resultOf('a'), { reply: { kind: 'answered', text } })]));
    expect(page).toContain('(5003 characters)');
    expect(page).toContain(text);
  });

  it('fetches nothing and runs nothing', () => {
    const page = evaluationPage(pageOf(mixed()));
    expect(page).toContain(`content="default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;`);
    expect(page).not.toMatch(
      /https?:|\/\/[a-z]|url\(|@import|<script|<link|<iframe|<img|<form|src=|\son[a-z]+=|style="/i,
    );
    for (const [, target] of page.matchAll(/href="([^"]*)"/g)) expect(target).toMatch(/^#/);
  });

  it('has each id once, and leads to none that is not there', () => {
    const page = evaluationPage(pageOf(mixed()));
    const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, id] of page.matchAll(/(?:href="#|aria-labelledby=")([^"]*)"/g)) expect(ids).toContain(id);
  });

  it('names each table and each plot', () => {
    const page = evaluationPage(pageOf(mixed()));
    expect(page.match(/<caption>/g)?.length).toBe(page.match(/<table/g)?.length);
    expect(page.match(/<svg[^>]*><title/g)?.length).toBe(page.match(/<svg/g)?.length);
    expect(page).toContain('Pass rate; all cases: 1 of 2 pass, 50 %');
    expect(page).toContain('the minimum is 92 %');
  });

  it('draws how costs and latencies are spread, with the baseline over it, unless they are all the same', () => {
    const cases = [1, 2, 3].map((at) =>
      caseOf(resultOf(`c${at}`, { costUsd: at / 1000, latencyMs: 700 }), {
        baseline: { result: resultOf(`c${at}`, { costUsd: at / 2000, latencyMs: 700 }) },
      }),
    );
    const page = evaluationPage(pageOf(cases));
    expect(page).toContain('<title id="cost">Cost of a case, 3 cases: ');
    expect(page.match(/class="before"/g)).toHaveLength(1);
    expect(page).not.toContain('<title id="latency">');
    expect(page).toContain('700 ms in each of 3 cases');
  });

  it('draws how well documents are found, of the cases that cite some', () => {
    const found = [0.5, 1].map((ndcg10) => caseOf(resultOf(`c${ndcg10}`, { ndcg10 })));
    const page = evaluationPage(pageOf([...found, caseOf(resultOf('other'))]));
    expect(page).toContain('<title id="retrieval">nDCG@10 of what a case cites, 2 cases: ');
    expect(page).not.toContain('not known of 1 case');
    expect(evaluationPage(pageOf([caseOf(resultOf('other'))]))).not.toContain('nDCG@10');
  });

  it('is a page of no cases', () => {
    const page = evaluationPage(pageOf([]));
    expect(page).toContain('There are no cases.');
    expect(page).toContain('No case passed or failed');
    expect(page).not.toMatch(/NaN|Infinity|undefined|<svg/);
  });

  it('says where costs are not known, where a reply is not kept, and where nothing is expected', () => {
    const { reply: _, ...without } = caseOf(resultOf('a', { costUsd: null }), { expected: '' });
    const page = evaluationPage(pageOf([without]));
    expect(page).toContain('not known of any case');
    expect(page).toContain('<span class="label">Cost</span> not known');
    expect(page).toContain('not kept');
    expect(page).toContain('nothing that can be checked');
    expect(page).toContain('<dt>baseline</dt><dd>none</dd>');
    expect(page).not.toContain('newly');
    expect(page).not.toMatch(/NaN|undefined/);
  });
});
