// A prompt as messages of the AI SDK. What documents and tools say is fenced, and cannot close its own fence.
import type { ModelMessage } from 'ai';
import type { Prompt, PromptMessage, PromptPart, ToolCall } from '../../workflows/protocol/index.ts';

export interface RenderedPrompt {
  /** The system messages before everything else: the prefix that stays the same from call to call. */
  readonly instructions: string;
  readonly messages: ModelMessage[];
}

/** Joins a message's parts; passages are fenced and numbered, results of tools fenced. */
export function renderPrompt({ messages }: Prompt): RenderedPrompt {
  const after = messages.findIndex(({ role }) => role !== 'system');
  const first = after < 0 ? messages.length : after;
  const called = new Map<string, string>();
  return {
    instructions: messages.slice(0, first).map(contentOf).join('\n\n'),
    messages: messages.slice(first).map((message) => renderMessage(message, called)),
  };
}

/** Of a draft without a text: providers refuse messages without one, and some demand that roles take turns. */
const NOTHING_SAID = '(no text)';

const isBlank = (text: string): boolean => text.trim() === '';

/** @param called names of tools by the id of their call, for the results that follow */
function renderMessage(message: PromptMessage, called: Map<string, string>): ModelMessage {
  const { role, toolCalls = [], toolCallId = '' } = message;
  const content = contentOf(message);
  if (role === 'tool') {
    const toolName = called.get(toolCallId) ?? 'tool';
    return { role, content: [{ type: 'tool-result', toolCallId, toolName, output: { type: 'text', value: content } }] };
  }
  if (role === 'assistant' && toolCalls.length === 0)
    return { role, content: isBlank(content) ? NOTHING_SAID : content };
  if (role !== 'assistant') return { role, content };
  return {
    role,
    content: [
      ...(isBlank(content) ? [] : [{ type: 'text' as const, text: content }]),
      ...toolCalls.map((call) => renderCall(call, called)),
    ],
  };
}

/** Providers refuse names of other characters. */
function renderCall({ id, tool, args }: ToolCall, called: Map<string, string>) {
  const toolName = tool.replace(/[^\w-]/g, '_');
  called.set(id, toolName);
  return { type: 'tool-call' as const, toolCallId: id, toolName, input: args ?? null };
}

const contentOf = ({ parts }: PromptMessage): string => parts.map(renderPart).join('\n\n');

function renderPart({ origin, text, citation, heldUntil }: PromptPart): string {
  if (origin === 'retrieval') {
    const until = heldUntil === undefined ? '' : ` no-longer-valid-since="${heldUntil.slice(0, 10)}"`;
    return `<passage n="${citation ?? 0}"${until}>\n${unfenced(text)}\n</passage>`;
  }
  // Without the tool's name: the model may have made it up, and the message says which call it answers.
  if (origin.startsWith('tool:')) return `<tool-result>\n${unfenced(text)}\n</tool-result>`;
  return text;
}

/** A model reads "</ passage>" as it reads "</passage>", with white space or invisible characters in between. */
const unfenced = (text: string): string =>
  text.replace(/<(?=[\s\p{Cf}]*\/?[\s\p{Cf}]*(?:passage|tool[\s\p{Cf}_-]*result))/giu, '‹');
