// Takes links and images that lead to hosts a release does not name out of a text: what renders an answer would fetch an image's address, data
// and all (OWASP LLM02, LLM05), and a reader would open a link. Pure, linear, in slices.
import type { Check } from '../../workflows/protocol/index.ts';
import type { Sliced } from '../slices.ts';
import { bareLinks } from './bare-links.ts';
import type { Edit } from './edits.ts';
import { applyEdits } from './edits.ts';
import { htmlLinks } from './html-links.ts';
import type { AllowedHosts } from './link-targets.ts';
import { allowHosts } from './link-targets.ts';
import { markdownLinks } from './markdown-links.ts';

export interface RemovedHost {
  /** In ASCII and short; `javascript:` and the like for what has no host. */
  readonly host: string;
  readonly count: number;
}

export interface Egress {
  /** The same string where nothing was removed. */
  readonly text: string;
  /** Most first. */
  readonly removed: readonly RemovedHost[];
}

/** What a syntax's links become, and the host of each that was removed. */
export interface LinkEdits {
  readonly edits: readonly Edit[];
  readonly hosts: readonly string[];
}

export type FindLinks = (text: string, allowed: AllowedHosts) => Sliced<LinkEdits>;

/** Each reads the whole text, whatever stands around: renderers do not agree on what is code, a comment, or HTML. */
const SYNTAXES: readonly FindLinks[] = [markdownLinks, htmlLinks, bareLinks];
/** What is removed may leave a link where there was none. One round more shows that none is left. */
const MAX_ROUNDS = 5;
/** Nobody writes like that but to hide a link. */
export const NOTHING_KEPT = '(text removed: its links could not be)';

/**
 * The text with no link to another host. A link keeps its words and loses its target; an image becomes its alternative text, or a note.
 * Relative links stay. Links are read in code, quotes and comments too, and so are those of a retrieved passage.
 *
 * @param allowedHosts see {@link allowHosts}
 * @throws Error for a host that is none
 */
export function* removeForeignLinks(text: string, allowedHosts: readonly string[]): Sliced<Egress> {
  const allowed = allowHosts(allowedHosts);
  const counts = new Map<string, number>();
  let left = text;
  for (let round = 0; ; round += 1) {
    let edited = false;
    for (const find of SYNTAXES) {
      const { edits, hosts } = yield* find(left, allowed);
      for (const host of hosts) counts.set(host, (counts.get(host) ?? 0) + 1);
      if (edits.length === 0) continue;
      edited = true;
      left = applyEdits(left, edits);
      yield;
    }
    if (!edited) break;
    if (round === MAX_ROUNDS) {
      left = NOTHING_KEPT;
      break;
    }
  }
  const removed = [...counts].map(([host, count]) => ({ host, count }));
  return { text: left, removed: removed.sort((a, b) => b.count - a.count || (a.host < b.host ? -1 : 1)) };
}

/** Named in a reason. */
const MAX_NAMED = 3;

/** Whether a text has no link to another host than these; the reason names a few. Score and threshold are `null`: one is too many. */
export function* checkLinks(text: string, allowedHosts: readonly string[]): Sliced<Check> {
  const { removed } = yield* removeForeignLinks(text, allowedHosts);
  const check = { name: 'links-allowed', score: null, threshold: null } as const;
  if (removed.length === 0) return { ...check, passed: true, reason: 'links to no host but those that are allowed' };
  const links = removed.reduce((sum, { count }) => sum + count, 0);
  const named = removed.slice(0, MAX_NAMED).map(({ host }) => host);
  const more = removed.length > MAX_NAMED ? ` and ${removed.length - MAX_NAMED} more` : '';
  return {
    ...check,
    passed: false,
    reason: `it has ${links} links to what is not on the list of allowed hosts: ${named.join(', ')}${more}`,
  };
}
