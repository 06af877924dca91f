// The verb `assemble`: release, question and passages become a prompt whose parts stay apart by who wrote them.
import type { Release } from '../releases/release.ts';
import type { RunKeys } from '../runtime/keys.ts';
import type {
  AssembleInput,
  EngineActivities,
  Prompt,
  PromptMessage,
  TrustLabel,
} from '../workflows/protocol/index.ts';
import { readsLikeInstruction } from './injection-signals.ts';
import { localStep } from './local-step.ts';
import type { Releases } from './release-cache.ts';

export interface AssembleDependencies {
  readonly runKeys: RunKeys;
  readonly releases: Releases;
}

export function createAssemble({ runKeys, releases }: AssembleDependencies): EngineActivities['assemble'] {
  return async (input) =>
    await localStep(runKeys, input, async () => {
      const release = await releases.require(input.tenant, input.releaseDigest);
      return {
        prompt: assemblePrompt(release, input),
        labels: labelsOf(input),
        injectionSignals: input.passages.filter((p) => readsLikeInstruction(p.text)).map((p) => p.id),
      };
    });
}

/** Pure: the same input gives the same prompt. Passages are numbered from 1, by rank. */
export function assemblePrompt(release: Release, input: AssembleInput): Prompt {
  const { question, passages, repair } = input;
  const messages: PromptMessage[] = [{ role: 'system', parts: [{ origin: 'operator', text: release.body.prompt }] }];
  messages.push({
    role: 'user',
    parts: [
      ...passages.map((passage, i) => ({ origin: 'retrieval' as const, text: passage.text, citation: i + 1 })),
      { origin: 'user', text: question },
    ],
  });
  if (repair !== undefined) {
    messages.push({ role: 'assistant', parts: [{ origin: 'model', text: repair.draft }] });
    const reasons = repair.reasons.map((reason) => `- ${reason}`).join('\n');
    const text = `That answer was not given out:\n${reasons}\nAnswer the question again without these faults.`;
    messages.push({ role: 'user', parts: [{ origin: 'operator', text }] });
  }
  return { messages };
}

function labelsOf({ passages }: AssembleInput): TrustLabel[] {
  const labels: TrustLabel[] = [
    { origin: 'operator', docIds: [], sensitivity: 'internal' },
    { origin: 'user', docIds: [], sensitivity: 'public' },
  ];
  for (const sensitivity of new Set(passages.map((passage) => passage.sensitivity))) {
    const docIds = passages.filter((passage) => passage.sensitivity === sensitivity).map((passage) => passage.docId);
    labels.push({ origin: 'retrieval', docIds: [...new Set(docIds)], sensitivity });
  }
  return labels;
}
