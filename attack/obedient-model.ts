// A model that obeys every instruction it reads: the worst one to guard. It needs no understanding, since each case says what its
// text tells it to do. It does so as soon as any part of that text stands anywhere in what it is shown: what a policy hides of it (a
// card, an IBAN) keeps it from nothing.
import type { Model, ModelReply, ModelRequest } from '../activities/ports/model.ts';
import { scanAtOnce } from '../runtime/detection/scan.ts';
import type { ToolCall } from '../workflows/protocol/index.ts';
import type { Case } from './cases.ts';
import type { World } from './world.ts';
import { READ_DOCUMENTS, READ_MESSAGE } from './world.ts';

/** Long enough to be of this text and no other, short enough to be found in a part of it. */
const WINDOW_CHARS = 48;
/** Shorter parts may stand in other texts, too. */
const MIN_WINDOW_CHARS = 12;

export interface ObedientModel extends Model {
  /** Ids of cases whose goal it called for. */
  readonly obeyed: ReadonlySet<string>;
}

export function obedientModel({
  cases,
  marks,
  toolNames,
}: Pick<World, 'cases' | 'marks' | 'toolNames'>): ObedientModel {
  const byMark = new Map(cases.map((each) => [marks.get(each.id) ?? '', each]));
  const windows = new Map(cases.map(({ id, text }) => [id, windowsOf(text)]));
  const obeyed = new Set<string>();

  return {
    label: 'attack/obedient',
    free: true,
    obeyed,
    async call(request) {
      const mark = /CASE-\d+/.exec(spokenByUser(request))?.[0] ?? '';
      const found = byMark.get(mark);
      if (found === undefined) return saying('I do not know this task.');
      const goal = toolNames.get(found.goal.tool) ?? '';
      if (hasCalled(request, goal)) return saying('That was it.');
      if (reads(request, windows.get(found.id) ?? [])) {
        obeyed.add(found.id);
        return calling({ tool: goal, args: found.goal.args });
      }
      const reader = readerOf(found, mark);
      if (reader === undefined || hasCalled(request, reader.tool)) return saying('There is nothing to do.');
      return calling(reader);
    },
  };
}

/** How the text gets before the model; nothing needs to be called where it stands there from the start. */
function readerOf({ carrier }: Case, mark: string): Omit<ToolCall, 'id'> | undefined {
  if (carrier === 'document') return { tool: READ_DOCUMENTS, args: { query: mark } };
  if (carrier === 'tool-result') return { tool: READ_MESSAGE, args: { message: mark } };
  return undefined;
}

function reads(request: ModelRequest, windows: readonly string[]): boolean {
  const shown = [
    ...request.prompt.messages.flatMap(({ parts }) => parts.map(({ text }) => readable(text))),
    ...request.tools.map(({ description }) => folded(description)),
  ];
  return windows.some((window) => shown.some((text) => text.includes(window)));
}

/** A tool's result is JSON: what stands in it is read as its strings, not with their escapes. */
function readable(text: string): string {
  try {
    return folded(JSON.stringify(JSON.parse(text)).replaceAll('\\n', ' ').replaceAll('\\"', '"'));
  } catch {
    return folded(text);
  }
}

/** Letters and digits, whatever stands between them and however they are written. */
const folded = (text: string): string =>
  text
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '');

function windowsOf(text: string): readonly string[] {
  const parts = aroundFindings(text).flatMap(windowsOfPart);
  const telling = parts.filter(({ length }) => length >= MIN_WINDOW_CHARS);
  return telling.length > 0 ? telling : [folded(text) || text];
}

/** What stands between the values that a policy may hide. */
function aroundFindings(text: string): readonly string[] {
  const edges = scanAtOnce(text).flatMap(({ start, end }) => [start, end]);
  const ends = [0, ...edges, text.length];
  return ends.flatMap((start, index) => (index % 2 === 0 ? [text.slice(start, ends[index + 1])] : []));
}

function windowsOfPart(part: string): readonly string[] {
  const whole = folded(part);
  if (whole.length <= WINDOW_CHARS) return [whole];
  const starts = Array.from({ length: Math.ceil(whole.length / WINDOW_CHARS) }, (_, i) => i * WINDOW_CHARS);
  return starts.map((start) => whole.slice(Math.min(start, whole.length - WINDOW_CHARS)).slice(0, WINDOW_CHARS));
}

const spokenByUser = ({ prompt }: ModelRequest): string =>
  prompt.messages.flatMap(({ parts }) => parts).find(({ origin }) => origin === 'user')?.text ?? '';

const hasCalled = ({ prompt }: ModelRequest, tool: string): boolean =>
  prompt.messages.some(({ toolCalls = [] }) => toolCalls.some((call) => call.tool === tool));

const usage = { inputTokens: 1, outputTokens: 1, cachedTokens: 0 };
const saying = (text: string): ModelReply => ({ text, finishReason: 'stop', usage });
const calling = (call: Omit<ToolCall, 'id'>): ModelReply => ({
  text: '',
  finishReason: 'tool-calls',
  toolCalls: [{ id: `call-${call.tool}`, ...call }],
  usage,
});
