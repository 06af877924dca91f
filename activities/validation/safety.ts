// Checks of what an answer says beyond its matter: characters nobody sees, links that lead away, secrets, the operator's prompt, its language, words
// that are not to be said. What can be taken out without changing the matter is taken out; a JSON reply is left as it is and held back. Pure.
import type { Check } from '../../workflows/protocol/index.ts';
import { holdsInstruction } from '../injection-signals.ts';
import type { Sliced } from '../slices.ts';
import { checkCharacters, cleanCharacters } from './characters.ts';
import type { BuiltIn, Finding } from './check.ts';
import type { Draft } from './draft.ts';
import { checkLinks, removeForeignLinks } from './egress.ts';
import type { CheckLanguage } from './language.ts';
import { checkLeakage } from './leakage.ts';
import { checkSecrets } from './secrets.ts';

const isOn = (setting: unknown): boolean => setting !== false;
const findingOf = ({ passed, reason, score, threshold }: Check): Finding => ({ passed, reason, score, threshold });

export const characters: BuiltIn = {
  name: 'characters',
  applies: ({ rules }) => isOn(rules.checks?.characters),
  *look({ text, isJson }): Sliced<Finding> {
    const found = findingOf(yield* checkCharacters(text));
    if (found.passed || isJson) return found;
    const cleaned = yield* cleanCharacters(text);
    return { passed: true, reason: `${found.reason}, which were taken out`, text: cleaned };
  },
};

export const links: BuiltIn = {
  name: 'links-allowed',
  applies: ({ rules }) => isOn(rules.checks?.links),
  *look({ text, isJson, rules }): Sliced<Finding> {
    const hosts = allowedHosts(rules.checks?.links);
    const found = findingOf(yield* checkLinks(text, hosts));
    if (found.passed || isJson) return found;
    const { text: left } = yield* removeForeignLinks(text, hosts);
    return { passed: true, reason: `${found.reason}: those were taken out`, text: left };
  },
};

export const allowedHosts = (setting: { readonly hosts: readonly string[] } | false | undefined): readonly string[] =>
  setting === false ? [] : (setting?.hosts ?? []);

export const secrets: BuiltIn = {
  name: 'no-secrets',
  applies: ({ rules }) => isOn(rules.checks?.secrets),
  *look({ text, question, passages, usesTools }): Sliced<Finding> {
    // What tools told an agent is not in what is looked at here.
    const kinds = usesTools ? { kinds: [] } : {};
    return findingOf(yield* checkSecrets(text, { question, passages, ...kinds }));
  },
};

export const promptKept: BuiltIn = {
  name: 'prompt-kept',
  applies: ({ rules, isJson }) => isOn(rules.checks?.leakage) && !isJson,
  *look({ text, prompt, question, passages }): Sliced<Finding> {
    return findingOf(yield* checkLeakage(text, { systemPrompt: prompt, question, passages }));
  },
};

/** A signal for whoever watches, never a boundary: orders can be put in words that it does not know, and harmless text reads like them. */
export const injectionSignals: BuiltIn = {
  name: 'injection-signals',
  applies: () => true,
  *look({ text }): Sliced<Finding> {
    const found = yield* holdsInstruction(text);
    return {
      passed: true,
      score: found ? 0 : 1,
      reason: found
        ? 'repeats text that reads like orders to a model: noted, and nothing is held back for it'
        : 'repeats no orders',
    };
  },
};

/** Only where a release asks for it: its n-grams take 30 MB, and the worker's thread for a good part of a second, once. */
export const checksLanguage = ({ rules, isJson }: Pick<Draft, 'rules' | 'isJson'>): boolean =>
  rules.checks?.language === true && !isJson;

export const inLanguage = (check: CheckLanguage): BuiltIn => ({
  name: 'language',
  applies: checksLanguage,
  look: ({ question, text }) => findingOf(check(question, text)),
});
