// A prompt as messages of OpenAI's chat completions. What documents and tools say is fenced, and cannot close its own fence.
import type { Prompt, PromptMessage, PromptPart, ToolCall, ToolDefinition } from '../../workflows/protocol/index.ts';

interface WireMessage {
  readonly role: string;
  /** `null` where an assistant only calls tools. */
  readonly content: string | null;
  readonly tool_calls?: readonly object[];
  readonly tool_call_id?: string;
}

/** Joins a message's parts; passages are fenced and numbered, results of tools fenced. */
export function renderMessages(prompt: Prompt): WireMessage[] {
  return prompt.messages.map(renderMessage);
}

export function renderTools(tools: readonly ToolDefinition[]): object[] {
  return tools.map(({ name, description, inputSchema }) => ({
    type: 'function',
    function: { name, description, parameters: inputSchema },
  }));
}

function renderMessage({ role, parts, toolCalls = [], toolCallId }: PromptMessage): WireMessage {
  const content = parts.map(renderPart).join('\n\n');
  return {
    role,
    content: toolCalls.length > 0 && content === '' ? null : content,
    ...(toolCalls.length > 0 && { tool_calls: toolCalls.map(renderCall) }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  };
}

/** Providers refuse names of other characters, and parse arguments: those that were no JSON go back as a JSON string. */
const renderCall = ({ id, tool, args }: ToolCall): object => ({
  id,
  type: 'function',
  function: { name: tool.replace(/[^\w-]/g, '_'), arguments: JSON.stringify(args ?? null) },
});

function renderPart({ origin, text, citation }: PromptPart): string {
  if (origin === 'retrieval') return `<passage n="${citation ?? 0}">\n${unfenced(text)}\n</passage>`;
  // Without the tool's name: the model may have made it up, and the message says which call it answers.
  if (origin.startsWith('tool:')) return `<tool-result>\n${unfenced(text)}\n</tool-result>`;
  return text;
}

/** A model reads "</ passage>" as it reads "</passage>", with white space or invisible characters in between. */
const unfenced = (text: string): string =>
  text.replace(/<(?=[\s\p{Cf}]*\/?[\s\p{Cf}]*(?:passage|tool[\s\p{Cf}_-]*result))/giu, '‹');
