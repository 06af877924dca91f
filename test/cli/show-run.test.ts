// How replies and timelines look on a terminal, those of runs that ended at a limit or with a person included.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { effectState } from '../../cli/effect-state.ts';
import { printChecks, printCompensations, printReply, printTimeline, printUnsettled } from '../../cli/show-run.ts';
import type { Reply } from '../../client/index.ts';

let printed = '';
beforeEach(() => {
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => void vi.restoreAllMocks());

const base = { v: 1, runId: 'default/agent/01JDB3Z8Q4T5V6W7X8Y9Z0A1B2' } as const;
const answered: Reply = { ...base, kind: 'answered', text: 'It is on its way.', citations: [], model: 'm' };

it.each<[string, Reply, string]>([
  [
    'a limit without an answer',
    { ...base, kind: 'budget-exhausted', limit: 'tool-calls', last: null },
    'budget exhausted (tool-calls): the release allows no more calls of tools. There is no validated answer.\n',
  ],
  [
    'a limit with an answer before it',
    { ...base, kind: 'budget-exhausted', limit: 'time', last: answered },
    'budget exhausted (time): the release allows no more time. The last validated answer:\n  It is on its way.\n  by m\n',
  ],
  [
    'a hand-over',
    { ...base, kind: 'handed-over', reviewId: 'default/approval/1' },
    'handed over: a person goes on with it, under review default/approval/1.\n',
  ],
  ['a question back', { ...base, kind: 'clarify', question: 'Which order?' }, 'clarify: Which order?\n'],
  [
    'a refusal of several lines',
    { ...base, kind: 'refused', reason: 'by-flow', message: 'No.\nNever.' },
    'refused (by-flow): No.\nNever.\n',
  ],
])('%s says what it is', (_, reply, text) => {
  printReply(reply);
  expect(printed).toBe(text);
});

it('what a model wrote cannot send control characters, in texts, titles or tool names', () => {
  const evil = '\u001b]0;owned\u0007\u202e';
  const citation = { n: 1, passageId: 'p', docId: evil, title: evil, headings: [evil], start: 0, end: 1 };
  printReply({ ...answered, text: `a\n${evil}`, citations: [citation] });
  printReply({ ...base, kind: 'failed', code: 'x', message: evil });
  const step = { step: evil, kind: 'activity', startedAt: '', durationMs: 1, attempts: 1, outcome: 'ok' } as const;
  const checks = [{ name: evil, passed: false, reason: evil, score: 0.2, threshold: 0.3 }];
  const timeline = { steps: [{ ...step, summary: `asks for ${evil}`, checks }], events: 1, bytes: 1 };
  printTimeline(timeline);
  printChecks(timeline);
  expect(printed).not.toMatch(/[^\n\x20-\x7e✓›–]/u);
  expect(printed).toContain('a\n\\u{1b}]0;owned\\u{7}\\u{202e}\n');
});

const KEY = `sha256:${'a'.repeat(64)}` as const;

it('each check is said with its score, threshold and reason, and what was never settled with what it may cost', () => {
  const step = {
    step: 'validate',
    kind: 'local',
    startedAt: '',
    durationMs: 1,
    attempts: 1,
    outcome: 'refused',
  } as const;
  const checks = [
    { name: 'complete', passed: true, reason: 'ends by itself', score: null, threshold: null },
    { name: 'grounded', passed: false, reason: 'a figure differs', score: 0.2, threshold: 0.3 },
  ];
  printChecks({ steps: [{ ...step, summary: '', checks }], events: 1, bytes: 1 });
  printUnsettled({ calls: 2, tokens: 1200, cost_usd: 0.0031 });
  expect(printed).toBe(
    '✓ complete                ends by itself\n– grounded  0.20 of 0.30  a figure differs\n' +
      '2 model calls were begun and never settled: at most 1200 tokens, 0.0031 USD, which count against budgets\n',
  );
});

it('what was undone, and what was not, is said of each effect', () => {
  const effect = { effect_key: KEY, tool: 'reserve_seat', by: 'release_seat' } as const;
  printCompensations([
    { ...effect, status: 'done' },
    { ...effect, tool: 'charge', status: 'rejected' },
  ]);
  expect(printed).toBe(
    '✓ reserve_seat  sha256:aaaaaaaaaaaa  undone by release_seat\n✗ charge        sha256:aaaaaaaaaaaa  not undone by release_seat: rejected\n',
  );
});

it.each([
  ['is there', {}, 'done (S-1)'],
  [
    'was undone',
    { compensatedBy: { effectKey: KEY, tool: 'u', state: 'done' } },
    'done (S-1), undone by sha256:aaaaaaaaaaaa',
  ],
  [
    'could not be undone',
    { compensatedBy: { effectKey: KEY, tool: 'u', state: 'failed' } },
    'done (S-1), not undone by sha256:aaaaaaaaaaaa (failed)',
  ],
  ['undoes another', { compensates: KEY }, 'done (S-1), undoes sha256:aaaaaaaaaaaa'],
] as const)('an effect that %s says so in a list', (_, more, text) => {
  expect(effectState({ state: 'done', receipt: 'S-1', compensates: null, compensatedBy: null, ...more })).toBe(text);
});
