// The cases of an evaluation as tables, a row a case. On a narrow screen a row is a block; roles keep it a table for who listens. Pure.
import type { CaseOutcome, CaseResult, ScorerVerdict, TrialResult } from '../case-result.ts';
import { costOf, isScored, latencyOf } from '../gate/figures.ts';
import { counted, ms, usd } from '../gate/wording.ts';
import type { Markup } from './markup.ts';
import { html, lines, NOTHING } from './markup.ts';
import type { PageCase, PageReply } from './types.ts';
import { anchorOf } from './types.ts';

export interface PlacedCase extends PageCase {
  /** In the input, from 0. */
  readonly at: number;
}

/** Signs stand beside words, so that colour is never all there is. */
export const SIGNS = { passed: '✓', failed: '✗', error: '!', unscored: '?', undecided: '?', reported: 'i' } as const;

export const badge = (outcome: keyof typeof SIGNS): Markup =>
  html`<span class="badge ${outcome}"><span aria-hidden="true">${SIGNS[outcome]}</span> ${outcome}</span>`;

export const TITLES: Readonly<Record<CaseOutcome, string>> = {
  failed: 'Failed',
  error: 'Ended in an error',
  unscored: 'Unscored',
  passed: 'Passed',
};

/** What is longer is folded. */
const MAX_OPEN = 700;

export function caseTable(outcome: CaseOutcome, cases: readonly PlacedCase[]): Markup {
  return html`<table role="table" class="cases"><caption>${TITLES[outcome]}: ${counted(cases.length, 'case')}</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Case</th><th role="columnheader" scope="col">Question and reply</th><th role="columnheader" scope="col">Checks</th><th role="columnheader" scope="col">Trials</th><th role="columnheader" scope="col">Cost</th><th role="columnheader" scope="col">Latency</th></tr></thead>
<tbody role="rowgroup">${cases.map(caseRow)}</tbody></table>`;
}

function caseRow(each: PlacedCase): Markup {
  const { result, at } = each;
  const { id, severity, tags, cluster, trials } = result;
  const passed = trials.filter(({ outcome }) => outcome === 'passed').length;
  const latency = latencyOf(result);
  return html`
<tr role="row" id="${anchorOf(at)}"><th role="rowheader" scope="row"><bdi class="id">${id}</bdi>
<p>${badge(result.outcome)} ${changeOf(each)}</p><p class="quiet">${severity}${cluster === id ? NOTHING : html`, of cluster <bdi>${cluster}</bdi>`}</p>${tags.length === 0 ? NOTHING : html`<p>${tags.map((tag) => html`<bdi class="tag">${tag}</bdi> `)}</p>`}</th>
<td role="cell" class="said">${saidOf(each)}</td>
<td role="cell"><span class="label">Checks</span>${checksOf(trials)}</td>
<td role="cell" class="figure"><span class="label">Trials</span> ${passed} of ${trials.length} passed</td>
<td role="cell" class="figure"><span class="label">Cost</span> ${costText(result)}</td>
<td role="cell" class="figure"><span class="label">Latency</span> ${latency === undefined ? 'not measured' : ms(latency)}</td></tr>`;
}

function costText(result: CaseResult): string {
  const cost = costOf(result);
  if (cost === undefined) return 'not measured';
  return cost === null ? 'not known' : usd(cost);
}

/** With a baseline: what is not as it was there. */
function changeOf({ result, baseline }: PageCase): Markup {
  if (baseline === undefined) return NOTHING;
  const before = baseline.result.outcome;
  if (result.outcome === before)
    return before === 'failed' ? html`<span class="quiet">failed before, too</span>` : NOTHING;
  if (isScored(result) && isScored(baseline.result)) {
    return result.outcome === 'failed'
      ? html`<span class="badge failed"><span aria-hidden="true">▼</span> newly failed</span>`
      : html`<span class="badge passed"><span aria-hidden="true">▲</span> newly passed</span>`;
  }
  return html`<span class="quiet">baseline: ${before}</span>`;
}

function saidOf({ question, expected, reply, baseline, result }: PageCase): Markup {
  return html`<dl><dt>Question</dt><dd dir="auto">${longText(question)}</dd>
<dt>Expected</dt>${expected === '' ? html`<dd class="quiet">nothing that can be checked</dd>` : html`<dd dir="auto">${longText(expected)}</dd>`}
${replyOf('Reply', reply, result)}${baseline === undefined ? NOTHING : baselineReply(baseline, result)}</dl>`;
}

/** Where nothing changed it is of less interest, and left out unless it is there. */
function baselineReply({ result, reply }: NonNullable<PageCase['baseline']>, now: CaseResult): Markup {
  if (reply === undefined && result.outcome === now.outcome) return NOTHING;
  return replyOf(`Baseline’s reply (${result.outcome})`, reply, result);
}

function replyOf(name: string, reply: PageReply | undefined, { trials }: CaseResult): Markup {
  if (reply === undefined) {
    const why = trials.every(({ runId }) => runId === null) ? 'none, since no run was started' : 'not kept';
    return html`<dt>${name}</dt><dd class="quiet">${why}</dd>`;
  }
  const { kind, text, cites = [], trial, judge } = reply;
  const which = trial === undefined || trials.length < 2 ? '' : ` of trial ${trial + 1}`;
  return html`<dt>${name}${which}: ${kind}</dt>${text === '' ? html`<dd class="quiet">no text</dd>` : html`<dd dir="auto" class="reply">${longText(text)}</dd>`}${cites.length === 0 ? NOTHING : html`<dd class="quiet">cites ${cites.map((cite, at) => html`${at > 0 ? ', ' : ''}<bdi>${cite}</bdi>`)}</dd>`}${judge === undefined ? NOTHING : html`<dt>The judge’s reason</dt><dd dir="auto">${longText(judge)}</dd>`}`;
}

function longText(text: string): Markup {
  if (text.length <= MAX_OPEN) return html`<div class="text">${lines(text)}</div>`;
  const beginning = text.slice(0, 240).toWellFormed();
  return html`<details><summary><span class="text">${lines(beginning)}…</span> <span class="quiet">(${text.length} characters)</span></summary><div class="text">${lines(text)}</div></details>`;
}

/** A list of verdicts; of several trials, one list each, those that passed folded. */
function checksOf(trials: readonly TrialResult[]): Markup {
  const [only] = trials;
  if (only !== undefined && trials.length === 1) return html`${verdictList(only.verdicts)}${runOf(only)}`;
  return html`${trials.map((trial) => {
    const { outcome, costUsd, latencyMs, verdicts } = trial;
    const about = `trial ${trial.trial + 1}: ${costUsd === null ? 'cost not known' : usd(costUsd)}, ${ms(latencyMs)}`;
    return html`<details${outcome === 'passed' ? '' : ' open'}><summary>${badge(outcome)} ${about}</summary>${verdictList(verdicts)}${runOf(trial)}</details>`;
  })}`;
}

function verdictList(verdicts: readonly ScorerVerdict[]): Markup {
  if (verdicts.length === 0) return html`<p class="quiet">nothing was checked</p>`;
  return html`<ul class="checks">${verdicts.map(({ scorer, passed, reason }) => html`<li class="${passed ? 'passed' : 'failed'}"><span aria-hidden="true">${passed ? SIGNS.passed : SIGNS.failed}</span> <strong>${scorer}</strong> ${passed ? 'passed' : 'failed'}: <bdi>${reason}</bdi></li>`)}</ul>`;
}

function runOf({ runId, judged }: TrialResult): Markup {
  if (runId === null) return html`<p class="quiet">no run was started</p>`;
  const byJudge = judged?.runId == null ? NOTHING : html`, judged in run <code>${judged.runId}</code>`;
  return html`<p class="quiet">run <code>${runId}</code>${byJudge}</p>`;
}
