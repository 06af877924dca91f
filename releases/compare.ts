// Two releases side by side: what of prompt, answer rules, model, retrieval and tools is another. Pure.
import { diffLines } from 'diff';
import type { Release } from './release.ts';
import { refOf } from './release.ts';

export interface ComparedLine {
  /** `same`: it stands in both. */
  readonly change: 'same' | 'removed' | 'added';
  readonly text: string;
}

export interface ComparedField {
  readonly section: Section;
  /** Within the section, for example `topK` or `refund_order.description`. */
  readonly field: string;
  /** As JSON; `null` where it is not set. */
  readonly a: string | null;
  readonly b: string | null;
}

export interface Comparison {
  readonly a: string;
  readonly b: string;
  readonly same: boolean;
  /** Empty where the prompts are the same. */
  readonly prompt: readonly ComparedLine[];
  /** Those that differ, by section. */
  readonly fields: readonly ComparedField[];
}

const SECTIONS = ['policy', 'model', 'retrieval', 'tools', 'output', 'budgets', 'about', 'other'] as const;
type Section = (typeof SECTIONS)[number];

export function compareReleases(a: Release, b: Release): Comparison {
  const [left, right] = [sectionsOf(a), sectionsOf(b)];
  const fields = SECTIONS.flatMap((section) => {
    const [of, to] = [flatten(left[section]), flatten(right[section])];
    const names = [...new Set([...of.keys(), ...to.keys()])].sort();
    return names.flatMap((field) => {
      const [before, after] = [of.get(field) ?? null, to.get(field) ?? null];
      return before === after ? [] : [{ section, field, a: before, b: after }];
    });
  });
  const prompt = a.body.prompt === b.body.prompt ? [] : linesOf(a.body.prompt, b.body.prompt);
  return { a: refOf(a), b: refOf(b), same: a.digest === b.digest, prompt, fields };
}

function linesOf(a: string, b: string): readonly ComparedLine[] {
  return diffLines(a, b).flatMap(({ value, added, removed }) =>
    value
      .replace(/\n$/, '')
      .split('\n')
      .map((text) => ({
        change: added ? ('added' as const) : removed ? ('removed' as const) : ('same' as const),
        text,
      })),
  );
}

function sectionsOf({ body }: Release): Readonly<Record<Section, unknown>> {
  const { prompt: _, name: _name, version: _version, v: _v, ...rest } = body;
  const { rules, model, route, fallbacks, prefer, temperature, maxOutputTokens, reuseMinutes, script, ...others } =
    rest;
  const { retrieval, tools = [], output, budgets, about, ...other } = others;
  return {
    policy: rules,
    model: { model, route, fallbacks, prefer, temperature, maxOutputTokens, reuseMinutes, script },
    retrieval,
    tools: Object.fromEntries(
      tools.map(({ definition, ...pinned }) => [definition.name, { ...pinned, ...definition }]),
    ),
    output,
    budgets,
    about,
    other,
  };
}

/** Leaves by their path; a list is a leaf. */
function flatten(value: unknown, path = ''): ReadonlyMap<string, string> {
  if (value === undefined) return new Map();
  const isLeaf = typeof value !== 'object' || value === null || Array.isArray(value);
  if (isLeaf || Object.keys(value).length === 0) {
    return new Map([[path, JSON.stringify(value)]]);
  }
  const at = (key: string): string => (path === '' ? key : `${path}.${key}`);
  return new Map(Object.entries(value).flatMap(([key, each]) => [...flatten(each, at(key))]));
}
