// What is said of a document beside its text: who owns it, who may see it and how long it holds. In its front matter, in its record, or
// in `documents.yaml` of its folder. What cannot be read is refused, because a document whose restrictions were mistyped would
// otherwise be shown to everybody.
import { z } from 'zod';
import type { Sensitivity } from '../../workflows/protocol/index.ts';

const SENSITIVITIES = ['public', 'internal', 'confidential', 'restricted'] as const satisfies readonly Sensitivity[];

const DAY_MS = 86_400_000;

/** One line of what stands in tables and prompts; escapes of YAML and JSON can make any character. */
const line = (maxChars: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(maxChars)
    .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), 'has characters that no text has');

const date = z.iso.date();
const instant = z.union([date, z.iso.datetime({ offset: true })], {
  error: 'expected a date such as 2026-01-31, or a date and time with its offset',
});

/** Keys that are not named here are allowed and ignored. */
const metadataSchema = z.object({
  title: line(500).optional(),
  owner: line(200).optional(),
  audience: z.array(line(200)).min(1).optional(),
  sensitivity: z.enum(SENSITIVITIES).optional(),
  source_url: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .optional(),
  /** A date holds to its end, in UTC. */
  valid_until: instant.optional(),
  updated_at: instant.optional(),
});

export type DocumentMetadata = z.infer<typeof metadataSchema>;
const KNOWN_KEYS = Object.keys(metadataSchema.shape);

export type MetadataResult =
  | { readonly ok: true; readonly metadata: DocumentMetadata }
  | { readonly ok: false; readonly reason: string };

/** @param value parsed YAML or JSON; nothing at all is no metadata */
export function readMetadata(value: unknown): MetadataResult {
  if (value === null || value === undefined) return { ok: true, metadata: {} };
  if (typeof value !== 'object' || Array.isArray(value)) return refused('expected `key: value` lines');
  for (const key of Object.keys(value)) {
    const meant = KNOWN_KEYS.find((known) => known === key.toLowerCase().replace(/[\s-]+/g, '_'));
    if (meant !== undefined && meant !== key) return refused(`\`${key}\` must be written \`${meant}\``);
  }
  const parsed = metadataSchema.safeParse(value);
  if (parsed.success) return { ok: true, metadata: parsed.data };
  const [issue] = parsed.error.issues;
  return refused(`${issue?.path.join('.') || 'value'}: ${issue?.message ?? 'not as expected'}`);
}

/** What is kept of a document in the ledger, beside its chunks; absent fields were not said. */
export interface AboutDocument {
  readonly owner?: string;
  readonly sourceUrl?: string;
  /** RFC 3339: from then on it does not hold any more. */
  readonly validUntil?: string;
  /** RFC 3339. */
  readonly updatedAt?: string;
}

/** `undefined` when nothing of it was said. */
export function aboutOf({ owner, source_url, valid_until, updated_at }: DocumentMetadata): AboutDocument | undefined {
  const about = {
    ...(owner !== undefined && { owner }),
    ...(source_url !== undefined && { sourceUrl: source_url }),
    ...(valid_until !== undefined && { validUntil: endOf(valid_until) }),
    ...(updated_at !== undefined && { updatedAt: new Date(updated_at).toISOString() }),
  };
  return Object.keys(about).length === 0 ? undefined : about;
}

function endOf(validUntil: string): string {
  const atMs = Date.parse(validUntil);
  return new Date(date.safeParse(validUntil).success ? atMs + DAY_MS : atMs).toISOString();
}

const refused = (reason: string): MetadataResult => ({ ok: false, reason });
