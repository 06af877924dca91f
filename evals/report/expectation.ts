// What a case expects, as short lines for people. Pure; the words of the set are untrusted text.
import type { EvalCase } from '../../releases/eval-case.ts';
import { ms, usd } from '../gate/wording.ts';

/** A demand a line; empty where the set says nothing. */
export function expectationText({ expected, expect }: Pick<EvalCase, 'expected' | 'expect'>): string {
  const { behaviour, answerAny, answerAll, exact, matches, mustNot, cite, quote, toolCalls, approvals } = expect;
  const { maxCostUsd, maxLatencyMs, schema, minGrounding, scores, judge } = expect;
  const demands: (readonly [string, string | undefined])[] = [
    ['right answer', expected ?? undefined],
    ['behaviour', behaviour],
    ['says one of', answerAny && inLine(answerAny)],
    ['says', answerAll && inLine(answerAll)],
    ['is exactly', exact],
    ['matches', matches?.map((pattern) => `/${pattern}/`).join(', ')],
    ['must not say', mustNot.length === 0 ? undefined : inLine(mustNot)],
    ['cites', cite?.join(', ')],
    ['quotes', quote && inLine([quote])],
    ['calls', toolCalls && (toolCalls.length === 0 ? 'no tool' : toolCalls.map(callText).join(', then '))],
    ['approvals asked for', approvals === undefined ? undefined : String(approvals)],
    ['costs at most', maxCostUsd === undefined ? undefined : usd(maxCostUsd)],
    ['takes at most', maxLatencyMs === undefined ? undefined : ms(maxLatencyMs)],
    ['fits the schema', schema && JSON.stringify(schema)],
    ['grounding of at least', minGrounding === undefined ? undefined : String(minGrounding)],
    ['scores', scores?.map(({ scorer, atLeast }) => `${scorer} ${atLeast}`).join(', ')],
    ['to be judged', judge],
  ];
  return demands.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`])).join('\n');
}

const inLine = (spans: readonly string[]): string => spans.map((span) => JSON.stringify(span)).join(', ');

const callText = ({ tool, args }: { readonly tool: string; readonly args?: object }): string =>
  args === undefined ? tool : `${tool}(${JSON.stringify(args)})`;
