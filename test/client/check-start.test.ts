// What a start must be. Each refusal is wrong use: exit code 64, what is wrong, and what is allowed.
import { describe, expect, it } from 'vitest';
import { checkStart } from '../../client/check-start.ts';
import type { StartRequest } from '../../client/transport.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Principal } from '../../workflows/protocol/index.ts';
import { MAX_QUESTION_BYTES } from '../../workflows/protocol/index.ts';

const ada: Principal = { id: 'ada', tenant: 'default', groups: [], roles: [], clearance: 'public' };
const asking: StartRequest = { workflow: 'answer', request: { question: 'How long?' }, release: 'refunds' };
const ingesting: StartRequest = { workflow: 'ingest', request: { path: '/docs', collection: 'docs' } };
const doing: StartRequest = { workflow: 'agent', request: { task: 'Refund order A-1' }, release: 'support_agent' };
const flowing: StartRequest = { workflow: 'refundDesk', request: { text: 'x' }, release: 'refunds' };

/** The refusal of a start, which must be wrong use and say what to do. */
function refusalOf(start: StartRequest): UserError {
  try {
    checkStart(start);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    const refusal = error as UserError;
    expect(refusal.exitCode).toBe(64);
    expect(refusal.message).toMatch(/^Cannot start: /);
    expect(refusal.hint).toBeTruthy();
    return refusal;
  }
  throw new Error('the start was taken');
}

describe('a start is taken', () => {
  it.each<[string, StartRequest]>([
    ['of a question', asking],
    ['of an ingest, which has no release', ingesting],
    ['of a task', doing],
    ['of a task of exactly the limit', { ...doing, request: { task: 'x'.repeat(MAX_QUESTION_BYTES) } }],
    ["of a user's own flow", flowing],
    [
      'with everything set',
      { ...asking, tenant: 'default', principal: ada, idempotencyKey: 'k', collection: 'docs-2' },
    ],
    ['of a question of exactly the limit', { ...asking, request: { question: 'x'.repeat(MAX_QUESTION_BYTES) } }],
    ['with an idempotency key of 255 characters', { ...asking, idempotencyKey: 'k'.repeat(255) }],
    ['of a flow whose request is null', { ...flowing, request: null }],
  ])('%s', (_, start) => {
    expect(() => checkStart(start)).not.toThrow();
  });
});

describe('a question is refused that', () => {
  it.each<[string, unknown]>([
    ['is empty', { question: '' }],
    ['is white space', { question: ' \n\t ' }],
    ['is absent', {}],
    ['is no text', { question: 7 }],
    ['is in no object', null],
    ['is a text by itself', 'How long?'],
    ['is undefined', undefined],
  ])('%s', (_, request) => {
    expect(refusalOf({ ...asking, request }).message).toBe('Cannot start: the question is empty');
  });

  it('has 10 MB, with its number of bytes and the limit', () => {
    const refusal = refusalOf({ ...asking, request: { question: 'x'.repeat(10 * 1024 * 1024) } });
    expect(refusal.message).toBe('Cannot start: the question has 10,485,760 bytes');
    expect(refusal.hint).toContain('At most 262,144 are taken');
    expect(refusal.message.length + (refusal.hint?.length ?? 0)).toBeLessThan(300);
  });

  it('has fewer characters than the limit and more bytes', () => {
    const question = '€'.repeat(MAX_QUESTION_BYTES / 2);
    expect(refusalOf({ ...asking, request: { question } }).message).toContain('393,216 bytes');
  });

  it('brings along more than a question', () => {
    const request = { question: 'How long?', extra: 'x'.repeat(3 * MAX_QUESTION_BYTES) };
    expect(refusalOf({ ...asking, request }).message).toMatch(/the request has \d+ bytes/);
  });
});

describe('a task is refused that', () => {
  it.each<[string, unknown]>([
    ['is empty', { task: '' }],
    ['is white space', { task: ' \n\t ' }],
    ['is a question', { question: 'How long?' }],
    ['is no text', { task: ['refund'] }],
    ['is in no object', null],
    ['is undefined', undefined],
  ])('%s', (_, request) => {
    expect(refusalOf({ ...doing, request }).message).toBe('Cannot start: the task is empty');
  });

  it('has more bytes than the limit, with both numbers', () => {
    const refusal = refusalOf({ ...doing, request: { task: 'x'.repeat(MAX_QUESTION_BYTES + 1) } });
    expect(refusal.message).toBe('Cannot start: the task has 262,145 bytes');
    expect(refusal.hint).toContain('At most 262,144 are taken');
  });
});

describe('an ingest is refused', () => {
  it.each([
    ['of a relative path', 'docs'],
    ['of a path from the home folder', '~/docs'],
    ['of no path', undefined],
    ['of an empty path', ''],
  ])('%s', (_, path) => {
    const refusal = refusalOf({ ...ingesting, request: { path, collection: 'docs' } });
    expect(refusal.message).toContain('the path is not absolute');
    expect(refusal.hint).toContain('full path');
  });

  it.each([
    [{ targetTokens: 31, maxTokens: 60, overlapTokens: 0 }],
    [{ targetTokens: 300, maxTokens: 200, overlapTokens: 0 }],
    [{ targetTokens: 300, maxTokens: 600, overlapTokens: 151 }],
    [{ targetTokens: 300, maxTokens: 600 }],
    ['small'],
  ])('with chunks of %j', (chunks) => {
    const request = { path: '/docs', collection: 'docs', chunks };
    expect(refusalOf({ ...ingesting, request }).message).toContain('not sizes of chunks');
    const right = { targetTokens: 300, maxTokens: 600, overlapTokens: 150 };
    expect(() => checkStart({ ...ingesting, request: { ...request, chunks: right } })).not.toThrow();
  });

  it.each(['', 'Docs', 'my docs', '../docs', '-docs', 'd'.repeat(101), undefined])(
    'into the collection %j',
    (collection) => {
      const refusal = refusalOf({ ...ingesting, request: { path: '/docs', collection } });
      expect(refusal.message).toContain(`not a collection: ${String(collection)}`);
    },
  );

  it('of nothing', () => {
    refusalOf({ ...ingesting, request: null });
  });
});

describe('any start is refused', () => {
  it.each(['', 'my flow', '../answer', '1answer', 'a'.repeat(64)])('of a workflow type like %j', (workflow) => {
    expect(refusalOf({ ...flowing, workflow }).message).toContain('not a workflow type');
  });

  it.each(['answer', 'agent', 'refundDesk'])('of %s without a release', (workflow) => {
    const request = { question: 'How long?', task: 'Refund order A-1' };
    const { release: _, ...bare } = { ...asking, workflow, request };
    expect(refusalOf(bare).message).toBe(`Cannot start: ${workflow} needs a release`);
  });

  it.each(['', 'Acme', 'a b', 'a/b', '-a', 'a'.repeat(64)])('in a tenant like %j', (tenant) => {
    expect(refusalOf({ ...asking, tenant }).message).toContain(`not a tenant: ${tenant}`);
  });

  it('by somebody of another tenant', () => {
    expect(refusalOf({ ...asking, tenant: 'acme', principal: ada }).message).toContain(
      'ada belongs to tenant default, not acme',
    );
  });

  it.each(['Docs', 'a/b', ''])('with a collection like %j', (collection) => {
    expect(refusalOf({ ...asking, collection }).message).toContain('not a collection');
  });

  it.each([
    ['empty', ''],
    ['of 256 characters', 'k'.repeat(256)],
  ])('with an idempotency key that is %s, which is not repeated', (_, idempotencyKey) => {
    const refusal = refusalOf({ ...asking, idempotencyKey });
    expect(refusal.message).toContain('the idempotency key is empty or too long');
    expect(refusal.hint).toContain('255');
    expect(refusal.message).not.toContain('kkk');
  });

  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['a function', () => 1],
    ['NaN inside', { amount: Number.NaN }],
    ['a big integer', { amount: 1n }],
    ['a circle', circular],
  ])('with a request that is %s', (_, request) => {
    expect(refusalOf({ ...flowing, request }).message).toContain('the request is not JSON');
  });
});

describe('a start of the engine’s own chores is refused', () => {
  it('whatever comes with it', () => {
    const refusal = refusalOf({ ...flowing, workflow: 'maintain' });
    expect(refusal.message).toBe("Cannot start: maintain is the engine's own");
    expect(refusal.hint).toContain('countersign maintenance');
  });
});
