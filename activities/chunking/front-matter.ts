// YAML front matter of a document: who may see it and how long it holds. What cannot be read is refused, because a
// document whose restrictions were mistyped would otherwise be shown to everybody.
import type { DocumentMetadata } from './document-metadata.ts';
import { readMetadata } from './document-metadata.ts';
import { parseYaml } from './parse-yaml.ts';

const MAX_FRONT_MATTER_CHARS = 64 * 1024;

export type FrontMatterResult =
  | { readonly ok: true; readonly values: DocumentMetadata; readonly bodyStart: number }
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

  const parsed = parseYaml(rest.slice(0, closing.index));
  if (!parsed.ok) return refused(parsed.reason);
  const read = readMetadata(parsed.value);
  if (!read.ok) return refused(read.reason);
  return { ok: true, values: read.metadata, bodyStart: opening[0].length + closing.index + closing[0].length };
}

const refused = (detail: string): FrontMatterResult => ({ ok: false, reason: `front matter: ${detail}` });
