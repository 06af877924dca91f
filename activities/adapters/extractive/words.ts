// What local/extractive knows of English beside its analyzer: words that say little, and a few that stand for each other. Pure.
import { english } from '../../sparse/english.ts';

const stemsOf = (words: string): readonly string[] => words.split(' ').flatMap((word) => english.terms(word));

/** So common that a text which answers often does without them. By stem. */
export const COMMON: ReadonlySet<string> = new Set(
  stemsOf(
    'call name know make made use find found take taken took give given gave get got go went gone come came become became begin began start ' +
      'include contain consist refer mean happen occur exist serve work play bring brought carry keep kept hold held put set let run ' +
      'lead led see saw seen show shown look think consider believe describe mention try help need want like turn move live lie stand ' +
      'have own belong allow cause create produce form provide receive win won lose lost leave left reach follow return add change ' +
      'type kind sort form part side way thing something example case place time year date day number amount group member people person ' +
      'man woman men women country city state name word term title reason purpose result effect role main major first last new old ' +
      'original early late later next previous famous important common different same similar other another own many much most more ' +
      'less least several few some any every each only also too very often usually always ever never still already just about around ' +
      'approximately roughly nearly exactly total average long short high low large big small great good best tall wide deep far heavy ' +
      'during after before between within since until once again together along through over under above into out up down off back ' +
      'away currently today now current modern century percent percentage profession trade job occupation colour color shape size ' +
      'height length weight width depth distance area population event',
  ),
);

/** Words that stand for each other in questions and answers. Each group a line. */
const GROUPS = [
  'die died death dead killed',
  'born birth birthplace native',
  'found founded establish set-up founder',
  'build built construct erect builder',
  'begin start open commence',
  'end finish complete close conclude',
  'cost price fee charge pay paid expensive',
  'make produce manufacture maker producer',
  'invent devise create inventor',
  'discover found find identify discoverer',
  'buy bought purchase',
  'sell sold sale',
  'big large size',
  'tall high height',
  'long length',
  'wide width',
  'deep depth',
  'weigh weight heavy',
  'old age',
  'fast speed quick',
  'receive win won award granted',
  'lead led head leader',
  'write wrote written author writer',
  'town city',
  'ship vessel boat liner',
  'doctor physician',
  'movie film',
  'bring return send',
  'last take',
  'job profession occupation trade work',
  'hold contain include',
  'people person inhabitants population',
  'get obtain acquire',
  'stop cease cancel',
  'need require must',
  'rich wealthy',
  'war battle',
  'car vehicle',
  'illness disease sickness',
  'colour color',
  'percent percentage share',
];

/** Stems that may stand for a stem, without itself. */
export const SYNONYMS: ReadonlyMap<string, readonly string[]> = (() => {
  const all = new Map<string, Set<string>>();
  for (const group of GROUPS) {
    const stems = stemsOf(group);
    for (const stem of stems) {
      const others = all.get(stem) ?? new Set();
      for (const other of stems) if (other !== stem) others.add(other);
      all.set(stem, others);
    }
  }
  return new Map([...all].map(([stem, others]) => [stem, [...others]]));
})();
