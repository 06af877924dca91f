// Reads a run's steps out of its event history: what, when, how long, how often tried, and what came of it.
import type { DataConverter, Payload } from '@temporalio/common';
import { decodeArrayFromPayloads, loadDataConverter } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { plainConverter } from '../runtime/payloads/data-converter.ts';
import { decodeHistory } from '../runtime/payloads/decode-history.ts';
import type { Check, LocalStepResult } from '../workflows/protocol/index.ts';
import { decisionStep } from './decision-step.ts';
import type { Decode, Event, History } from './history.ts';
import { timestampMs } from './history.ts';
import { summarise } from './step-summary.ts';

export interface TimelineStep {
  /** Activity type, for example `retrieve`; `decide` for a person's decision. */
  readonly step: string;
  /** A local activity of ours, a regular one, or the way that a decision came. */
  readonly kind: 'local' | 'activity' | 'update' | 'signal';
  /** RFC 3339. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly attempts: number;
  readonly outcome: 'ok' | 'failed' | 'refused';
  /** One line for people, without content. */
  readonly summary: string;
  /** Of a validation: what each check looked at, and why it passed or not. Absent for other steps. */
  readonly checks?: readonly Check[];
}

export interface Timeline {
  readonly steps: readonly TimelineStep[];
  readonly events: number;
  readonly bytes: number;
}

/**
 * Makes the history readable, in place.
 *
 * @param dataConverter the one it is written with. @default none: it is readable, as the client gives it out
 */
export async function timelineOf(history: History, dataConverter: DataConverter = plainConverter): Promise<Timeline> {
  const bytes = sizeOf(history.events ?? []);
  await decodeHistory(history, dataConverter);
  const converter = loadDataConverter(plainConverter);
  const decode = async (payloads: readonly Payload[] | null | undefined): Promise<unknown> =>
    (await decodeArrayFromPayloads(converter, [...(payloads ?? [])]))[0];
  const events = history.events ?? [];
  const byId = new Map(events.map((event) => [Number(event.eventId), event]));
  const steps: TimelineStep[] = [];
  for (const event of events) {
    const step =
      (await localStepOf(event, decode)) ??
      (await activityOf(event, byId, decode)) ??
      (await decisionStep(event, byId, decode));
    if (step !== undefined) steps.push(step);
  }
  return { steps, events: events.length, bytes };
}

interface LocalActivityMarker {
  readonly activity_type: string;
  readonly attempt: number;
  readonly complete_time: string | ProtoTime;
}

interface ProtoTime {
  readonly seconds: number;
  readonly nanos: number;
}

async function localStepOf(event: Event, decode: Decode): Promise<TimelineStep | undefined> {
  const marker = event.markerRecordedEventAttributes;
  if (marker?.markerName !== 'core_local_activity') return undefined;
  const data = (await decode(marker.details?.['data']?.payloads)) as LocalActivityMarker;
  const result = await decode(marker.details?.['result']?.payloads);
  // The marker's own schedule time is set when it is written, after the activity: the step measured itself.
  const durationMs = (result as Partial<LocalStepResult> | undefined)?.durationMs ?? 0;
  const base = {
    step: data.activity_type,
    kind: 'local' as const,
    startedAt: new Date(toMs(data.complete_time) - durationMs).toISOString(),
    durationMs,
    attempts: data.attempt,
  };
  if (marker.failure != null) return { ...base, outcome: 'failed', summary: marker.failure.message ?? 'failed' };
  return { ...base, ...summarise(data.activity_type, result) };
}

async function activityOf(
  event: Event,
  byId: ReadonlyMap<number, Event>,
  decode: Decode,
): Promise<TimelineStep | undefined> {
  const ended =
    event.activityTaskCompletedEventAttributes ??
    event.activityTaskFailedEventAttributes ??
    event.activityTaskTimedOutEventAttributes;
  if (ended == null) return undefined;
  const scheduled = byId.get(Number(ended.scheduledEventId));
  const started = byId.get(Number(ended.startedEventId));
  const step = scheduled?.activityTaskScheduledEventAttributes?.activityType?.name ?? 'unknown';
  const startedMs = timestampMs(started?.eventTime ?? scheduled?.eventTime);
  const base = {
    step,
    kind: 'activity' as const,
    startedAt: new Date(startedMs).toISOString(),
    durationMs: Math.max(0, timestampMs(event.eventTime) - startedMs),
    attempts: started?.activityTaskStartedEventAttributes?.attempt ?? 1,
  };
  const result = event.activityTaskCompletedEventAttributes?.result?.payloads;
  if (event.activityTaskCompletedEventAttributes != null) return { ...base, ...summarise(step, await decode(result)) };
  const failure =
    event.activityTaskFailedEventAttributes?.failure ?? event.activityTaskTimedOutEventAttributes?.failure;
  return { ...base, outcome: 'failed', summary: failure?.cause?.message ?? failure?.message ?? 'timed out' };
}

function toMs(time: string | ProtoTime): number {
  return typeof time === 'string' ? Date.parse(time) : timestampMs(time);
}

/** Bytes of payloads, which is what grows; events add a fixed overhead of their own. */
function sizeOf(events: readonly Event[]): number {
  let bytes = 0;
  const visit = (value: unknown): void => {
    if (value instanceof Uint8Array) bytes += value.byteLength;
    else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) visit(item);
  };
  visit(events);
  return bytes;
}
