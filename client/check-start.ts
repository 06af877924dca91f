// What a start must be, checked before anything is written: a bad one costs nothing and leaves nothing.
import { isAbsolute } from 'node:path';
import { canonicalJson } from '../runtime/canonical.ts';
import { messageOf, UserError } from '../runtime/errors.ts';
import {
  COLLECTION_KINDS,
  isChunkTokens,
  isKind,
  isTenant,
  MAINTAIN,
  MAX_QUESTION_BYTES,
  problemOfDense,
} from '../workflows/protocol/index.ts';
import type { StartRequest } from './transport.ts';

const COLLECTION = /^[a-z0-9][a-z0-9_-]{0,99}$/;
/** A request stands in the start event; more belongs into a store, and its reference into the request. */
const MAX_REQUEST_BYTES = 2 * MAX_QUESTION_BYTES;
const MAX_KEY_CHARS = 255;

/** @throws UserError that names what is wrong and what is allowed */
export function checkStart(start: StartRequest): void {
  const { workflow, request, tenant, principal, idempotencyKey, collection } = start;
  if (!isKind(workflow)) throw invalid(`not a workflow type: ${workflow}`, 'Letters, digits and -, at most 63.');
  if (workflow === MAINTAIN) {
    throw invalid(
      `${MAINTAIN} is the engine's own`,
      '`npx countersign maintenance` starts it; a flow needs another name.',
    );
  }
  if (tenant !== undefined && !isTenant(tenant)) {
    throw invalid(`not a tenant: ${tenant}`, 'Lower-case letters, digits and -, at most 63.');
  }
  if (principal !== undefined && tenant !== undefined && principal.tenant !== tenant) {
    throw invalid(
      `${principal.id} belongs to tenant ${principal.tenant}, not ${tenant}`,
      'A start stays in its tenant.',
    );
  }
  if (idempotencyKey !== undefined && (idempotencyKey === '' || idempotencyKey.length > MAX_KEY_CHARS)) {
    throw invalid('the idempotency key is empty or too long', `It has 1 to ${MAX_KEY_CHARS} characters.`);
  }
  if (collection !== undefined && !COLLECTION.test(collection)) {
    throw invalid(`not a collection: ${collection}`, 'Lower-case letters, digits, _ and -, at most 100.');
  }
  if (workflow === 'answer') checkText('question', request);
  if (workflow === 'agent') checkText('task', request);
  if (workflow === 'search') checkText('query', request);
  if (isCollectionKind(workflow)) checkCollection(workflow, request);
  else if (start.release === undefined) throw invalid(`${workflow} needs a release`, 'Name one, for example NAME@dev.');
  const bytes = Buffer.byteLength(jsonOf(request));
  if (bytes > MAX_REQUEST_BYTES) {
    throw invalid(`the request has ${bytes} bytes`, `At most ${MAX_REQUEST_BYTES} fit; send a reference to more.`);
  }
}

function checkText(name: 'question' | 'task' | 'query', request: unknown): void {
  const text = (request as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  if (typeof text !== 'string' || text.trim() === '') {
    throw invalid(`the ${name} is empty`, name === 'task' ? 'Say what is to be done.' : 'Ask something.');
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_QUESTION_BYTES) {
    throw invalid(
      `the ${name} has ${bytes.toLocaleString('en')} bytes`,
      `At most ${MAX_QUESTION_BYTES.toLocaleString('en')} are taken. Ingest long texts as documents.`,
    );
  }
}

function checkCollection(workflow: string, request: unknown): void {
  const { path, collection, chunks, dense, language } = (request ?? {}) as { readonly [key: string]: unknown };
  if (workflow === 'ingest' && (typeof path !== 'string' || !isAbsolute(path)))
    throw invalid('the path is not absolute', 'Name a folder by its full path.');
  if (typeof collection !== 'string' || !COLLECTION.test(collection)) {
    throw invalid(`not a collection: ${String(collection)}`, 'Lower-case letters, digits, _ and -, at most 100.');
  }
  if (chunks !== undefined && chunks !== 'default' && !isChunkTokens(chunks)) {
    throw invalid(
      'not sizes of chunks',
      'targetTokens 32 to 4000, maxTokens up to 8000, overlapTokens at most half of the target.',
    );
  }
  if (language !== undefined && (typeof language !== 'string' || !/^[a-z][a-z-]{0,39}$/.test(language))) {
    throw invalid(
      `not a language: ${String(language)}`,
      'Such as english or german; docs/retrieval.md has those that are there.',
    );
  }
  const problem = dense === undefined || dense === 'none' ? undefined : problemOfDense(dense);
  if (problem !== undefined) throw invalid(`not a way to embed: ${problem}`, 'collections.yaml says how.');
}

const isCollectionKind = (workflow: string): boolean => COLLECTION_KINDS.some((kind) => kind === workflow);

function jsonOf(request: unknown): string {
  try {
    return canonicalJson(request);
  } catch (cause) {
    throw invalid(`the request is not JSON: ${messageOf(cause)}`, 'Send plain JSON values.');
  }
}

const invalid = (what: string, hint: string): UserError =>
  new UserError(`Cannot start: ${what}`, { hint, exitCode: 64 });
