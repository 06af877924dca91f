// What kind of thing a question asks for, and whether a sentence has one that the question does not say itself. English only. Pure.

export type AnswerType =
  | 'person'
  | 'name'
  | 'place'
  | 'time'
  | 'count'
  | 'amount'
  | 'length'
  | 'mass'
  | 'speed'
  | 'age'
  | 'temperature'
  | 'money'
  | 'share'
  | 'duration'
  | 'frequency'
  | 'reason'
  | 'any';

/** By the words that ask; the first that fits counts. */
const ASKED: readonly (readonly [RegExp, AnswerType])[] = [
  [/\bhow (?:much|many) (?:money|dollars|euros|pounds)\b/i, 'money'],
  [
    /\bhow (?:much|heavy)\b[^?]{0,120}\bweigh(?:ed|t)?\b|\bhow heavy\b|\bwhat (?:do|does|did)\b[^?]{0,120}\bweigh\b/i,
    'mass',
  ],
  [/\bhow much (?:do|does|did|would|will)\b[^?]{0,120}\b(?:costs?|pay|paid|charge|earn|sell|sold)\b/i, 'money'],
  [/\bwhat (?:do|does|did)\b[^?]{0,120}\b(?:costs?|pay for|charge|earn)\b/i, 'money'],
  [
    /\b(?:what|how high|how much) (?:is|are|was|were) the (?:price|cost|fee|toll|fine|salary|wages?|budget)\b/i,
    'money',
  ],
  [/\b(?:what|which) (?:toll|price|fee|sum)\b/i, 'money'],
  [/\bhow much (?:is|are|was|were)\b/i, 'money'],
  [/\b(?:what|which) (?:percent|percentage|share|proportion|fraction)\b/i, 'share'],
  [/\bhow (?:many|much)\b/i, 'count'],
  [/\b(?:what|which) (?:number|amount)\b/i, 'count'],
  [/\bhow often\b/i, 'frequency'],
  [/\bhow (?:long|quickly|soon)\b/i, 'duration'],
  [/\bhow (?:far|tall|high|deep|wide|thick)\b/i, 'length'],
  [/\bhow fast\b/i, 'speed'],
  [/\bhow (?:old|young)\b/i, 'age'],
  [/\bhow (?:hot|cold|warm)\b/i, 'temperature'],
  [/\bhow (?:large|big|small|strong|steep|loud|close|near|late|early|cheap|expensive)\b/i, 'amount'],
  [
    /\b(?:what|which) (?:(?:is|are|was|were) the )?(?:(?:average|total|maximum|minimum|top|highest|lowest) )?(?:height|depth|width|length|distance)\b/i,
    'length',
  ],
  [
    /\b(?:what|which) (?:(?:is|are|was|were) the )?(?:(?:average|total|maximum|minimum|top|highest|lowest) )?speed\b/i,
    'speed',
  ],
  [
    /\b(?:what|which) (?:(?:is|are|was|were) the )?(?:(?:average|total|maximum|minimum|highest|lowest|melting|boiling|freezing) )?(?:temperature|point)\b/i,
    'temperature',
  ],
  [/\b(?:what|which) (?:(?:is|are|was|were) the )?(?:(?:average|total) )?(?:weight|mass)\b/i, 'mass'],
  [
    /\b(?:what|which) (?:(?:is|are|was|were) the )?(?:(?:average|total) )?(?:population|area|size|pressure)\b/i,
    'amount',
  ],
  [/\bat (?:what|which) (?:depth|height|distance)\b/i, 'length'],
  [/\bat (?:what|which) (?:age|pressure)\b/i, 'amount'],
  [/\bwhen\b/i, 'time'],
  [/\b(?:what|which) (?:year|date|day|month|century|decade|season|time|era|period)\b/i, 'time'],
  [/\bwhere\b/i, 'place'],
  [
    /\b(?:what|which) (?:country|city|town|place|state|continent|river|ocean|sea|island|region|province|street|village|hospital|university|school|museum)\b/i,
    'name',
  ],
  [
    /\b(?:what|which) (?:person|man|woman|king|queen|emperor|president|pope|scientist|artist|author|explorer|composer|painter|architect|engineer|physicist|chemist|leader|captain|actor|singer|athlete|company|dynasty|team)\b/i,
    'name',
  ],
  [/\b(?:who|whom|whose)\b/i, 'person'],
  [/\bwhy\b/i, 'reason'],
];

export function askedFor(question: string): AnswerType {
  const head = question.slice(0, 2_000);
  return ASKED.find(([pattern]) => pattern.test(head))?.[1] ?? 'any';
}

const NUMBER_WORDS =
  'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty ' +
  'thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million millions billion billions dozen dozens half ' +
  'twice once both single double third quarter no';
const NUMBERS = new Set(NUMBER_WORDS.split(' '));
const MONTHS_AND_DAYS =
  /\b(?:January|February|March|April|May|June|July|August|September|October|November|December|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Easter|Christmas)\b/;
const TIME_WORDS =
  /\b(?:\d{4}s?|\d{1,2}(?:st|nd|rd|th)|\d{1,2}:\d{2}|century|centuries|decade|BC|AD|BCE|CE|spring|summer|autumn|winter|midnight|noon|days?|weeks?|months?|years?|hours?|minutes?|until|after|before|during|when|while|once|as soon as|always|never|today|daily)\b/;
const SPAN =
  /\b(?:seconds|minutes?|hours?|days?|weeks?|months?|years?|decades?|centur(?:y|ies)|nights?|until|till|generations?)\b|\b\d{4}\b/i;
const LENGTH =
  /(?<!\b(?:cubic|square) )\b(?:(?:kilo|centi|milli|nano|micro)?met(?:er|re)s?|miles?|feet|foot|inch(?:es)?|yards?|fathoms?|leagues?|light.years?|km|cm|mm|ft)\b/;
const MASS = /\b(?:(?:kilo|milli|micro)?gram(?:me)?s?|tonn?es?|tons?|pounds?|ounces?|kg|lbs?)\b|\d\s?[gt]\b/;
const SPEED =
  /\b(?:km\/h|mph|knots?|kilomet(?:er|re)s|miles|met(?:er|re)s|feet|centimet(?:er|re)s)\b[^.]{0,30}\b(?:an?|per|each) (?:hour|second|minute|day)\b|\b(?:km\/h|mph|knots?|m\/s|Mach)\b|\bspeed of light\b/i;
const AGE = /\b(?:years?|aged?|months?|days|weeks|centur(?:y|ies)|born|old)\b/i;
const TEMPERATURE = /°|\b(?:degrees?|celsius|fahrenheit|kelvin)\b/i;
const OFTEN =
  /\b(?:once|twice|every|each|daily|weekly|monthly|yearly|annually|times?|never|always|often|seldom|rarely)\b/i;
const MONEY =
  /[€$£¥₹]|\b(?:dollars?|euros?|pounds?|cents?|pence|francs?|marks?|yen|rubles?|roubles?|guilders?|florins?|crowns?|shillings?|ducats?|free|USD|EUR|GBP)\b/;
const SHARE =
  /%|\bper ?cent\b|\b(?:half|third|thirds|quarter|quarters|fifth|tenth|majority|most|percentage|two-thirds)\b/i;
const PLACE =
  /\b(?:in|at|on|to|from|near|into|onto|off|across|through|between|behind|under|along|outside|inside|around)\b/i;
const REASON = /\b(?:because|since|due|so|therefore|thus|to|for|as|caused?|reasons?|why|owing|order|contains?|if)\b/i;
const ADDRESSED = /\b(?:you|we|they|everybody|anyone|everyone|customers?|people|staff)\b/i;

/** Capitalised at the start of a sentence without being names. */
const OPENERS = new Set(
  (
    'the a an in on at by for from to of as it its he his she her they their we our you your i this that these those after before when ' +
    'while because since until during with without although though if unlike like most many some several all both each every any no not ' +
    'there here then however today now later once one two three four five another other such what which who how why where over under ' +
    'between among by only also even almost about around and but or so yet nor please do does did is are was were has have had can could ' +
    'may might must shall should will would more less few little much first second third last next'
  ).split(' '),
);

const TOKEN = /[\p{L}\p{N}][\p{L}\p{N}\p{M}'’.,:-]*/gu;
const LAST_MARKS = new Set(".,:'’-");

/** Lower-cased, without points at its end and without a possessive. */
function lower(word: string): string {
  let end = word.length;
  while (end > 0 && LAST_MARKS.has(word.charAt(end - 1))) end -= 1;
  return word
    .slice(0, end)
    .toLowerCase()
    .replace(/['’]s$/, '');
}

/**
 * Whether a text has a candidate of that type which the question does not say itself.
 *
 * @param asked lower-cased words of the question
 */
export function hasCandidate(text: string, type: AnswerType, asked: ReadonlySet<string>): boolean {
  switch (type) {
    case 'any':
      return true;
    case 'person':
      return hasName(text, asked) || ADDRESSED.test(text);
    case 'name':
      return hasName(text, asked);
    case 'place':
      return hasName(text, asked) || PLACE.test(text);
    case 'time':
      return MONTHS_AND_DAYS.test(text) || TIME_WORDS.test(text);
    case 'count':
    case 'amount':
      return hasNumber(text, asked);
    case 'money':
      return MONEY.test(text);
    case 'share':
      return SHARE.test(text);
    case 'duration':
      return SPAN.test(text) || LENGTH.test(text);
    case 'length':
      return LENGTH.test(text);
    case 'mass':
      return MASS.test(text);
    case 'speed':
      return SPEED.test(text);
    case 'age':
      return AGE.test(text);
    case 'temperature':
      return TEMPERATURE.test(text);
    case 'frequency':
      return OFTEN.test(text) || hasNumber(text, asked);
    case 'reason':
      return REASON.test(text);
  }
}

function hasName(text: string, asked: ReadonlySet<string>): boolean {
  let first = true;
  for (const [word] of text.matchAll(TOKEN)) {
    const isFirst = first;
    first = false;
    if (!/^\p{Lu}/u.test(word) || asked.has(lower(word))) continue;
    if (isFirst && OPENERS.has(lower(word))) continue;
    return true;
  }
  return false;
}

function hasNumber(text: string, asked: ReadonlySet<string>): boolean {
  for (const [word] of text.matchAll(TOKEN)) {
    const plain = lower(word);
    if (asked.has(plain)) continue;
    if (/\p{N}/u.test(plain) || plain.split('-').some((part) => NUMBERS.has(part))) return true;
  }
  return false;
}

/** Words of a text, lower-cased, without points and possessives. */
export function* wordsOf(text: string): Generator<{ readonly word: string; readonly plain: string }, void> {
  for (const [word] of text.matchAll(TOKEN)) yield { word, plain: lower(word) };
}
