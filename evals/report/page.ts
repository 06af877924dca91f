// An evaluation as one HTML page that stands by itself: no server, no script, nothing fetched. Pure.
// Questions, expectations and replies are untrusted: each goes through `html` or `lines`, and none is a link, a style or an attribute's name.
import type { CaseResult } from '../case-result.ts';
import { costOf, isPresent, latencyOf, ndcgOf } from '../gate/figures.ts';
import { figureLines } from '../gate/text.ts';
import type { GateVerdict, RuleVerdict } from '../gate/verdict.ts';
import { counted, limitPercent, ms, ndcg, usd } from '../gate/wording.ts';
import type { PlacedCase } from './case-rows.ts';
import { badge, caseTable, TITLES } from './case-rows.ts';
import { histogram } from './histogram.ts';
import type { Markup } from './markup.ts';
import { html, NOTHING } from './markup.ts';
import { ratePlot, ratesByTag } from './pass-rates.ts';
import { STYLE } from './style.ts';
import type { EvaluationPage } from './types.ts';
import { anchorOf, OUTCOMES } from './types.ts';

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** UTF-8, to be written as it is. The same input makes the same page. */
export function evaluationPage(page: EvaluationPage): string {
  const { release, suite, verdict } = page;
  const cases = page.cases.map((each, at): PlacedCase => ({ ...each, at }));
  const title = `${release} on ${suite}: ${verdict.outcome}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1><bdi>${release}</bdi> on <bdi>${suite}</bdi> ${badge(verdict.outcome)}</h1>
${about(page)}</header>
<main>
${ruleTable(verdict, cases)}
<section aria-labelledby="figures"><h2 id="figures">Figures</h2>
<dl class="figures">${figureLines(verdict.figures).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${plots(page)}</section>
${caseSection(cases)}
</main>
</body>
</html>
`.text;
}

function about({ digest, evaluationId, startedAt, baselineRelease }: EvaluationPage): Markup {
  const began = startedAt.toISOString();
  return html`<dl class="about"><div><dt>evaluation</dt><dd><code>${evaluationId}</code></dd></div>
<div><dt>started</dt><dd><time datetime="${began}">${began.slice(0, 16).replace('T', ' ')} UTC</time></dd></div>
<div><dt>release</dt><dd><code>${digest}</code></dd></div>
<div><dt>baseline</dt><dd>${baselineRelease === undefined ? 'none' : html`<bdi>${baselineRelease}</bdi>`}</dd></div></dl>`;
}

const RULE_ORDER: readonly RuleVerdict['outcome'][] = ['failed', 'undecided', 'passed', 'reported'];

function ruleTable({ rules }: GateVerdict, cases: readonly PlacedCase[]): Markup {
  const places = new Map(cases.map(({ result, at }) => [result.id, at]));
  const ordered = rules.toSorted((a, b) => RULE_ORDER.indexOf(a.outcome) - RULE_ORDER.indexOf(b.outcome));
  return html`<section aria-labelledby="rules"><h2 id="rules">Rules</h2>
<table role="table"><caption>${counted(rules.length, 'rule')}: what does not pass comes first</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Outcome</th><th role="columnheader" scope="col">Rule</th><th role="columnheader" scope="col">Reason</th></tr></thead>
<tbody role="rowgroup">${ordered.map(
    (rule) => html`
<tr role="row"><td role="cell">${badge(rule.outcome)}</td><th role="rowheader" scope="row"><strong>${rule.rule}</strong></th><td role="cell">${rule.reason}${namesOf(rule, places)}</td></tr>`,
  )}</tbody></table></section>`;
}

/** What does not pass is named; what passes is not. */
function namesOf({ outcome, cases = [], tags = [] }: RuleVerdict, places: ReadonlyMap<string, number>): Markup {
  if (outcome === 'passed') return NOTHING;
  const caseName = (id: string): Markup => {
    const at = places.get(id);
    return at === undefined ? html`<bdi>${id}</bdi> ` : html`<a href="#${anchorOf(at)}"><bdi>${id}</bdi></a> `;
  };
  return html`${tags.length === 0 ? NOTHING : html`<p>Tags: ${tags.map((tag) => html`<bdi class="tag">${tag}</bdi> `)}</p>`}${cases.length === 0 ? NOTHING : html`<p>Cases: ${cases.map(caseName)}</p>`}`;
}

function plots({ verdict, cases }: EvaluationPage): Markup {
  const results = cases.map(({ result }) => result);
  const before = cases.flatMap(({ baseline }) => (baseline === undefined ? [] : [baseline.result]));
  const spread = (id: string, title: string, measure: typeof costOf, format: (value: number) => string): Markup =>
    histogram({
      ...{ id, title, format, ...valuesOf(results.map(measure)) },
      ...(before.length > 0 && { baseline: valuesOf(before.map(measure)) }),
    });
  return html`<div class="plots">${rateFigure(verdict, results)}
${spread('cost', 'Cost of a case', costOf, usd)}
${spread('latency', 'Latency of a case', latencyOf, ms)}
${retrieval(results, before)}</div>`;
}

/** Of the cases that cite documents, where there are any. */
function retrieval(results: readonly CaseResult[], before: readonly CaseResult[]): Markup {
  const measured = (cases: readonly CaseResult[]) => valuesOf(cases.map(ndcgOf).filter(isPresent));
  if (measured(results).values.length === 0) return NOTHING;
  return histogram({
    ...{ id: 'retrieval', title: 'nDCG@10 of what a case cites', format: ndcg, ...measured(results) },
    ...(measured(before).values.length > 0 && { baseline: measured(before) }),
  });
}

const valuesOf = (values: readonly (number | null | undefined)[]) => ({
  values: values.filter(isPresent),
  unknown: values.length - values.filter(isPresent).length,
});

function rateFigure({ figures, rules }: GateVerdict, results: Parameters<typeof ratesByTag>[0]): Markup {
  const asked = rules.find(({ rule }) => rule === 'pass-rate')?.figures['minPassRate'];
  const minimum = typeof asked === 'number' ? asked : null;
  const { rows, left } = ratesByTag(results);
  const more = left > 0 ? `; ${counted(left, 'tag')} more are not shown` : '';
  const caption = html`<figcaption><h3>Pass rate</h3>${figures.passRate === null ? 'No case passed or failed' : `Of the cases that passed or failed; ${rows.length === 0 ? 'there are no tags' : `by tag, the lowest first${more}`}`}</figcaption>`;
  if (figures.passRate === null) return html`<figure>${caption}</figure>`;
  return html`<figure>${caption}${ratePlot('pass-rate', 'Pass rate', [{ name: 'all cases', ...figures }, ...rows], minimum)}
<p class="legend">Point: as measured. Bar: Wilson’s bounds, each with 95 % confidence.${minimum === null ? NOTHING : html` <span class="key line"></span> the minimum, ${limitPercent(minimum)}`}</p></figure>`;
}

function caseSection(cases: readonly PlacedCase[]): Markup {
  const groups = OUTCOMES.map((outcome) => ({
    outcome,
    own: cases.filter(({ result }) => result.outcome === outcome),
  }));
  const there = groups.filter(({ own }) => own.length > 0);
  return html`<section aria-labelledby="cases"><h2 id="cases">Cases</h2>
${there.length === 0 ? html`<p class="quiet">There are no cases.</p>` : html`<nav aria-label="Cases by outcome"><ul>${there.map(({ outcome, own }) => html`<li><a href="#${outcome}">${TITLES[outcome]} (${own.length})</a></li>`)}</ul></nav>`}
${there.map(({ outcome, own }) =>
  outcome === 'passed'
    ? html`<details class="fold" id="${outcome}"><summary>${TITLES[outcome]}: ${counted(own.length, 'case')}</summary>${caseTable(outcome, own)}</details>`
    : html`<div id="${outcome}">${caseTable(outcome, own)}</div>`,
)}</section>`;
}
