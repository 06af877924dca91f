// The verb `assemble`: release, question and passages become a prompt whose parts stay apart by who wrote them.
import type { Release } from '../releases/release.ts';
import { modelsOf } from '../releases/release.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import type {
  AssembleInput,
  EngineActivities,
  Passage,
  Prompt,
  PromptMessage,
  PromptPart,
  TrustLabel,
  Turn,
} from '../workflows/protocol/index.ts';
import { CLARIFY } from '../workflows/protocol/index.ts';
import { passagesThatFit } from './fit-context.ts';
import { readsLikeInstruction } from './injection-signals.ts';
import type { Latencies } from './latencies.ts';
import { localStep } from './local-step.ts';
import type { Releases } from './release-cache.ts';

export interface AssembleDependencies {
  readonly runKeys: RunKeys;
  readonly releases: Releases;
  /** @default none is known */
  readonly latencies?: Pick<Latencies, 'of'>;
}

const NONE_KNOWN: Pick<Latencies, 'of'> = { of: () => undefined };

export function createAssemble({
  runKeys,
  releases,
  latencies = NONE_KNOWN,
}: AssembleDependencies): EngineActivities['assemble'] {
  return async (input) =>
    await localStep(runKeys, input, async () => {
      const release = await releases.require(input.tenant, input.releaseDigest);
      const fitting = withPassagesThatFit(release, input);
      const dropped = input.passages.slice(fitting.passages.length).map(({ id }) => id);
      return {
        prompt: assemblePrompt(release, fitting),
        labels: labelsOf(fitting),
        injectionSignals: fitting.passages.filter((p) => readsLikeInstruction(p.text)).map((p) => p.id),
        ...(dropped.length > 0 && { dropped }),
        ...(release.body.prefer === 'latency' && { latenciesMs: latenciesOf(release, latencies) }),
      };
    });
}

function latenciesOf({ body }: Release, latencies: Pick<Latencies, 'of'>): Readonly<Record<string, number>> {
  const known = modelsOf(body).map((model) => [model.name, latencies.of(model)] as const);
  return Object.fromEntries(known.filter((each): each is [string, number] => each[1] !== undefined));
}

function withPassagesThatFit(release: Release, input: AssembleInput): AssembleInput {
  const { passages } = input;
  const rest = (): Prompt => assemblePrompt(release, { ...input, passages: [] });
  const texts = passages.map(({ text }) => text);
  return { ...input, passages: passages.slice(0, passagesThatFit(release.body, texts, rest)) };
}

/** Pure: the same input gives the same prompt. Passages are numbered from 1, by rank. */
export function assemblePrompt(release: Release, input: AssembleInput): Prompt {
  const { question, passages, turns = [], repair } = input;
  const { prompt, output, rules } = release.body;
  const told = [
    prompt,
    ...(rules.clarify === true ? [CLARIFY_TEXT] : []),
    ...(output === undefined ? [] : [outputText(output.schema)]),
  ];
  const messages: PromptMessage[] = [{ role: 'system', parts: told.map((text) => ({ origin: 'operator', text })) }];
  messages.push({
    role: 'user',
    parts: [...passages.map(passagePart), { origin: 'user', text: question }],
  });
  messages.push(...turns.flatMap(messagesOf));
  if (repair !== undefined) {
    messages.push({ role: 'assistant', parts: [{ origin: 'model', text: repair.draft }] });
    const reasons = repair.reasons.map((reason) => `- ${reason}`).join('\n');
    const text = `That answer was not given out:\n${reasons}\nAnswer the question again without these faults.`;
    messages.push({ role: 'user', parts: [{ origin: 'operator', text }] });
  }
  return { messages };
}

/** A passage of a document that holds no longer says so: it may be all there is, or contradict one that holds. */
export function passagePart({ text, title, headings, stale, validUntil }: Passage, index: number): PromptPart {
  const above = [...new Set([title, ...headings])].filter((line) => line !== '');
  return {
    origin: 'retrieval',
    text,
    citation: index + 1,
    ...(stale === true && validUntil !== undefined && { heldUntil: validUntil }),
    ...(above.length > 0 && { headings: above }),
  };
}

const CLARIFY_TEXT = `If the question can be read in more than one way and the answers differ, reply with ${CLARIFY} and one question that settles it, and nothing else.`;

/** For every provider alike: some hold a model to a schema, and some don't. */
const outputText = (schema: object): string =>
  `Reply with one JSON value and nothing else, according to this JSON Schema:\n${JSON.stringify(schema)}`;

/** What the model asked for, and what came of each call. Results of tools are named here and read right before the model is called. */
function messagesOf({ text, toolCalls, results }: Turn): PromptMessage[] {
  const asked: PromptMessage = { role: 'assistant', parts: [{ origin: 'model', text }], toolCalls };
  const answers = toolCalls.map((call, i): PromptMessage => {
    const result = results[i];
    const origin = `tool:${call.tool}` as const;
    const { status = 'denied', message = 'It was not called.', note, effectKey } = result ?? {};
    const said = note !== undefined && { note };
    const part: PromptPart =
      status === 'done' && effectKey !== undefined
        ? { origin, text: '', resultOf: effectKey, ...said }
        : { origin, text: JSON.stringify({ status, message, ...said }) };
    return { role: 'tool', parts: [part], toolCallId: call.id };
  });
  return [asked, ...answers];
}

function labelsOf({ passages, turns = [] }: AssembleInput): TrustLabel[] {
  const labels: TrustLabel[] = [
    { origin: 'operator', docIds: [], sensitivity: 'internal' },
    { origin: 'user', docIds: [], sensitivity: 'public' },
  ];
  for (const sensitivity of new Set(passages.map((passage) => passage.sensitivity))) {
    const docIds = passages.filter((passage) => passage.sensitivity === sensitivity).map((passage) => passage.docId);
    labels.push({ origin: 'retrieval', docIds: [...new Set(docIds)], sensitivity });
  }
  for (const { tool, docIds, sensitivity } of turns.flatMap((turn) => turn.results)) {
    labels.push({ origin: `tool:${tool}`, docIds, sensitivity });
  }
  return labels;
}
