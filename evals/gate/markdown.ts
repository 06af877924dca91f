// A verdict as Markdown, for a step summary or a comment on GitHub. Pure.
// Names from sets are untrusted: each stands in <code> with all of its signs as references, so that it can begin no link, image, table
// cell or tag, and call nobody by @name.
import { visible } from '../../runtime/visible.ts';
import { figureLines } from './text.ts';
import type { GateVerdict, RuleVerdict } from './verdict.ts';

const MARKS = { passed: '✅', failed: '❌', undecided: '⚠️', reported: 'ℹ️' } as const;

export function verdictMarkdown({ outcome, rules, figures }: GateVerdict): string {
  return [
    `## ${MARKS[outcome]} Gate ${outcome}`,
    '',
    '| | rule | reason |',
    '| --- | --- | --- |',
    ...rules.map(
      (rule) => `| ${MARKS[rule.outcome]} ${rule.outcome} | ${rule.rule} | ${rule.reason}${namesOf(rule)} |`,
    ),
    '',
    '| figure | value |',
    '| --- | --- |',
    ...figureLines(figures).map(([name, value]) => `| ${name} | ${value} |`),
    '',
  ].join('\n');
}

function namesOf({ outcome, cases = [], tags = [] }: RuleVerdict): string {
  if (outcome === 'passed') return '';
  const inCode = (names: readonly string[]): string => names.map((name) => `<code>${escaped(name)}</code>`).join(' ');
  return `${tags.length > 0 ? `<br>Tags: ${inCode(tags)}` : ''}${cases.length > 0 ? `<br>Cases: ${inCode(cases)}` : ''}`;
}

/** All ASCII signs as character references, which Markdown never reads as its own. */
const escaped = (name: string): string =>
  visible(name).replace(/[!-/:-@[-`{-~]/g, (sign) => `&#${sign.charCodeAt(0)};`);
