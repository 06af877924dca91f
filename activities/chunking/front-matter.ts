// YAML front matter of a document: who may see it and how long it holds. What cannot be read is refused, because a
// document whose restrictions were mistyped would otherwise be shown to everybody.
import { parse } from 'yaml';
import { z } from 'zod';
import type { Sensitivity } from '../../workflows/protocol/index.ts';

const SENSITIVITIES = ['public', 'internal', 'confidential', 'restricted'] as const satisfies readonly Sensitivity[];
const MAX_FRONT_MATTER_CHARS = 64 * 1024;

const instant = z.union([z.iso.date(), z.iso.datetime({ offset: true })], {
  error: 'expected a date such as 2026-01-31, or a date and time with its offset',
});

/** Keys that are not named here are allowed and ignored. */
const frontMatterSchema = z.object({
  title: z.string().trim().min(1).max(500).optional(),
  audience: z.array(z.string().trim().min(1).max(200)).min(1).optional(),
  sensitivity: z.enum(SENSITIVITIES).optional(),
  valid_until: instant.optional(),
  updated_at: instant.optional(),
});

export type FrontMatter = z.infer<typeof frontMatterSchema>;
const KNOWN_KEYS = Object.keys(frontMatterSchema.shape);

export type FrontMatterResult =
  | { readonly ok: true; readonly values: FrontMatter; readonly bodyStart: number }
  | { readonly ok: false; readonly reason: string };

/**
 * Front matter of a document's whole text, and where its body starts (UTF-16 code units). A text that does not open
 * with a line `---` has none.
 */
export function readFrontMatter(text: string): FrontMatterResult {
  const opening = /^---[ \t]*(?:\r\n|\n|\r)/.exec(text);
  if (opening === null) return { ok: true, values: {}, bodyStart: 0 };
  const rest = text.slice(opening[0].length);
  const closing = /^---[ \t]*(?:\r\n|\n|\r|$(?![\s\S]))/m.exec(rest);
  if (closing === null) return refused('the `---` of its first line is never closed');
  if (closing.index > MAX_FRONT_MATTER_CHARS) return refused(`longer than ${MAX_FRONT_MATTER_CHARS} characters`);

  let value: unknown;
  try {
    value = parse(rest.slice(0, closing.index), { schema: 'core', maxAliasCount: 10, logLevel: 'error' });
  } catch (cause) {
    return refused(firstLine(cause));
  }
  const bodyStart = opening[0].length + closing.index + closing[0].length;
  if (value === null || value === undefined) return { ok: true, values: {}, bodyStart };
  if (typeof value !== 'object' || Array.isArray(value)) return refused('expected `key: value` lines');
  for (const key of Object.keys(value)) {
    const meant = KNOWN_KEYS.find((known) => known === key.toLowerCase().replace(/[\s-]+/g, '_'));
    if (meant !== undefined && meant !== key) return refused(`\`${key}\` must be written \`${meant}\``);
  }
  const parsed = frontMatterSchema.safeParse(value);
  if (parsed.success) return { ok: true, values: parsed.data, bodyStart };
  const [issue] = parsed.error.issues;
  return refused(`${issue?.path.join('.') || 'value'}: ${issue?.message ?? 'not as expected'}`);
}

const refused = (detail: string): FrontMatterResult => ({ ok: false, reason: `front matter: ${detail}` });

function firstLine(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return (message.split('\n')[0] ?? '').replace(/:$/, '');
}
