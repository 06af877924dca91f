// What is done to a sentence to make a claim of it: what leaves its meaning as it is, and what does not. Seeded by who calls.

export type Random = () => number;

export const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;

export interface Changing {
  readonly sentence: string;
  /** The other sentences of its text. */
  readonly others: readonly string[];
  readonly random: Random;
}

/** `undefined` where it cannot be done to this sentence. */
export type Change = (changing: Changing) => string | undefined;

const lowerFirst = (text: string): string =>
  /^\p{Lu}\p{Ll}/u.test(text) &&
  /^(?:The|A|An|It|In|On|At|To|If|This|They|He|She|When|Each|Some|About|By|For|Its|During|After|Until) /.test(text)
    ? text.charAt(0).toLowerCase() + text.slice(1)
    : text;
const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const withoutStop = (text: string): string => text.replace(/\s*[.!?]+$/, '');

/** Some are in the score's own lists and some are not. */
const OTHER_WORDS: readonly (readonly [RegExp, string])[] = [
  [/\bbegan\b/, 'started'],
  [/\bstarts?\b/, 'begins'],
  [/\babout\b(?= [\d£€$])/, 'roughly'],
  [/\bopened\b/, 'inaugurated'],
  [/\bbought\b/, 'purchased'],
  [/\bbuy\b/, 'purchase'],
  [/\bfound\b/, 'discovered'],
  [/\bsend\b/, 'dispatch'],
  [/\bmust\b/, 'has to'],
  [/\bmay\b/, 'can'],
  [/\bused\b/, 'employed'],
  [/\bpaid\b/, 'reimbursed'],
  [/\bnext\b/, 'following'],
  [/\bpeople\b/, 'persons'],
  [/\bobtained\b/, 'found'],
  [/\bmethod\b/, 'procedure'],
  [/\bshown\b/, 'demonstrated'],
  [/\bused\b/, 'applied'],
  [/\beach\b/, 'every'],
  [/\bkept\b/, 'stored'],
  [/\bneeds?\b/, 'requires'],
  [/\bworth\b/, 'valued at'],
  [/\bdestroyed\b/, 'wiped out'],
  [/\bwhole\b/, 'entire'],
  [/\bchildren\b/, 'kids'],
  [/\blarge\b/, 'big'],
  [/\bset\b/, 'configured'],
  [/\bcannot\b/, 'can not'],
  [/\bdoes not\b/, "doesn't"],
  [/\bis not\b/, "isn't"],
  [/\bwhile\b/, 'whereas'],
  [/\bbecause\b/, 'since'],
  [/\bper cent\b/, '%'],
  [/\bwithin\b/, 'in'],
];
const SMALL = 'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen'.split(
  ' ',
);

/** What is said stays. */
export const KEPT: Readonly<Record<string, Change>> = {
  verbatim: ({ sentence }) => sentence,
  reformatted: ({ sentence, random }) =>
    pick<(text: string) => string>(random, [
      (text) => `- **${withoutStop(text)}**`,
      (text) => text.toUpperCase(),
      (text) => text.toLowerCase().replace(/([.,;:!?'"()])(?=\s|$)/g, ' $1'),
      (text) => `> ${text.replace(/ /g, '  ')}`,
    ])(sentence),
  shortened: ({ sentence, random }) => {
    const bare = withoutStop(sentence);
    const ways = [
      /^(?:In|On|At|By|During|After|Before|For|Since) [^,]{3,40}, (.{25,})$/.exec(bare)?.[1],
      /^([^,]{25,}), (?:which|who|because|while|although|so|and|but|when)\b.{8,}$/.exec(bare)?.[1],
      /^([^,]{25,}) (?:because|while|although) .{8,}$/.exec(bare)?.[1],
      /^([^,]{10,}), [^,]{5,40}, ([^,]{10,})$/.exec(bare)?.slice(1, 3).join(' '),
      /^([^;]{25,});/.exec(bare)?.[1],
    ].filter((way) => way !== undefined);
    return ways.length === 0 ? undefined : `${upperFirst(pick(random, ways))}.`;
  },
  merged: ({ sentence, others, random }) =>
    others.length < 2 ? undefined : `${withoutStop(sentence)}, and ${lowerFirst(withoutStop(pick(random, others)))}.`,
  synonyms: ({ sentence }) => {
    const changed = OTHER_WORDS.reduce((text, [from, to]) => text.replace(from, to), sentence);
    return changed === sentence ? undefined : changed;
  },
  reordered: ({ sentence }) => {
    const bare = withoutStop(sentence);
    const fronted = /^((?:If|When|After|Before|In|On|During|Since|Because|Until|At) [^,]{5,60}), (.{15,})$/.exec(bare);
    if (fronted !== null)
      return `${upperFirst(fronted[2] ?? '')} ${(fronted[1] ?? '').charAt(0).toLowerCase()}${(fronted[1] ?? '').slice(1)}.`;
    const behind = /^([^,;]{15,}) ((?:because|when|if|after|before|since|until|while) [^,;]{8,})$/.exec(bare);
    return behind === null ? undefined : `${upperFirst(behind[2] ?? '')}, ${lowerFirst(behind[1] ?? '')}.`;
  },
  'with an opening': ({ sentence, random }) =>
    `${pick(random, ['Sure! ', 'Yes, ', 'Good question. ', 'Here is what I found: ', 'Well, I think ', 'According to the document, '])}${sentence}`,
  'two sentences': ({ sentence, others, random }) =>
    others.length < 2 ? undefined : `${sentence} ${pick(random, others)}`,
  figures: ({ sentence }) => {
    const changed = sentence
      .replace(/(?<![\d.,:-])\b([2-9]|1[0-5])\b(?![\d.,:%-]|\.\d)/, (digits) => SMALL[Number(digits)] ?? digits)
      .replace(/\b24 hours\b/, 'one day')
      .replace(
        /(\d+) (January|February|March|April|May|June|July|August|September|October|November|December) (\d{4})/,
        '$2 $1, $3',
      )
      .replace(/ per cent\b/, '%');
    return changed === sentence ? undefined : changed;
  },
};

const NUMBER = /(?<![\p{L}\d])\d+(?:[.,]\d+)*/gu;
const UNITS: readonly (readonly [RegExp, readonly string[]])[] = [
  [
    /\b(?:seconds|minutes|hours|days|weeks|months|years)\b/,
    ['seconds', 'minutes', 'hours', 'days', 'weeks', 'months', 'years'],
  ],
  [/\b(?:kilometres|metres|miles|centimetres|feet)\b/, ['kilometres', 'metres', 'miles', 'centimetres', 'feet']],
  [/\b(?:kilograms|grams|tons)\b/, ['kilograms', 'grams', 'tons']],
  [/[€£$](?=\d)/, ['€', '£', '$']],
  [/\b(?:euros|dollars|cents|pounds)\b/, ['euros', 'dollars', 'cents', 'pounds']],
  [/ per cent\b/, [' degrees', ' euros']],
];
const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAYS = 'Monday Tuesday Wednesday Thursday Friday Saturday Sunday'.split(' ');
const NEGATIONS: readonly (readonly [RegExp, string])[] = [
  [/\b(is|are|can|may|will|does|do|must|was|were|has|had|could|should)\b(?! not|n't|not)/, '$1 not'],
  [/\b(is|are|can|may|will|does|do|must|was|were|has|had) not\b/, '$1'],
  [/\bcannot\b/, 'can'],
  [/\bno\b/, 'a'],
  [/\bNobody\b/, 'Everybody'],
  [/\bnever\b/, 'always'],
];
const QUANTIFIERS: readonly (readonly [RegExp, string])[] = [
  [/\b(?:all|every|each)\b/, 'some'],
  [/\b(?:some|most|many|several)\b/, 'all'],
  [/\b(?:may|can|might|could)\b/, 'must'],
  [/\bmust\b/, 'may'],
  [/\bonly\b/, 'also'],
  [/\b(?:usually|often|sometimes|hardly ever)\b/, 'always'],
  [/\b(?:always|never)\b/, 'sometimes'],
];
const OPPOSITES: readonly (readonly [string, string])[] = (
  'open closed|before after|first last|largest smallest|north south|east west|increases decreases|increase decrease|increased decreased|more less|higher lower|high low|' +
  'above below|with without|won lost|free paid|inside outside|accepted rejected|old new|over under|large small|long short|early late|same different|male female|' +
  'started stopped|starts stops|switched-on switched-off|allowed forbidden|included excluded|rose fell|supersonic subsonic|laminar turbulent|leading trailing|near far|up down|most least|left right|' +
  'bought sold|warm cold|best worst|longer shorter|public private|winter summer|safe dangerous|automatic manual|minimum maximum'
)
  .split('|')
  .map((pair) => pair.split(' ') as [string, string]);
const DETAILS = [
  ', which was criticised by several newspapers',
  ' and costs 40 euros more than in the year before',
  ', as a study of the University of Vienna has shown',
  ' together with a partner from Canada',
  ', although the first attempt had failed',
  ' and will be replaced within five years',
  ', mostly for reasons of safety',
  ' after a long dispute with the neighbours',
  ', and experts expect this to double soon',
  ' at the request of the European Commission',
  ' thanks to a grant of two million dollars',
  ', which makes it the only one of its kind in the region',
];
const FOREIGN_NAMES = ['Toronto', 'Siemens', 'Mozart', 'Portugal', 'Edison', 'Nairobi', 'Kepler', 'Osaka'];
const NAME = /(?<=\p{Ll}[,;]? )\p{Lu}\p{L}{2,}(?: \p{Lu}\p{L}+)*/gu;
const VERB =
  / (?:is|are|was|were|has|have|had|may|must|can|will|weighs?|takes?|gives?|comes?|came|lost|won|made|began) /;

const namesOf = (text: string): string[] =>
  [...text.matchAll(NAME)].map(([name]) => name).filter((name) => ![...MONTHS, ...DAYS].includes(name));

const byTable = (table: readonly (readonly [RegExp, string])[]): Change => {
  return ({ sentence, random }) => {
    const possible = table.filter(([from]) => from.test(sentence));
    if (possible.length === 0) return undefined;
    const [from, to] = pick(random, possible);
    return sentence.replace(from, to);
  };
};

/** What is said changes. */
export const CHANGED: Readonly<Record<string, Change>> = {
  number: ({ sentence, random }) => {
    const numbers = [...sentence.matchAll(NUMBER)].filter(([text]) => !/^[12]\d{3}$/.test(text));
    if (numbers.length === 0) return undefined;
    const { 0: number, index } = pick(random, numbers);
    const value = Number(number.replace(/[,.]/g, ''));
    const other = pick(random, [
      String(value + 1),
      `${number}0`,
      String(value * 2 + 1),
      String(Math.max(1, value - 2) + 3),
    ]);
    return other === number ? undefined : sentence.slice(0, index) + other + sentence.slice(index + number.length);
  },
  unit: ({ sentence, random }) => {
    const possible = UNITS.filter(([unit]) => unit.test(sentence));
    if (possible.length === 0) return undefined;
    const [unit, all] = pick(random, possible);
    const own = unit.exec(sentence)?.[0];
    return sentence.replace(
      unit,
      pick(
        random,
        all.filter((each) => each !== own),
      ),
    );
  },
  date: ({ sentence, random }) => {
    const dated = /\b(?:[12]\d{3})\b/.exec(sentence);
    const month = MONTHS.find((name) => new RegExp(`\\b${name}\\b`).test(sentence));
    const day = DAYS.find((name) => sentence.includes(name));
    if (month !== undefined)
      return sentence.replace(
        month,
        pick(
          random,
          MONTHS.filter((name) => name !== month),
        ),
      );
    if (day !== undefined)
      return sentence.replace(
        day,
        pick(
          random,
          DAYS.filter((name) => name !== day),
        ),
      );
    return dated === null
      ? undefined
      : sentence.replace(dated[0], String(Number(dated[0]) + pick(random, [1, -2, 10])));
  },
  name: ({ sentence, random }) => {
    const names = namesOf(sentence);
    return names.length === 0 ? undefined : sentence.replace(pick(random, names), pick(random, FOREIGN_NAMES));
  },
  'entity of elsewhere': ({ sentence, others, random }) => {
    const names = namesOf(sentence);
    const elsewhere = others.flatMap(namesOf).filter((name) => !sentence.includes(name));
    return names.length === 0 || elsewhere.length === 0
      ? undefined
      : sentence.replace(pick(random, names), pick(random, elsewhere));
  },
  'number of elsewhere': ({ sentence, others, random }) => {
    const numbers = [...sentence.matchAll(NUMBER)].map(([text]) => text);
    const elsewhere = others
      .flatMap((other) => [...other.matchAll(NUMBER)].map(([text]) => text))
      .filter((text) => !sentence.includes(text));
    if (numbers.length === 0 || elsewhere.length === 0) return undefined;
    return sentence.replace(pick(random, numbers), pick(random, elsewhere));
  },
  swap: ({ sentence, random }) => {
    const spans = pick(random, [namesOf(sentence), [...sentence.matchAll(NUMBER)].map(([text]) => text)]);
    const [one, other] = spans;
    if (one === undefined || other === undefined || one.includes(other) || other.includes(one)) return undefined;
    // "Java and Sumatra" are the same the other way round.
    if (new RegExp(`${one}\\S* (?:and|or|to|,) ${other}`).test(sentence)) return undefined;
    return sentence.replace(one, '\u0000').replace(other, one).replace('\u0000', other);
  },
  negation: byTable(NEGATIONS),
  quantifier: byTable(QUANTIFIERS),
  antonym: ({ sentence, random }) => {
    const possible = OPPOSITES.flatMap(([one, other]) => [
      [one, other],
      [other, one],
    ]).filter(([word]) => new RegExp(`\\b${word}\\b`).test(sentence));
    if (possible.length === 0) return undefined;
    const [from = '', to = ''] = pick(random, possible);
    return sentence.replace(new RegExp(`\\b${from}\\b`), to);
  },
  'added detail': ({ sentence, random }) => `${withoutStop(sentence)}${pick(random, DETAILS)}.`,
  'two sentences, one changed': ({ sentence, others, random }) => {
    const change = pick(random, ['number', 'name', 'negation', 'antonym']);
    const changed = CHANGED[change]?.({ sentence, others, random });
    return changed === undefined || others.length < 2 ? undefined : `${pick(random, others)} ${changed}`;
  },
  role: ({ sentence, others, random }) => {
    const own = VERB.exec(sentence);
    const other = pick(random, others.length === 0 ? [sentence] : others);
    const theirs = VERB.exec(other);
    if (own === null || theirs === null || own.index > 60) return undefined;
    const [subject, another] = [sentence.slice(0, own.index), other.slice(0, theirs.index)];
    // Pronouns may well mean the same.
    if (/^(?:It|He|She|They|This|There|Who|What)\b/.test(subject) || /^(?:It|He|She|They|This|There)\b/.test(another))
      return undefined;
    if (subject.split(' ').some((word) => word.length > 3 && another.includes(word))) return undefined;
    return subject + other.slice(theirs.index);
  },
};
