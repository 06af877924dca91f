// Which analyzers there are, by language and by id. A generation is read with the analyzer that wrote it.
import type { Analyzer } from './analyzer.ts';
import { anyLanguage } from './any-language.ts';
import { english } from './english.ts';
import { SNOWBALL } from './snowball.ts';

export interface Analyzers {
  /** `english`, `german`, …, `any`: the part of an id before its slash. */
  readonly languages: readonly string[];
  /** What new generations of that language are written with. */
  of(language: string): Analyzer | undefined;
  /** What wrote a generation; of one that does not say, English: there was nothing else. */
  byId(id: string | null): Analyzer | undefined;
}

/** @param own take the place of shipped ones of their language */
export function createAnalyzers(own: readonly Analyzer[] = []): Analyzers {
  const all = [english, ...SNOWBALL, anyLanguage, ...own];
  const byLanguage = new Map(all.map((analyzer) => [languageOf(analyzer), analyzer]));
  const byId = new Map(all.map((analyzer) => [analyzer.id, analyzer]));
  return {
    languages: [...byLanguage.keys()].sort(),
    of: (language) => byLanguage.get(language),
    byId: (id) => (id === null ? english : byId.get(id)),
  };
}

/** The part of an id before its slash. */
export const languageOf = ({ id }: Pick<Analyzer, 'id'>): string => id.slice(0, Math.max(0, id.indexOf('/')));
