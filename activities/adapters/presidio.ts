// A Presidio analyzer over its REST API: finds names and places, and the entities that it has recognizers for. Fails closed: without an
// answer that can be read, the text counts as not looked at.
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { merged } from '../../runtime/detection/scan.ts';
import type { DetectedKind, Finding } from '../../workflows/protocol/index.ts';
import { Failure } from '../../workflows/protocol/index.ts';
import type { Detector } from '../ports/detector.ts';

export interface PresidioOptions {
  /** Of the analyzer, without `/analyze`. */
  readonly url: string;
  /** ISO 639-1. @default en */
  readonly language?: string;
  /** Findings with a lower score are left out, 0–1. @default 0.4 */
  readonly minScore?: number;
  /** @default 10000 */
  readonly timeoutMs?: number;
}

/** Entities asked for, by Presidio's names. */
const KINDS: Readonly<Record<string, DetectedKind>> = {
  CREDIT_CARD: 'card',
  IBAN_CODE: 'iban',
  EMAIL_ADDRESS: 'email',
  PHONE_NUMBER: 'phone',
  IP_ADDRESS: 'ip',
  PERSON: 'person',
  LOCATION: 'location',
  US_SSN: 'national-id',
  US_ITIN: 'national-id',
  US_PASSPORT: 'national-id',
  US_DRIVER_LICENSE: 'national-id',
  UK_NHS: 'national-id',
  UK_NINO: 'national-id',
  ES_NIF: 'national-id',
  ES_NIE: 'national-id',
  IT_FISCAL_CODE: 'national-id',
  PL_PESEL: 'national-id',
};

const answerSchema = z.array(
  z
    .object({
      entity_type: z.string(),
      start: z.int().nonnegative(),
      end: z.int().nonnegative(),
      score: z.number().min(0).max(1),
    })
    .refine(({ start, end }) => start < end),
);

export function createPresidioDetector(options: PresidioOptions): Detector {
  const { url, language = 'en', minScore = 0.4, timeoutMs = 10_000 } = options;
  const endpoint = `${url.replace(/\/+$/, '')}/analyze`;
  return {
    async detect(text, signal) {
      if (text.trim() === '') return [];
      const timeout = AbortSignal.timeout(timeoutMs);
      const body = JSON.stringify({ text, language, entities: Object.keys(KINDS), score_threshold: minScore });
      const answer = await post(endpoint, body, signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
      return merged(findingsOf(text, answer));
    },
  };
}

async function post(endpoint: string, body: string, signal: AbortSignal): Promise<unknown> {
  let response: Response;
  let text: string;
  try {
    const headers = { 'content-type': 'application/json' };
    response = await fetch(endpoint, { method: 'POST', headers, body, signal, redirect: 'error' });
    text = await response.text();
  } catch (error) {
    const late = error instanceof Error && error.name === 'TimeoutError';
    throw unavailable(late ? 'did not answer in time' : 'cannot be reached');
  }
  const { status } = response;
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
    throw ApplicationFailure.nonRetryable(
      `The Presidio analyzer answered ${status}: check COUNTERSIGN_PRESIDIO_URL and COUNTERSIGN_PRESIDIO_LANGUAGE. Nothing was sent to a model.`,
      Failure.DetectorRefused,
    );
  }
  if (status !== 200) throw unavailable(`answered ${status}`);
  try {
    return JSON.parse(text);
  } catch {
    throw unavailable('answered something that is no JSON');
  }
}

/** Presidio counts code points, as Python does. */
function findingsOf(text: string, answer: unknown): Finding[] {
  const parsed = answerSchema.safeParse(answer);
  if (!parsed.success) throw unavailable('answered something that is no list of findings');
  const unitOf = unitOffsets(text);
  return parsed.data.map(({ entity_type, start, end, score }) => {
    const kind = Object.hasOwn(KINDS, entity_type) ? KINDS[entity_type] : undefined;
    const [from, to] = [unitOf(start), unitOf(end)];
    if (kind === undefined || from === undefined || to === undefined) {
      throw unavailable('found something that it was not asked for, or outside of the text');
    }
    return { kind, start: from, end: to, confidence: score };
  });
}

/** Offset in code units of the nth code point, also of the end; `undefined` beyond it. */
function unitOffsets(text: string): (point: number) => number | undefined {
  if (!/[\ud800-\udbff]/.test(text)) return (point) => (point <= text.length ? point : undefined);
  const offsets: number[] = [];
  for (let at = 0; at < text.length; at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1) offsets.push(at);
  offsets.push(text.length);
  return (point) => offsets[point];
}

const unavailable = (what: string): ApplicationFailure =>
  ApplicationFailure.create({
    message: `The Presidio analyzer ${what}. Nothing was sent to a model.`,
    type: Failure.DetectorUnavailable,
    nonRetryable: false,
  });
