// Checks of a user's own, made by `defineCheck`: pure ones run with the engine's, others as a step of their own. Whatever goes wrong in one
// fails closed.
import type { z } from 'zod';
import { CHECK_MARK } from '../../runtime/tools-module.ts';
import type { Check } from '../../workflows/protocol/index.ts';
import type { Finding } from './check.ts';
import { checkOf, failedCheck } from './check.ts';
import type { CheckSubject } from './draft.ts';

export interface CheckSpec<Settings> {
  /** Lower-case letters, digits and hyphens, as a release names it under `own_checks`. */
  readonly name: string;
  /** What a release may set. @default nothing */
  readonly settings?: z.ZodType<Settings>;
  /** It leaves our own systems, or takes longer than a second: it runs as an activity of its own, after all others have passed. @default false */
  readonly remote?: boolean;
  /** How long it may take. @default 1000; with `remote` 10000 */
  readonly timeoutMs?: number;
  /**
   * Looks at an answer before it is given out. What it throws, or does not say in time, keeps the answer back.
   *
   * @param subject the draft, and what it was made of. All of it is untrusted but `prompt`
   * @param context `signal` is aborted when the time is over
   */
  check(
    subject: CheckSubject,
    context: { readonly settings: Settings; readonly signal: AbortSignal },
  ): Finding | Promise<Finding>;
}

export interface OwnCheck {
  readonly [CHECK_MARK]: true;
  readonly name: string;
  readonly remote: boolean;
  /** @param settings as the release has them. Never rejects */
  run(subject: CheckSubject, settings: unknown): Promise<Check>;
}

const LOCAL_MS = 1_000;
const REMOTE_MS = 10_000;

/** @throws TypeError for a name that no release can have */
export function defineCheck<Settings = undefined>(spec: CheckSpec<Settings>): OwnCheck {
  const { name, settings: schema, remote = false, timeoutMs = remote ? REMOTE_MS : LOCAL_MS, check } = spec;
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(name)) {
    throw new TypeError(`A check's name has lower-case letters, digits and hyphens, and begins with a letter: ${name}`);
  }
  const parsed = (settings: unknown): Settings =>
    schema === undefined ? (undefined as Settings) : schema.parse(settings === true ? {} : settings);
  return Object.freeze({
    [CHECK_MARK]: true as const,
    name,
    remote,
    async run(subject: CheckSubject, settings: unknown): Promise<Check> {
      const timeout = new AbortController();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<Check>((resolve) => {
        timer = setTimeout(() => {
          resolve(failedCheck(name, `had not ended after ${timeoutMs} ms`));
          timeout.abort();
        }, timeoutMs);
      });
      const looking = async (): Promise<Check> => {
        try {
          return found(name, await check(subject, { settings: parsed(settings), signal: timeout.signal }));
        } catch {
          return failedCheck(name, 'failed');
        }
      };
      try {
        return await Promise.race([looking(), late]);
      } finally {
        clearTimeout(timer);
      }
    },
  });
}

export const isCheck = (value: unknown): value is OwnCheck =>
  typeof value === 'object' && value !== null && (value as Partial<OwnCheck>)[CHECK_MARK] === true;

const MAX_REASON_CHARS = 300;

/** What it says is held against what it may say: code of others may say anything. */
function found(name: string, finding: Finding): Check {
  const { passed, reason, score = null, threshold = null } = finding ?? {};
  const isScore = (value: unknown): boolean =>
    value === null || (typeof value === 'number' && value >= 0 && value <= 1);
  if (typeof passed !== 'boolean' || typeof reason !== 'string' || !isScore(score) || !isScore(threshold)) {
    return failedCheck(name, 'did not say whether the answer passes, and why');
  }
  return checkOf(name, { passed, reason: reason.slice(0, MAX_REASON_CHARS), score, threshold });
}
