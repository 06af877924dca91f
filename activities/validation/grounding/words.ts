// The small English word lists that the grounding score goes by. Words of other languages are in none of them and count as content.
import { stemEnglish } from '../../sparse/stem-english.ts';

const setOf = (words: string): ReadonlySet<string> => new Set(words.trim().split(/\s+/));

/** Say nothing of their own. Negations, quantifiers and modal verbs are among them: they are compared by lists of their own. */
export const STOP_WORDS = setOf(`
a an the this that these those such same own other another each every all any both either neither some most many much few several
more less least lot lots only just even also too very quite rather so as than then there here now still yet already almost about
i me my mine myself we us our ours ourselves you your yours yourself he him his himself she her hers herself it its itself they them
their theirs themselves one ones who whom whose which what where when why how whether if while because since although though unless
until before after during within without between among amongst through throughout across against along around at by for from in into
of off on onto out over per to toward towards under up upon via with and or nor but not no never none nothing nobody is are was were
be been being am isn aren wasn weren do does did doing done don doesn didn have has had having haven hasn hadn can could will would
shall should may might must cannot couldn wouldn shouldn won ain s t d m re ve ll n't o'clock 'm 's 're 've 'll 'd etc eg ie mr mrs ms dr
however therefore thus hence moreover furthermore instead otherwise meanwhile namely well oh yes ok okay please lrb rrb
always usually often sometimes generally typically mostly ever again further once down above below next case
`);

/** So common that sharing them says little: they count less. */
const COMMON = new Set(
  [
    ...setOf(`
say tell go get make take come see know think look want give use find need try leave call put keep let begin seem help show turn play run
move live believe bring happen write sit stand lose pay meet include continue set learn change lead understand watch follow stop speak
read spend grow open walk win offer remember consider appear buy wait serve send expect build stay fall reach remain suggest raise pass
require report decide pull become allow provide start work like love enjoy feel hear talk ask mean become
time year people way day man woman thing world life hand part child place week company system program question government number night
point home water room area money story fact month right study book eye job word business issue side kind head house service friend
power hour game line end member city community name state group country problem
good new first last long great little old big high different small large next early young important public bad able real best better
sure free true whole main major certain clear recent popular common famous known interesting nice fun cool amazing different similar
really actually probably maybe perhaps together away back ago later today including based different especially particularly
two three four five six seven eight nine ten second third
`),
  ].map(stemEnglish),
);

export const isCommon = (stem: string): boolean => COMMON.has(stem);

export const NEGATORS = setOf(`
not no never without none neither nor cannot n't nothing nobody nowhere hardly barely scarcely unable except
isn aren wasn weren don doesn didn haven hasn hadn couldn wouldn shouldn won ain
`);

/** Verbs that deny what follows: compared as negators, but content, too. */
export const DENYING = new Set([
  'fail',
  'lack',
  'refus',
  'deni',
  'prevent',
  'avoid',
  'prohibit',
  'forbid',
  'forbidden',
]);

/** Words of each class say about the same; where both texts have one at the same place, another class says something else. */
const CLASSES: Readonly<Record<string, string>> = {
  all: 'all every each always entirely completely fully everyone everybody everything',
  some: 'some several many most few often usually sometimes generally typically mostly partly partially occasionally rarely',
  only: 'only solely exclusively',
  may: 'may might can could possibly perhaps maybe allowed optional likely probably',
  must: 'must shall required mandatory obligatory',
  never: 'never none no nobody nothing',
  tried:
    'tried try tries trying attempted attempt attempts wanted wants planned plans hoped hopes expected expects threatened threatens accused alleged allegedly suspected',
};
/** Of two classes at the same place the one contradicts the other. */
export const CONFLICTS: ReadonlySet<string> = new Set([
  'all some',
  'some all',
  'may must',
  'must may',
  'never all',
  'all never',
  'never some',
]);
export const CLASS_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(CLASSES).flatMap(([name, words]) => words.split(' ').map((word): [string, string] => [word, name])),
);

/** One pair a line of what says the contrary, or another of a kind. */
const ANTONYMS = `
open close|open shut|before after|increase decrease|increase reduce|rise fall|rise drop|rise decline|raise lower|high low|higher lower
more less|more fewer|most least|accept reject|accept refuse|approve reject|approve deny|allow forbid|allow prohibit|allow ban|allow refuse|permit forbid|permit prohibit
include exclude|win lose|won lost|begin end|start end|start stop|start finish|begin finish|first last|early late|earlier later|earliest latest
buy sell|bought sold|import export|enter leave|arrive depart|arrive leave|north south|east west|northern southern|eastern western|left right|upper lower|inside outside|indoor outdoor
above below|over under|hot cold|warm cold|warm cool|wet dry|heavy light|large small|big small|long short|longer shorter|tall short|wide narrow|deep shallow|fast slow|faster slower
old new|young old|younger older|rich poor|strong weak|stronger weaker|strengthen weaken|hard soft|hard easy|difficult easy|simple complex|safe dangerous|full empty|public private
male female|man woman|men women|boy girl|father mother|son daughter|brother sister|husband wife|king queen|he she|his her
add remove|create destroy|build demolish|expand shrink|expand contract|grow shrink|gain lose|improve worsen|better worse|best worst|success failure|succeed fail
pass fail|attack defend|love hate|like dislike|agree disagree|support oppose|remember forget|find lose|push pull|send receive|give take|lend borrow
enable disable|encrypt decrypt|connect disconnect|install uninstall|lock unlock|encourage discourage|appear disappear|visible hidden|optional required|optional mandatory|voluntary compulsory
always never|all none|everyone nobody|everything nothing|with without|major minor|maximum minimum|majority minority|positive negative|profit loss|income expense|credit debit
alive dead|born died|birth death|guilty innocent|convict acquit|legal illegal|true false|right wrong|correct incorrect|rare common|temporary permanent|daily weekly|weekly monthly|monthly annual|monthly yearly
morning evening|morning afternoon|afternoon evening|day night|summer winter|spring autumn|monday friday|today tomorrow|today yesterday|ancient modern|urban rural
liquid solid|acid alkaline|odd even|single double|single married|domestic foreign|domestic international|local global|national international|amateur professional|cheap expensive
supersonic subsonic|laminar turbulent|compressible incompressible|leading trailing|steady unsteady|inner outer|internal external|horizontal vertical|parallel perpendicular|linear nonlinear
same different|present absent|asleep awake|quiet loud|clean dirty|thick thin|smooth rough|front back|top bottom|up down|floor ceiling|debtor creditor|employer employee|teacher student|buyer seller|customer merchant
lead trail|ahead behind|exceed undershoot|recover worsen|delay hasten|extend shorten|extend reduce|release arrest|free imprison|hire fire|appoint dismiss|join leave|marry divorce|plaintiff defendant
predator prey|host guest|original copy|victory defeat|defeat lose|entrance exit|inhale exhale|melt freeze|float sink|ascend descend|forward backward|beginning ending|sunrise sunset|oldest newest|youngest oldest|largest smallest|highest lowest|longest shortest|fastest slowest
advantage disadvantage|benefit harm|healthy sick|natural artificial|partial full|partially fully|primary secondary|senior junior|manual automatic|manually automatically|online offline|static dynamic|active inactive|active passive
`;

/** Words that may stand for each other; the first of a line is what the others are read as. */
const SYNONYMS = `
big large huge enormous giant|small little tiny|begin start commence launch|end finish conclude|buy purchase|get receive obtain acquire|give grant|film movie picture|car automobile|doctor physician
author writer|write pen|die death dead|kill slay|child kid|help assist aid|show display exhibit|make create produce|build construct|famous renowned noted|popular beloved|fast quick rapid swift
begin open|choose select pick|need require|require mandatory|answer reply respond response|ask request|use utilize employ|keep retain|stop cease halt|allow permit let|forbid prohibit ban|refund reimburse repay
return send|cost price|pay payment|job occupation profession career|live reside|house home residence|leader head chief|company firm business corporation|country nation|city town|near close|about approximately around roughly
important significant key crucial|main primary chief principal|change alter modify|fix repair mend|discover find found|invent devise|happen occur|sick ill|injure hurt wound|attack assault|arrest detain|police officer
lawyer attorney|student pupil|teacher instructor|university college|school academy|war conflict|soldier troop|win victory triumph won|defeat beat|lose lost|game match|player athlete|team club squad|champion title
song track single|album record|band group|singer vocalist|actor actress star|show series program programme|book novel|story tale|picture photo photograph image|paint painting|building structure|location site place|area region district
street road|boat ship vessel|plane aircraft airplane|travel journey trip|food meal dish|drink beverage|sweet sugary|type kind sort form variety|part component portion|example instance|name call title known|origin originate
say state tell announce declare|claim assert|believe think|reveal disclose|report describe|increase rise grow|reduce decrease lower cut|decline fall drop|improve enhance|damage harm|destroy demolish ruin|remove delete|add append
store save|data information|error fault bug|customer client shopper buyer|seller vendor merchant|deliver ship|delivery shipping shipment|order purchase|item product article|charge fee|box package parcel|broken damaged defective faulty|expire lapse
approve accept|reject refuse decline|decide determine|agree consent|plan intend|try attempt|join enter|leave depart|arrive reach come|move relocate|marry wed wife husband|found establish set|located situated lie|consist comprise
contain include hold|cover include|wide broad|old elderly aged ancient|new recent modern|beautiful pretty|happy glad|sad unhappy|angry furious|scared afraid|smart clever intelligent|rich wealthy|poor impoverished|strange odd unusual
usually normally typically|often frequently|rarely seldom|also additionally|annual yearly|per every each|people person human individual|man male|woman female|mother mom|father dad|united-states america usa|britain uk
money cash fund|worker employee staff|boss manager|hire recruit|fire dismiss sack|meeting session|letter mail email|phone telephone|tv television|internet online web|computer machine|software program application app
resident inhabitant|citizen national|population people|election vote ballot|government administration authority|law legislation statute|court tribunal|judge justice|crime offence offense|prison jail|victim casualty|fatal deadly lethal
storm hurricane|rain rainfall precipitation|flood inundate|earthquake quake|hot warm|cold chilly|sea ocean|mountain hill peak|forest wood|river stream|animal creature|plant crop|dog canine|cat feline|hospital clinic|medicine drug medication|disease illness
test trial experiment examine|result outcome finding|investigate study research examine inquiry|method technique approach procedure|measure gauge|calculate compute|obtain derive|effect impact influence|cause lead|agreement accord|theory model|flow stream
deadline limit|whole entire complete full|goal aim objective purpose|speed velocity|height altitude|length long|weight heavy|power energy|light illumination|sound noise|road highway|train rail railway|airport airfield|hotel inn
value worth|regardless whatever irrespective
`;

const pairs = (lists: string): string[][] =>
  lists
    .trim()
    .split(/[|\n]/)
    .map((list) => list.split(' ').map(stemEnglish));

const sharedOf = (lists: readonly string[][]): ReadonlyMap<string, ReadonlySet<string>> => {
  const map = new Map<string, Set<string>>();
  for (const list of lists) {
    for (const word of list) {
      const known = map.get(word) ?? new Set<string>();
      for (const other of list) if (other !== word) known.add(other);
      map.set(word, known);
    }
  }
  return map;
};

/** What says the contrary of a stem. */
export const ANTONYMS_OF = sharedOf(pairs(ANTONYMS));
/** What may stand for a stem. */
export const SYNONYMS_OF = sharedOf(pairs(SYNONYMS));

/** Irregular forms, which a stemmer of endings cannot bring together. */
const FORMS = `
go went gone|take took taken|give gave given|get got gotten|make made|say said|tell told|see saw seen|know knew known|think thought|come came|become became|find found|leave left|keep kept|hold held|bring brought|buy bought|sell sold|build built|send sent|spend spent|lose lost|win won|meet met|pay paid|lead led|read|run ran|write wrote written|speak spoke spoken|break broke broken|choose chose chosen|rise rose risen|fall fell fallen|grow grew grown|draw drew drawn|fly flew flown|throw threw thrown|begin began begun|drink drank drunk|sing sang sung|swim swam|ring rang rung|sit sat|stand stood|understand understood|teach taught|catch caught|fight fought|seek sought|feel felt|sleep slept|sweep swept|deal dealt|mean meant|bear born bore|wear wore worn|steal stole stolen|drive drove driven|ride rode ridden|eat ate eaten|hide hid hidden|bite bit bitten|beat beaten|awake awoke|blow blew blown|burn burnt|cling clung|creep crept|flee fled|forgive forgave forgiven|grind ground|kneel knelt|leap leapt|lend lent|light lit|lean leant|learn learnt|mistake mistook mistaken|overcome overcame|shrink shrank shrunk|sink sank sunk|slide slid|spin spun|spring sprang sprung|sting stung|strive strove|swing swung|undergo underwent|weave wove woven|weep wept|withdraw withdrew withdrawn|bend bent|breed bred|shoot shot|strike struck|hang hung|stick stuck|dig dug|spread|man men|woman women|child children|foot feet|tooth teeth|mouse mice|person people|life lives live|wife wives|leaf leaves|half halves|die died dying death|lie lay lain|bind bound|feed fed|shine shone|swear swore sworn|tear tore torn|wake woke woken|forget forgot forgotten|forbid forbade forbidden|freeze froze frozen|shake shook shaken|wind wound|good well|bad worse worst|far further|behave behavior behaviour|color colour|center centre|honor honour|labor labour|program programme|theater theatre|organize organise|recognize recognise|license licence|defense defence
`;
const BASE_OF: ReadonlyMap<string, string> = new Map(
  pairs(FORMS).flatMap(([base = '', ...others]) => others.map((form): [string, string] => [form, base])),
);
// Their forms are words of their own, too.
const KEPT = new Set([
  'found',
  'left',
  'wound',
  'bound',
  'ground',
  'bore',
  'lay',
  'saw',
  'lives',
  'leaves',
  'well',
  'lost',
]);

/** Long enough for every word; a longer one is a key or a hash. */
const MAX_CACHED_CHARS = 32;
const CACHE_SIZE = 50_000;
const known = new Map<string, string>();

/** The stem by which words are compared. @param word lower-cased */
export function stemOf(word: string): string {
  const cached = known.get(word);
  if (cached !== undefined) return cached;
  const stem = stemEnglish(word);
  const base = KEPT.has(word) ? stem : (BASE_OF.get(stem) ?? stem);
  if (word.length > MAX_CACHED_CHARS) return base;
  if (known.size >= CACHE_SIZE) known.clear();
  known.set(word, base);
  return base;
}

/** What opens a sentence without being part of what it says, longest first. */
export const OPENINGS: readonly (readonly string[])[] = `
did you know that|did you know|here is what i found|here is what i know|here 's what i found|i think that|i think|i believe that|i believe|i know that|i know|i heard that|i heard|i have heard that|i read that|i 've heard that
as far as i know|according to the text|according to the document|according to the documents|according to the passage|according to the context|according to the article
based on the context|based on the information provided|based on the provided context|based on the provided information|based on the document|based on the documents|based on the passage
based on the text|from what i know|from what i have read|the document says that|the passage says that|the text says that|the context says that|the document states that|the passage states that
the article says that|it says that|i can tell you that|in summary|in short|to summarize|in conclusion|in other words|in fact|for example|fun fact|well actually
sure|certainly|of course|absolutely|definitely|yes|yeah|yep|no|nope|well|oh|ah|hmm|hm|wow|ok|okay|right|exactly|indeed|great question|good question|thanks|thank you|hi|hello|hey|actually|so|and|but|also|haha|cool|nice|great|that 's true|that 's right|you 're right|that is true|that is right
`
  .trim()
  .split(/[|\n]/)
  .map((phrase) => phrase.split(' '))
  .sort((a, b) => b.length - a.length);

/** A sentence that begins so says nothing of its subject. */
export const COURTESIES: readonly (readonly string[])[] = `
let me know|i hope|feel free|if you have|if you need|if you want|is there anything|happy to help|here is what|here are the|here is the|here 's what|i can help|i 'm here|i am here|how can i|please let|do n't hesitate|you can ask|hope this|hope that helps
i do n't know|i don't know|i do not know|i 'm not sure|i am not sure|i do n't have|i don't have|i do not have|i 'm sorry|i am sorry|sorry|i cannot|i can not|i ca n't|i can't|i am unable|i 'm unable|i could not find|i could n't find|i couldn't find|i did not find
that 's interesting|that is interesting|that 's cool|that 's great|that is cool|that is great|sounds good|sounds great|good luck|you 're welcome|thank you for|thanks for|i agree|i see|me too|what about you|how about you|nice to meet|i 'd love|i would love
`
  .trim()
  .split(/[|\n]/)
  .map((phrase) => phrase.split(' '));

/** One way to write what has several: of joined letters, of single words, and of who comes from where. */
export const ALIASES: ReadonlyMap<string, readonly string[]> = new Map(
  `
us united states american america|usa united states american america|america united states us|american america united states us|uk united kingdom british britain|eu european union|un united nations|nyc new york
british britain uk england|britain british uk|english england|england english|scottish scotland|scotland scottish|welsh wales|wales welsh|irish ireland|ireland irish|french france|france french|german germany|germany german
spanish spain|spain spanish|dutch netherlands holland|netherlands dutch|danish denmark|denmark danish|swedish sweden|swiss switzerland|switzerland swiss|polish poland|poland polish|greek greece|greece greek|turkish turkey|turkey turkish
chinese china|china chinese|japanese japan|japan japanese|portuguese portugal|portugal portuguese|finnish finland|norwegian norway|norway norwegian|belgian belgium|belgium belgian|arab arabia|european europe|europe european
canadian canada|mexican mexico|brazilian brazil|russian russia|ukrainian ukraine|israeli israel|indian india|african africa|asian asia|australian australia|egyptian egypt|thai thailand|welshman wales|englishman england|frenchman france
`
    .trim()
    .split(/[|\n]/)
    .map((line) => {
      const [word = '', ...others] = line.split(' ').map(stemEnglish);
      return [word, others];
    }),
);
