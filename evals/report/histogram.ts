// How a figure is spread over cases, with the baseline's spread drawn over it; as SVG. Pure.
import { mean } from '../gate/figures.ts';
import { counted } from '../gate/wording.ts';
import type { Bin } from './bins.ts';
import { binsOf } from './bins.ts';
import type { Markup } from './markup.ts';
import { html, NOTHING } from './markup.ts';

export interface Spread {
  /** Of its own on the page. */
  readonly id: string;
  /** For example `Cost of a case`. */
  readonly title: string;
  readonly values: readonly number[];
  /** Cases of which it is not known. */
  readonly unknown: number;
  readonly baseline?: { readonly values: readonly number[]; readonly unknown: number };
  readonly format: (value: number) => string;
}

const WIDTH = 360;
const HEIGHT = 150;
const LEFT = 30;
const RIGHT = WIDTH - 10;
const TOP = 12;
const BOTTOM = HEIGHT - 22;

export function histogram({ id, title, values, unknown, baseline, format }: Spread): Markup {
  const caption = html`<figcaption><h3>${title}</h3>${summary('', values, unknown, format)}${baseline === undefined ? NOTHING : html`<br>${summary('Baseline: ', baseline.values, baseline.unknown, format)}`}</figcaption>`;
  // Values that are all the same are told in full by their mean.
  const areAlike = new Set([...values, ...(baseline?.values ?? [])]).size < 2;
  if (values.length === 0 || areAlike) return html`<figure>${caption}</figure>`;
  const { bins, isOpen } = binsOf([values, ...(baseline === undefined ? [] : [baseline.values])]);
  const highest = Math.max(...bins.flatMap(({ counts }) => counts));
  const wide = (RIGHT - LEFT) / bins.length;
  const xOf = (at: number): number => round(LEFT + at * wide);
  const yOf = (count: number): number => round(BOTTOM - ((BOTTOM - TOP) * count) / highest);
  const name = (bin: Bin, at: number): string =>
    isOpen && at === bins.length - 1 ? `${format(bin.from)} and more` : `${format(bin.from)} to ${format(bin.to)}`;
  const last = bins.at(-1) as Bin;
  return html`<figure>${caption}
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${id}"><title id="${id}">${title}, ${counted(values.length, 'case')}: ${bins.map((bin, at) => `${name(bin, at)}: ${bin.counts.join(', baseline ')}`).join('; ')}</title>
${bins.map((bin, at) => html`<rect class="bar" x="${xOf(at) + 1}" y="${yOf(bin.counts[0] ?? 0)}" width="${round(wide - 2)}" height="${round(BOTTOM - yOf(bin.counts[0] ?? 0))}"><title>${name(bin, at)}: ${counted(bin.counts[0] ?? 0, 'case')}</title></rect>`)}
${baseline === undefined || baseline.values.length === 0 ? NOTHING : html`<path class="before" d="${outline(bins, xOf, yOf)}"/>`}
<line class="axis" x1="${LEFT}" y1="${BOTTOM}" x2="${RIGHT}" y2="${BOTTOM}"/>
<text class="small" x="${LEFT - 5}" y="${TOP + 4}" text-anchor="end">${highest}</text><text class="small" x="${LEFT - 5}" y="${BOTTOM}" text-anchor="end">0</text>
<text class="small" x="${LEFT}" y="${HEIGHT - 6}">${format(bins[0]?.from ?? 0)}</text><text class="small" x="${RIGHT}" y="${HEIGHT - 6}" text-anchor="end">${isOpen ? `${format(last.from)} and more` : format(last.to)}</text>
</svg>${baseline === undefined || baseline.values.length === 0 ? NOTHING : html`<p class="legend"><span class="key bar"></span> this release <span class="key before"></span> baseline</p>`}</figure>`;
}

/** The steps of the second series. */
function outline(bins: readonly Bin[], xOf: (at: number) => number, yOf: (count: number) => number): string {
  const steps = bins.map(({ counts }, at) => `V${yOf(counts[1] ?? 0)}H${xOf(at + 1)}`);
  return `M${xOf(0)} ${BOTTOM}${steps.join('')}V${BOTTOM}`;
}

function summary(who: string, values: readonly number[], unknown: number, format: (value: number) => string): Markup {
  const average = mean(values);
  const each = new Set(values).size === 1 && values.length > 1 ? 'in each of' : 'on average over';
  const known =
    average === undefined ? 'not known of any case' : `${format(average)} ${each} ${counted(values.length, 'case')}`;
  const missing = unknown > 0 && average !== undefined ? `; not known of ${counted(unknown, 'case')}` : '';
  return html`${who}${known}${missing}`;
}

const round = (place: number): number => Math.round(place * 10) / 10;
