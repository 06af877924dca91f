// A run's steps read out of its history. answered-history.json is a real run's, as `countersign runs history` gave it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PayloadCodec } from '@temporalio/common';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { describe, expect, it } from 'vitest';
import type { History } from '../../client/history.ts';
import { toHistoryJson } from '../../client/history.ts';
import { summarise } from '../../client/step-summary.ts';
import { timelineOf } from '../../client/timeline.ts';

interface JsonEvent {
  eventId: string;
  eventType: string;
  eventTime: string;
  [attributes: string]: unknown;
}
interface JsonHistory {
  events: JsonEvent[];
}

const text = readFileSync(join(import.meta.dirname, 'answered-history.json'), 'utf8');
const answered = (): JsonHistory => JSON.parse(text) as JsonHistory;
const timeline = async (history: unknown) => await timelineOf(historyFromJSON(history));

/** The history with one event changed. */
function changed(id: number, change: (event: JsonEvent) => JsonEvent): JsonHistory {
  const { events } = answered();
  return { events: events.map((event) => (Number(event.eventId) === id ? change(event) : event)) };
}

describe('the timeline of an answered run', () => {
  it('has every step in order, local or not, with what came of it', async () => {
    const { steps, events } = await timeline(answered());
    expect(events).toBe(16);
    expect(steps.map(({ step, kind, outcome, attempts, summary }) => [step, kind, outcome, attempts, summary])).toEqual(
      [
        ['admit', 'local', 'ok', 1, 'allow customer: customers-and-staff-may-ask'],
        ['retrieve', 'local', 'ok', 1, '1 passage of 1 document, coverage 1.00'],
        ['assemble', 'local', 'ok', 1, '3 parts'],
        ['generate', 'activity', 'ok', 1, 'local/extractive: stop, 254 tokens in, 9 out'],
        ['validate', 'local', 'ok', 1, 'passed 5 checks'],
        ['record', 'local', 'ok', 1, 'trace written'],
      ],
    );
  });

  it('has when each step began: a local one by its own measure, another by its events', async () => {
    const { steps } = await timeline(answered());
    const [admit, , , generate] = steps;
    // The marker says when `admit` was complete, its result how long it took.
    expect(Date.parse(admit?.startedAt ?? '') + (admit?.durationMs ?? 0)).toBeCloseTo(1795476306408, -1);
    expect(admit?.durationMs).toBeGreaterThan(0);
    expect(generate).toMatchObject({ startedAt: '2026-11-23T23:25:06.501Z', durationMs: 47 });
    const starts = steps.map((step) => step.startedAt);
    expect(starts).toEqual([...starts].sort());
  });

  it('says nothing of what was asked, found or answered', async () => {
    const told = JSON.stringify((await timeline(answered())).steps);
    expect(text).toContain(Buffer.from('gift card').toString('base64').slice(0, 8));
    for (const word of ['gift', 'years', 'Harbour']) expect(told).not.toContain(word);
  });

  it('counts the bytes of payloads', async () => {
    const payloads = [...text.matchAll(/"(?:data|encoding)": ?"([^"]*)"/g)].map(([, data = '']) =>
      Buffer.from(data, 'base64'),
    );
    const bytes = payloads.reduce((sum, data) => sum + data.length, 0);
    expect((await timeline(answered())).bytes).toBe(bytes);
  });

  it('is the same from the JSON that the client gives out', async () => {
    const history: History = historyFromJSON(answered());
    expect(await timelineOf(historyFromJSON(JSON.parse(toHistoryJson(history))))).toEqual(await timelineOf(history));
  });

  it('is read through the codec that the run was written with', async () => {
    const flip = (data: Uint8Array): Uint8Array => data.map((byte) => byte ^ 0xff);
    const codec: PayloadCodec = {
      encode: async (payloads) => payloads.map((one) => ({ ...one, data: flip(one.data ?? new Uint8Array()) })),
      decode: async (payloads) => payloads.map((one) => ({ ...one, data: flip(one.data ?? new Uint8Array()) })),
    };
    const hidden = JSON.parse(text, (name, value: unknown) =>
      name === 'data' && typeof value === 'string'
        ? Buffer.from(flip(Buffer.from(value, 'base64'))).toString('base64')
        : value,
    ) as JsonHistory;
    const { steps } = await timelineOf(historyFromJSON(hidden), { payloadCodecs: [codec] });
    expect(steps).toEqual((await timeline(answered())).steps);
    await expect(timeline(hidden)).rejects.toThrow();
  });
});

describe('a step that went wrong', () => {
  const started = (attempt: number) => (event: JsonEvent) => ({
    ...event,
    activityTaskStartedEventAttributes: { ...(event['activityTaskStartedEventAttributes'] as object), attempt },
  });
  const ended = (type: string, attributes: object) => (event: JsonEvent) => {
    const { eventId, eventTime } = event;
    return { eventId, eventTime, eventType: `EVENT_TYPE_${type}`, ...attributes };
  };
  const ids = { scheduledEventId: '8', startedEventId: '9' };

  it('and was tried again shows how often', async () => {
    const { steps } = await timeline(changed(9, started(3)));
    expect(steps.find(({ step }) => step === 'generate')).toMatchObject({ attempts: 3, outcome: 'ok' });
  });

  it('for good shows the message of its cause', async () => {
    const failure = { message: 'Activity task failed', cause: { message: 'big-1 answered 401' } };
    const attributes = { activityTaskFailedEventAttributes: { ...ids, failure } };
    const { steps } = await timeline(changed(10, ended('ACTIVITY_TASK_FAILED', attributes)));
    expect(steps.find(({ step }) => step === 'generate')).toMatchObject({
      outcome: 'failed',
      summary: 'big-1 answered 401',
      durationMs: 47,
    });
  });

  it('by its time says so', async () => {
    const failure = { message: 'activity StartToClose timeout' };
    const attributes = { activityTaskTimedOutEventAttributes: { ...ids, failure } };
    const { steps } = await timeline(changed(10, ended('ACTIVITY_TASK_TIMED_OUT', attributes)));
    expect(steps.find(({ step }) => step === 'generate')).toMatchObject({
      outcome: 'failed',
      summary: 'activity StartToClose timeout',
    });
  });

  it('as a local activity shows its failure, its attempt and a time', async () => {
    const history = changed(6, (event) => {
      const marker = event['markerRecordedEventAttributes'] as { details: Record<string, unknown> };
      const { result: _, ...details } = marker.details;
      return {
        ...event,
        markerRecordedEventAttributes: { ...marker, details, failure: { message: 'the database is away' } },
      };
    });
    const { steps } = await timeline(history);
    expect(steps[1]).toMatchObject({
      step: 'retrieve',
      outcome: 'failed',
      summary: 'the database is away',
      durationMs: 0,
    });
    expect(steps[1]?.startedAt).toBe('2026-11-23T23:25:06.419Z');
  });

  it('that is still under way is not shown yet', async () => {
    const { events } = answered();
    const { steps } = await timeline({ events: events.slice(0, 9) });
    expect(steps.map(({ step }) => step)).toEqual(['admit', 'retrieve', 'assemble']);
  });
});

describe('a history without steps', () => {
  it('is an empty timeline', async () => {
    expect(await timelineOf({})).toEqual({ steps: [], events: 0, bytes: 0 });
  });

  it('skips markers that are not of a local activity', async () => {
    const patched = changed(5, (event) => ({
      ...event,
      markerRecordedEventAttributes: { markerName: 'core_patch', details: {} },
    }));
    expect((await timeline(patched)).steps.map(({ step }) => step)).not.toContain('admit');
  });
});

describe('a decision in the history', () => {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { decision: 'reject', approver: 'manager', iat: 1_795_000_000, reason: 'a secret reason' };
  const input = { v: 1, approvalId: 'default/approval/1', decision: `${part({ kid: 'k' })}.${part(claims)}.c` };
  const payloads = (value: unknown) => ({
    payloads: [
      {
        metadata: { encoding: Buffer.from('json/plain').toString('base64') },
        data: Buffer.from(JSON.stringify(value)).toString('base64'),
      },
    ],
  });
  const event = (eventId: string, type: string, attributes: object) => ({
    eventId,
    eventType: `EVENT_TYPE_WORKFLOW_EXECUTION_${type}`,
    eventTime: '2026-11-24T10:00:00Z',
    ...attributes,
  });
  const signalled = (signalName: string, value: unknown) =>
    event('1', 'SIGNALED', { workflowExecutionSignaledEventAttributes: { signalName, input: payloads(value) } });
  const updated = (name: string, outcome: object) => [
    event('1', 'UPDATE_ACCEPTED', {
      workflowExecutionUpdateAcceptedEventAttributes: {
        protocolInstanceId: 'u',
        acceptedRequest: { meta: { updateId: 'u' }, input: { name, args: payloads(input) } },
      },
    }),
    event('2', 'UPDATE_COMPLETED', {
      workflowExecutionUpdateCompletedEventAttributes: { meta: { updateId: 'u' }, acceptedEventId: '1', outcome },
    }),
  ];
  const decided = async (events: unknown[]) =>
    (await timeline({ events })).steps.map(({ step, kind, outcome, summary }) => [step, kind, outcome, summary]);

  it('by Update has who, what and the answer of the run, and no reason', async () => {
    const success = payloads({ v: 1, approvalId: input.approvalId, state: 'rejected', missing: 0 });
    expect(await decided(updated('decide', { success }))).toEqual([
      ['decide', 'update', 'ok', 'manager rejects: rejected'],
    ]);
  });

  it('by Update that came too late says that it does not count', async () => {
    expect(await decided(updated('decide', { failure: { message: 'already-decided' } }))).toEqual([
      ['decide', 'update', 'refused', 'manager rejects: does not count'],
    ]);
  });

  it('by Signal is not called counted', async () => {
    expect(await decided([signalled('decide', input)])).toEqual([
      ['decide', 'signal', 'ok', 'manager rejects, by signal: the run checks it'],
    ]);
  });

  it.each([null, 'approve', 7, {}, { decision: 'x' }])(
    'by Signal that carries %j is called unreadable',
    async (value) => {
      expect(await decided([signalled('decide', value)])).toEqual([
        ['decide', 'signal', 'ok', 'something unreadable, by signal: the run checks it'],
      ]);
    },
  );

  it('is told from other Updates and Signals', async () => {
    expect(await decided([signalled('hello', input), ...updated('other', {})])).toEqual([]);
  });
});

describe('one line about a step', () => {
  const verdictOn = (id: string, rules: string[], context: object = {}) => ({
    rules,
    facts: { resource: { type: 'Tool', id }, context },
  });
  const summary = (step: string, result: unknown) => summarise(step, result);

  it.each([
    [
      'a denial by a rule',
      summary('admit', { verdict: { decision: 'deny', rules: ['suspended'] }, principal: { id: 'eve' } }),
      { outcome: 'refused', summary: 'deny eve: suspended' },
    ],
    [
      'a denial because nothing allows it',
      summary('admit', { verdict: { decision: 'deny', rules: [] }, principal: { id: 'eve' } }),
      { outcome: 'refused', summary: 'deny eve: no policy allows it' },
    ],
    [
      'a search below the score',
      summary('retrieve', { verdict: 'below-min-score', passages: [], coverage: 0.3, reason: 'too little' }),
      { outcome: 'refused', summary: 'below-min-score: too little' },
    ],
    [
      'passages with orders',
      summary('assemble', { prompt: { messages: [{ parts: [1, 2] }, { parts: [3] }] }, injectionSignals: ['a', 'b'] }),
      { outcome: 'ok', summary: '3 parts, 2 passages with orders to the model, kept as data' },
    ],
    [
      'a reply that had been paid for',
      summary('generate', {
        model: 'm',
        finishReason: 'length',
        usage: { inputTokens: 1, outputTokens: 2 },
        reused: true,
      }),
      { outcome: 'refused', summary: 'm: length, 1 tokens in, 2 out, reply of an earlier attempt' },
    ],
    [
      'checks that failed, each with its reason',
      summary('validate', {
        passed: false,
        checks: [
          { name: 'complete', passed: true, reason: 'ends' },
          { name: 'quotes-verbatim', passed: false, reason: 'one is not' },
        ],
      }),
      {
        outcome: 'refused',
        summary: 'failed quotes-verbatim (one is not)',
        checks: [
          { name: 'complete', passed: true, reason: 'ends' },
          { name: 'quotes-verbatim', passed: false, reason: 'one is not' },
        ],
      },
    ],
    [
      'an ingest that changed nothing',
      summary('openGeneration', { changed: false, documents: 3, added: 0, updated: 0, removed: 0 }),
      { outcome: 'ok', summary: 'nothing changed' },
    ],
    [
      'a model that asks for tools',
      summary('generate', {
        model: 'm',
        finishReason: 'tool-calls',
        toolCalls: [{ tool: 'look_up_order', args: { id: 'secret' } }, { tool: 'refund_order' }],
        usage: { inputTokens: 1, outputTokens: 2 },
      }),
      { outcome: 'ok', summary: 'm: asks for look_up_order, refund_order, 1 tokens in, 2 out' },
    ],
    [
      'a model that asks for tools and names none',
      summary('generate', { model: 'm', finishReason: 'tool-calls', usage: { inputTokens: 1, outputTokens: 2 } }),
      { outcome: 'refused', summary: 'm: tool-calls, 1 tokens in, 2 out' },
    ],
    [
      'a call that is allowed',
      summary('judgeCall', { outcome: 'allow', message: '', verdict: verdictOn('look_up_order', ['low-risk']) }),
      { outcome: 'ok', summary: 'look_up_order: allow (low-risk)' },
    ],
    [
      'a call that undoes another',
      summary('judgeCall', {
        outcome: 'allow',
        message: '',
        verdict: verdictOn('release_seat', ['undoing'], { compensates: 'reserve_seat' }),
      }),
      { outcome: 'ok', summary: 'release_seat, to undo reserve_seat: allow (undoing)' },
    ],
    [
      'effects that can be undone',
      summary('planCompensations', { effects: [{ state: 'done' }, { state: 'done' }] }),
      { outcome: 'ok', summary: '2 effects to undo' },
    ],
    [
      'a call that needs people',
      summary('judgeCall', {
        outcome: 'approval',
        message: '',
        verdict: { ...verdictOn('wipe', ['others']), approval: { quorum: { n: 2, groups: ['managers', 'owners'] } } },
      }),
      { outcome: 'ok', summary: 'wipe: needs approval by 2 of managers, owners (others)' },
    ],
    [
      'a call that nothing allows',
      summary('judgeCall', { outcome: 'deny', message: 'no', verdict: verdictOn('wipe', []) }),
      { outcome: 'refused', summary: 'wipe: deny (no policy allows it)' },
    ],
    [
      'a call that breaks the schema',
      summary('judgeCall', { outcome: 'invalid', message: 'cents: expected a number' }),
      { outcome: 'refused', summary: 'invalid: cents: expected a number' },
    ],
    [
      'people who are asked',
      summary('requestApproval', {
        pending: { quorum: { n: 1, groups: ['managers'] }, expiresAt: '2026-11-25T10:30:00.000Z' },
      }),
      { outcome: 'ok', summary: 'asks 1 of managers until 2026-11-25 10:30 UTC' },
    ],
    ['an approval that ended', summary('closeApproval', {}), { outcome: 'ok', summary: 'how it ended is written' }],
    [
      'an effect',
      summary('callTool', { tool: 'refund_order', status: 'done', message: '', bytes: 1 }),
      { outcome: 'ok', summary: 'refund_order: done, 1 byte' },
    ],
    [
      'an effect that nobody can tell of',
      summary('callTool', { tool: 'refund_order', status: 'unknown', message: 'no end after 200 ms', bytes: 0 }),
      { outcome: 'failed', summary: 'refund_order: unknown: no end after 200 ms' },
    ],
    [
      'a call that was not let through',
      summary('callTool', { tool: 'refund_order', status: 'denied', message: '', bytes: 0 }),
      { outcome: 'refused', summary: 'refund_order: denied' },
    ],
    ['one chunk', summary('indexGeneration', { chunks: 1 }), { outcome: 'ok', summary: '1 chunk written' }],
    ["a user's own activity", summary('lookupOrder', { order: 'secret' }), { outcome: 'ok', summary: 'done' }],
    [
      'an activity that is named like a part of every object',
      summary('constructor', 1),
      { outcome: 'ok', summary: 'done' },
    ],
  ])('tells of %s', (_, line, expected) => {
    expect(line).toEqual(expected);
  });
});
