// The pass rate of all cases and of each tag, with Wilson's bounds, beside the rate that is to be proven; as SVG. Pure.
import type { CaseResult } from '../case-result.ts';
import { figuresOf } from '../gate/figures.ts';
import type { GateFigures } from '../gate/verdict.ts';
import { limitPercent, percent, percentUp } from '../gate/wording.ts';
import type { Markup } from './markup.ts';
import { html, NOTHING } from './markup.ts';

type Rates = Pick<GateFigures, 'passed' | 'failed' | 'passRate' | 'passRateLower' | 'passRateUpper'>;

export interface RateRow extends Rates {
  readonly name: string;
}

const ALPHA = 0.05;
const MAX_TAGS = 20;
const WIDTH = 360;
const LEFT = 8;
const RIGHT = WIDTH - 8;
const ROW = 34;
const AXIS = 24;

/** Of scored cases, the lowest rate first; at most twenty. A case counts for each of its tags. */
export function ratesByTag(cases: readonly CaseResult[]): { readonly rows: readonly RateRow[]; readonly left: number } {
  const tagged = cases.flatMap((each) => [...new Set(each.tags)].map((tag) => ({ tag, each })));
  const byTag = Map.groupBy(tagged, ({ tag }) => tag);
  const rows = [...byTag]
    .map(
      ([name, own]): RateRow => ({
        name,
        ...figuresOf(
          own.map(({ each }) => each),
          ALPHA,
        ),
      }),
    )
    .filter(({ passRate }) => passRate !== null)
    .sort((a, b) => (a.passRate ?? 0) - (b.passRate ?? 0) || b.passed + b.failed - (a.passed + a.failed));
  return { rows: rows.slice(0, MAX_TAGS), left: Math.max(0, rows.length - MAX_TAGS) };
}

/** @param id of its own on the page @param minimum 0–1; `null` where none is asked for */
export function ratePlot(id: string, title: string, rows: readonly RateRow[], minimum: number | null): Markup {
  const least = Math.min(minimum ?? 1, ...rows.map(({ passRateLower }) => passRateLower));
  const from = Math.min(0.9, Math.floor(least * 10) / 10);
  const xOf = (rate: number): number => round(LEFT + ((RIGHT - LEFT) * (rate - from)) / (1 - from));
  const bottom = 16 + rows.length * ROW;
  const ticks = [from, (from + 1) / 2, 1];
  return html`<svg viewBox="0 0 ${WIDTH} ${bottom + AXIS}" role="img" aria-labelledby="${id}"><title id="${id}">${[title, ...rows.map(said)].join('; ')}${minimum === null ? '' : `; the minimum is ${limitPercent(minimum)}`}</title>
<line class="axis" x1="${LEFT}" y1="${bottom}" x2="${RIGHT}" y2="${bottom}"/>
${ticks.map((tick) => html`<line class="axis" x1="${xOf(tick)}" y1="${bottom}" x2="${xOf(tick)}" y2="${bottom + 4}"/><text class="small" x="${xOf(tick)}" y="${bottom + 17}" text-anchor="${anchorAt(tick, from)}">${limitPercent(Number(tick.toFixed(4)))}</text>`)}
${rows.map((row, at) => rowOf(row, 16 + at * ROW, xOf, minimum))}
</svg>`;
}

const anchorAt = (tick: number, from: number): string => (tick === from ? 'start' : tick === 1 ? 'end' : 'middle');

function rowOf(row: RateRow, y: number, xOf: (rate: number) => number, minimum: number | null): Markup {
  const { name, passed, failed, passRate, passRateLower, passRateUpper } = row;
  const [low, high, here] = [xOf(passRateLower), xOf(passRateUpper), xOf(passRate ?? 0)];
  return html`<g><title>${said(row)}</title>
<text x="${LEFT}" y="${y}">${short(name)}</text><text class="small" x="${RIGHT}" y="${y}" text-anchor="end">${passed} of ${passed + failed}, ${percent(passRate ?? 0)}</text>
<line class="range" x1="${low}" y1="${y + 10}" x2="${high}" y2="${y + 10}"/><line class="range" x1="${low}" y1="${y + 6}" x2="${low}" y2="${y + 14}"/><line class="range" x1="${high}" y1="${y + 6}" x2="${high}" y2="${y + 14}"/><circle class="here" cx="${here}" cy="${y + 10}" r="4.5"/>${minimum === null ? NOTHING : html`<line class="minimum" x1="${xOf(minimum)}" y1="${y + 3}" x2="${xOf(minimum)}" y2="${y + 17}"/>`}</g>`;
}

const said = ({ name, passed, failed, passRate, passRateLower, passRateUpper }: RateRow): string =>
  `${name}: ${passed} of ${passed + failed} pass, ${percent(passRate ?? 0)}, at least ${percent(passRateLower)}, at most ${percentUp(passRateUpper)}`;

const short = (name: string): string => (name.length > 32 ? `${name.slice(0, 31)}…` : name);

const round = (place: number): number => Math.round(place * 10) / 10;
