// Whether a part of a text that is being written may be told before the rest is there: what the whole will have to pass, as far as a part can. Pure.
import { atOnce } from '../slices.ts';
import type { BuiltIn } from './check.ts';
import type { Draft } from './draft.ts';
import { grounded } from './grounded.ts';
import { characters, links, promptKept, secrets } from './safety.ts';

/** What a text is made of. */
export type Writing = Pick<Draft, 'rules' | 'usesTools' | 'prompt' | 'question' | 'passages'>;

export interface SoFar {
  /** Nothing would have to be taken out of it. */
  isSafe(text: string): boolean;
  /** The passages that it cites support it. @param part whole sentences with their citations, whose quotes stand word for word */
  isGrounded(part: string): boolean;
}

export function openSoFar(writing: Writing): SoFar {
  const none = {
    finishReason: 'stop',
    cited: [],
    quoted: { count: 0, wrong: 0, cut: false, first: new Map() },
  } as const;
  const passes = (checks: readonly BuiltIn[], text: string, isJson: boolean): boolean =>
    checks.every((check) => {
      const looked = check.look({ ...writing, ...none, text, isJson });
      return ('passed' in looked ? looked : atOnce(looked)).passed;
    });
  const asked = (checks: readonly BuiltIn[]): readonly BuiltIn[] =>
    checks.filter((check) => check.applies({ ...writing, ...none, text: '', isJson: false }));
  const safety = asked([characters, links, secrets, promptKept]);
  const grounding = asked([grounded]);
  return {
    // As JSON is looked at: it is held back rather than cleaned.
    isSafe: (text) => passes(safety, text, true),
    isGrounded: (part) => passes(grounding, part, false),
  };
}
