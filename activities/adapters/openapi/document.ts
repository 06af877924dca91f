// An OpenAPI 3 document: its operations by id, with references written out. Only what can be sent exactly is read; the rest is
// refused.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { messageOf, UserError } from '../../../runtime/errors.ts';

export type Node = Readonly<Record<string, unknown>>;

export interface FoundOperation {
  readonly method: string;
  /** Template, such as `/orders/{id}`. */
  readonly path: string;
  /** With the parameters of its path, and every reference written out. */
  readonly operation: Node;
}

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete'];
/** Of one operation with its references written out: a few references to references make millions. */
const MAX_NODES = 20_000;

/** @throws UserError for what is no OpenAPI 3 document */
export function readDocument(document: string | Node): Node {
  const read = typeof document === 'string' ? readFile(document) : document;
  const { openapi } = isNode(read) ? read : {};
  if (!isNode(read) || typeof openapi !== 'string' || !/^3\.\d/.test(openapi)) {
    throw new UserError('The document is not OpenAPI 3', { hint: 'It begins with `openapi: 3.0.3` or later.' });
  }
  return read;
}

/** @throws Error when it is not there once, or refers to what cannot be written out */
export function findOperation(document: Node, id: string): FoundOperation {
  const found: FoundOperation[] = [];
  for (const [path, item] of Object.entries(isNode(document['paths']) ? document['paths'] : {})) {
    if (!isNode(item)) continue;
    for (const method of METHODS) {
      const operation = item[method];
      if (!isNode(operation) || operation['operationId'] !== id) continue;
      const own = listOf(operation['parameters']);
      const parameters = [...listOf(item['parameters']), ...own];
      found.push({ method: method.toUpperCase(), path, operation: { ...operation, parameters } });
    }
  }
  const [only, second] = found;
  if (only === undefined) throw new Error('the document has no such operation');
  if (second !== undefined) throw new Error('the document has two operations of that id');
  const count = { left: MAX_NODES };
  return { ...only, operation: writtenOut(document, only.operation, [], count) as Node };
}

export const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function writtenOut(document: Node, value: unknown, within: readonly string[], count: { left: number }): unknown {
  count.left -= 1;
  if (count.left < 0) throw new Error('its references, written out, are too many');
  if (Array.isArray(value)) return value.map((item) => writtenOut(document, item, within, count));
  if (!isNode(value)) return value;
  const { $ref: ref } = value;
  if (typeof ref === 'string') {
    if (within.includes(ref)) throw new Error('it has a schema that refers to itself');
    return writtenOut(document, target(document, ref), [...within, ref], count);
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, writtenOut(document, member, within, count)]),
  );
}

function target(document: Node, ref: string): unknown {
  if (!ref.startsWith('#/')) throw new Error('it refers to another document');
  let at: unknown = document;
  for (const segment of ref.slice(2).split('/')) {
    const key = decodeURIComponent(segment).replaceAll('~1', '/').replaceAll('~0', '~');
    at = isNode(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  }
  if (at === undefined) throw new Error('it refers to something that is not in the document');
  return at;
}

function readFile(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UserError(`The OpenAPI document ${path} cannot be read: ${messageOf(cause).split('\n')[0]}`, { cause });
  }
}
