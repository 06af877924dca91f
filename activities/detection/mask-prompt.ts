// Looks through a prompt, and hides what the access policy wants hidden. What the operator wrote is neither looked at nor changed.
import { replaceInJson, replaceSpans } from '../../runtime/detection/replace.ts';
import { merged } from '../../runtime/detection/scan.ts';
import type {
  DetectedKind,
  Finding,
  KindCounts,
  Prompt,
  PromptMessage,
  PromptPart,
  ToolCall,
} from '../../workflows/protocol/index.ts';
import { DETECTED_KINDS } from '../../workflows/protocol/index.ts';
import type { Detector } from '../ports/detector.ts';
import type { Hidden, TokenKind, Tokens } from './tokens.ts';
import { LOOKALIKE, tokenOf } from './tokens.ts';

/** What was found in a prompt: findings by part and by call, offsets of a call in the JSON of its arguments. */
export interface Inspection {
  readonly found: ReadonlyMap<PromptPart | ToolCall, readonly Finding[]>;
  /** In the order of `DETECTED_KINDS`. */
  readonly kinds: readonly DetectedKind[];
  readonly counts: KindCounts;
}

/** Of parts that are looked at at once: an analyzer outside has only so much room. */
const AT_ONCE = 4;

/** @throws ApplicationFailure of the detector: nothing is taken for clean then */
export async function inspectPrompt(detector: Detector, prompt: Prompt, signal?: AbortSignal): Promise<Inspection> {
  const texts: { readonly of: PromptPart | ToolCall; readonly text: string }[] = [];
  for (const { parts, toolCalls = [] } of prompt.messages) {
    for (const part of parts) if (part.origin !== 'operator') texts.push({ of: part, text: part.text });
    for (const call of toolCalls) texts.push({ of: call, text: argumentsOf(call) });
  }
  const found = new Map<PromptPart | ToolCall, readonly Finding[]>();
  const counts: Partial<Record<DetectedKind, number>> = {};
  for (let at = 0; at < texts.length; at += AT_ONCE) {
    const some = texts.slice(at, at + AT_ONCE);
    const findings = await Promise.all(some.map(({ text }) => detector.detect(text, signal)));
    some.forEach(({ of }, i) => void found.set(of, findings[i] ?? []));
  }
  for (const { kind } of [...found.values()].flat()) counts[kind] = (counts[kind] ?? 0) + 1;
  return { found, kinds: DETECTED_KINDS.filter((kind) => counts[kind] !== undefined), counts };
}

export interface MaskedPrompt {
  readonly prompt: Prompt;
  readonly tokens: Tokens;
  readonly counts: KindCounts;
}

export function maskPrompt(
  runKey: Uint8Array,
  prompt: Prompt,
  { found }: Inspection,
  kinds: readonly DetectedKind[],
): MaskedPrompt {
  const tokens = new Map<string, Hidden>();
  const counts: Partial<Record<DetectedKind, number>> = {};
  const hide = (hidden: Hidden): string => {
    const token = tokenOf(runKey, hidden);
    const before = tokens.get(token);
    if (before !== undefined && before.value !== hidden.value)
      throw new Error('Two values have one token: nothing was sent');
    tokens.set(token, hidden);
    return token;
  };
  const hideIn = (
    text: string,
    of: PromptPart | ToolCall,
    form: 'text' | 'json',
    known: (token: string) => boolean,
  ): string => {
    const spans = spansOf(text, found.get(of) ?? [], kinds, known);
    for (const { kind } of spans) if (kind !== 'text') counts[kind] = (counts[kind] ?? 0) + 1;
    const replace = form === 'json' ? replaceInJson : replaceSpans;
    return replace(text, spans, ({ kind, start, end }) => hide({ kind, value: text.slice(start, end) }));
  };

  const unknown = (): boolean => false;
  // Tokens of this run that a model wrote stay: what it said before is shown to it again.
  const known = (token: string): boolean => tokens.has(token);
  const written = new Map<PromptPart, PromptPart>();
  for (const part of prompt.messages.flatMap(({ parts }) => parts)) {
    if (part.origin === 'operator' || part.origin === 'model') continue;
    const form = part.origin.startsWith('tool:') ? 'json' : 'text';
    written.set(part, { ...part, text: hideIn(part.text, part, form, unknown) });
  }
  const maskPart = (part: PromptPart): PromptPart =>
    part.origin === 'model' ? { ...part, text: hideIn(part.text, part, 'text', known) } : (written.get(part) ?? part);
  const maskCall = (call: ToolCall): ToolCall => {
    const json = argumentsOf(call);
    const masked = hideIn(json, call, 'json', known);
    return masked === json ? call : { ...call, args: parsed(masked) };
  };
  const messages = prompt.messages.map(
    ({ toolCalls, ...message }): PromptMessage => ({
      ...message,
      parts: message.parts.map(maskPart),
      ...(toolCalls !== undefined && { toolCalls: toolCalls.map(maskCall) }),
    }),
  );
  return { prompt: { messages }, tokens, counts };
}

interface Span {
  readonly kind: TokenKind;
  readonly start: number;
  readonly end: number;
}

/** What is to be hidden, and words that look like a token, by offset. Where they overlap the finding counts. */
function spansOf(
  text: string,
  findings: readonly Finding[],
  kinds: readonly DetectedKind[],
  known: (token: string) => boolean,
): readonly Span[] {
  const hidden: Span[] = merged(findings.filter(({ kind }) => kinds.includes(kind))).slice();
  if (!text.includes('[')) return hidden;
  for (const { index: start, 0: words } of text.matchAll(LOOKALIKE)) {
    const end = start + words.length;
    if (known(words) || hidden.some((span) => span.start < end && start < span.end)) continue;
    hidden.push({ kind: 'text', start, end });
  }
  return hidden.sort((a, b) => a.start - b.start);
}

const argumentsOf = ({ args }: ToolCall): string => JSON.stringify(args ?? null);

/** A secret may have swallowed the end of its string: then the model sees the whole as a text. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}
