// `local/scripted`: plays the script of its release. Not a language model: it knows the tasks of its script and nothing else, needs
// no network and costs nothing. A pure function of the prompt: the same prompt gives the same reply.
import { ApplicationFailure } from '@temporalio/common';
import type { Script } from '../../releases/script.ts';
import type { Prompt } from '../../workflows/protocol/index.ts';
import { Failure, MAX_FAILURE_MESSAGE_CHARS } from '../../workflows/protocol/index.ts';
import type { Model, ModelReply } from '../ports/model.ts';
import { bySentence } from './by-sentence.ts';
import type { PlayedCall } from './script-values.ts';
import { fill, playedTurns } from './script-values.ts';
import { wordUsage } from './word-usage.ts';

type Rule = Script['rules'][number];

export function createScriptedModel(script: Script): Model {
  return {
    label: 'local/scripted',
    free: true,
    async call({ prompt, onText }) {
      const reply = play(script, prompt);
      bySentence(reply.text, onText);
      return reply;
    },
  };
}

function play(script: Script, prompt: Prompt): ModelReply {
  const task =
    prompt.messages.flatMap((message) => message.parts).findLast((part) => part.origin === 'user')?.text ?? '';
  const { rule, groups } = ruleFor(script, task);
  const played = playedTurns(prompt);
  const lookUp = { groups, calls: played.flat(), fail: (what: string) => cannotGoOn(rule, what) };

  const unsuccessful = played.at(-1)?.findLast((call) => call.status !== 'done');
  const turn = unsuccessful === undefined ? rule.turns[played.length] : rule.turns.at(-1);
  if (turn === undefined) throw cannotGoOn(rule, `has no turn ${played.length + 1}`);
  if ('calls' in turn) {
    if (unsuccessful !== undefined) throw cannotGoOn(rule, 'does not end with a text, and a call did not succeed');
    const before = played.flat().length;
    const toolCalls = turn.calls.map(({ tool, args }, i) => ({
      id: `call-${before + i + 1}`,
      tool,
      args: fill(args, lookUp),
    }));
    const written = toolCalls.map(({ tool, args }) => `${tool} ${JSON.stringify(args)}`).join(' ');
    return { text: '', finishReason: 'tool-calls', toolCalls, usage: wordUsage(prompt, written) };
  }
  const text = String(fill(textFor(turn.say, unsuccessful, rule), lookUp));
  return { text, finishReason: 'stop', usage: wordUsage(prompt, text) };
}

/** Where a turn's calls ended differently, the one that went wrong is what there is to say something about. */
function textFor(say: Readonly<Record<string, string>>, unsuccessful: PlayedCall | undefined, rule: Rule): string {
  const status = unsuccessful?.status ?? 'done';
  const key = [status, 'otherwise'].find((each) => Object.hasOwn(say, each));
  const text = key === undefined ? undefined : say[key];
  if (text === undefined) throw cannotGoOn(rule, `has no text for a call that ended as ${JSON.stringify(status)}`);
  return text;
}

function ruleFor(
  script: Script,
  task: string,
): { readonly rule: Rule; readonly groups: Readonly<Record<string, unknown>> } {
  for (const rule of script.rules) {
    const match = patternOf(rule).exec(task);
    if (match !== null) return { rule, groups: match.groups ?? {} };
  }
  throw notScripted(script);
}

function patternOf(rule: Rule): RegExp {
  try {
    return new RegExp(rule.task, 'i');
  } catch {
    throw cannotGoOn(rule, 'has a task that is no regular expression');
  }
}

function notScripted({ rules }: Script): ApplicationFailure {
  const before =
    'local/scripted is not a language model: it only plays the script of its release, and no rule there matches this task. It knows';
  const after = 'For anything else, map the model to a real one in models.yaml.';
  let room = MAX_FAILURE_MESSAGE_CHARS - before.length - after.length - ' and 99 more. '.length;
  const examples: string[] = [];
  for (const { example } of rules) {
    const quoted = JSON.stringify(example);
    room -= quoted.length + 2;
    if (room < 0) break;
    examples.push(quoted);
  }
  const more = rules.length - examples.length;
  const listed = `${examples.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return ApplicationFailure.nonRetryable(`${before} ${listed}. ${after}`, Failure.ModelNotScripted);
}

/** `what` never holds anything of the task or of a result. */
function cannotGoOn({ example }: Rule, what: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `local/scripted is not a language model, and its script for ${JSON.stringify(example.slice(0, 100))} ${what}. Mend script.yaml and publish the release again.`,
    Failure.ModelNotScripted,
  );
}
