// HTML that cannot be broken out of: whatever is put into a template is escaped and made visible, unless it is markup of ours. Pure.
import { visible, visibleLines } from '../../runtime/visible.ts';

/** Made by {@link html} and {@link lines} alone. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Part = string | number | Markup | readonly Markup[];

/** Attributes have to stand in quotes. */
export function html(literals: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(literals.reduce((text, literal, at) => `${text}${written(parts[at - 1] ?? '')}${literal}`));
}

export const NOTHING = new Markup('');

/** With its line breaks, for elements that keep them. */
export const lines = (text: string): Markup => new Markup(visibleLines(text).map(escaped).join('\n'));

function written(part: Part): string {
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(({ text }) => text).join('');
  return escaped(visible(String(part)));
}

const REFERENCES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

const escaped = (text: string): string => text.replace(/[&<>"'`]/g, (sign) => REFERENCES[sign] ?? sign);
