// Which analyzers there are, by language and by id. A generation is read with the analyzer that wrote it.
import type { Analyzer } from './analyzer.ts';
import { anyLanguage } from './any-language.ts';
import { english } from './english.ts';
import { SNOWBALL } from './snowball.ts';

export const DEFAULT_LANGUAGE = 'english';

export interface Analyzers {
  /** `english`, `german`, …, `any`: the part of an id before its slash. */
  readonly languages: readonly string[];
  /** What new generations of that language are written with. */
  of(language: string): Analyzer | undefined;
  /** What wrote a generation. */
  byId(id: string): Analyzer | undefined;
}

/** @param own take the place of shipped ones of their language */
export function createAnalyzers(own: readonly Analyzer[] = []): Analyzers {
  const all = [english, ...SNOWBALL, anyLanguage, ...own];
  const byLanguage = new Map(all.map((analyzer) => [languageOf(analyzer), analyzer]));
  const byId = new Map(all.map((analyzer) => [analyzer.id, analyzer]));
  return {
    languages: [...byLanguage.keys()].sort(),
    of: (language) => byLanguage.get(language),
    byId: (id) => byId.get(id),
  };
}

export const languageOf = ({ id }: Analyzer): string => id.slice(0, Math.max(0, id.indexOf('/')));
