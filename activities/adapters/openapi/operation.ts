// What a tool takes for an operation: its parameters and its body, as one schema; and which responses are known to mean that
// nothing was done.
import { digestOf } from '../../../runtime/canonical.ts';
import type { JsonSchema } from '../../../runtime/json-schema.ts';
import type { Digest } from '../../../workflows/protocol/index.ts';
import type { Node } from './document.ts';
import { findOperation, isNode, listOf } from './document.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
}

export interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
  /** Where the body is among the arguments: all of them, or the one named `body`. */
  readonly body: 'arguments' | 'member' | 'none';
  readonly inputSchema: JsonSchema;
  /** Statuses of which the document says that nothing was done. */
  readonly nothingDoneOn: readonly number[];
  readonly digest: Digest;
}

const SCALARS: readonly unknown[] = ['string', 'number', 'integer', 'boolean'];
/** Not parameters by the standard; and those by which a request could say that it is another one. */
const NOT_PARAMETERS = ['accept', 'content-type', 'authorization'];
/** For the funnel to choose: a model that could would make a second effect pass for the first. */
const IDEMPOTENCY_KEY = 'idempotency-key';
const REFUSED_HEADERS = [
  'host',
  'cookie',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
];
const NOTHING_DONE = 'x-countersign-nothing-done';

/** @param own headers that the options set: not for the model to choose, in lower case */
export function readOperation(document: Node, id: string, own: readonly string[]): Operation {
  const { method, path, operation } = findOperation(document, id);
  const { summary, description, requestBody, responses } = operation;
  const parameters = parametersOf(operation, own);
  const body = bodyOf(requestBody);
  const shape = body === undefined ? 'none' : parameters.length === 0 && isObject(body) ? 'arguments' : 'member';
  if (shape === 'member' && parameters.some(({ name }) => name === 'body')) {
    throw new Error('a parameter is named body, beside a body');
  }
  const texts = [summary, description].filter((text) => typeof text === 'string' && text.trim() !== '');
  return {
    id,
    method,
    path,
    description: [...new Set(texts)].join('\n'),
    parameters: parameters.map(({ name, in: where }) => ({ name, in: where })),
    body: shape,
    inputSchema: shape === 'arguments' && body !== undefined ? body.schema : membersSchema(parameters, body),
    nothingDoneOn: statusesOf(responses),
    digest: digestOf({
      method,
      path,
      summary,
      description,
      parameters: operation['parameters'],
      requestBody,
      responses,
    }),
  };
}

interface ReadParameter extends Parameter {
  readonly required: boolean;
  readonly schema: JsonSchema;
}

interface Body {
  readonly required: boolean;
  readonly schema: JsonSchema;
}

const isObject = ({ required, schema }: Body): boolean => required && schema['type'] === 'object';

function parametersOf(operation: Node, own: readonly string[]): readonly ReadParameter[] {
  const byName = new Map<string, ReadParameter>();
  for (const given of listOf(operation['parameters'])) {
    const parameter = parameterOf(given, own);
    if (parameter === undefined) continue;
    const before = byName.get(parameter.name);
    if (before !== undefined && before.in !== parameter.in)
      throw new Error(`two parameters are named ${parameter.name}`);
    // What the operation says of a parameter stands before what its path says.
    byName.set(parameter.name, parameter);
  }
  return [...byName.values()];
}

function parameterOf(given: unknown, own: readonly string[]): ReadParameter | undefined {
  if (!isNode(given)) throw new Error('a parameter is no object');
  const { name, in: where, required = false, schema, description } = given;
  if (typeof name !== 'string' || name === '') throw new Error('a parameter has no name');
  if (where === 'header' && [...NOT_PARAMETERS, ...own].includes(name.toLowerCase())) return undefined;
  if (where === 'header' && name.toLowerCase() === IDEMPOTENCY_KEY) {
    if (required === true) throw new Error(`it demands ${name}: name it as the idempotencyHeader`);
    return undefined;
  }
  if (where !== 'path' && where !== 'query' && where !== 'header') throw new Error(`parameter ${name} is in ${where}`);
  if (where === 'header' && REFUSED_HEADERS.includes(name.toLowerCase()))
    throw new Error(`parameter ${name} is refused`);
  if (!isNode(schema)) throw new Error(`parameter ${name} has no schema`);
  const { type, items } = schema;
  const isList = where === 'query' && type === 'array' && isNode(items) && SCALARS.includes(items['type']);
  const plain = where === 'query' ? 'form' : 'simple';
  const { style = plain, explode = where === 'query', allowReserved = false } = given;
  if (
    !(SCALARS.includes(type) || isList) ||
    style !== plain ||
    allowReserved !== false ||
    (isList && explode !== true)
  ) {
    throw new Error(`parameter ${name} is written in a way that is not supported`);
  }
  return {
    name,
    in: where,
    required: required === true || where === 'path',
    schema: { ...(typeof description === 'string' && { description }), ...clean(schema) },
  };
}

function bodyOf(requestBody: unknown): Body | undefined {
  if (requestBody === undefined) return undefined;
  const { content, required = false } = isNode(requestBody) ? requestBody : {};
  const media = isNode(content) ? content['application/json'] : undefined;
  const schema = isNode(media) ? media['schema'] : undefined;
  if (!isNode(schema)) throw new Error('its body is not JSON with a schema');
  return { required: required === true, schema: clean(schema) };
}

function membersSchema(parameters: readonly ReadParameter[], body: Body | undefined): JsonSchema {
  const required = parameters.filter((parameter) => parameter.required).map(({ name }) => name);
  return {
    type: 'object',
    properties: {
      ...Object.fromEntries(parameters.map(({ name, schema }) => [name, schema])),
      ...(body !== undefined && { body: body.schema }),
    },
    required: [...required, ...(body?.required === true ? ['body'] : [])].sort(),
  };
}

const MAPS = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'];
const VALUES = ['const', 'enum', 'default', 'example', 'examples'];

/** Without extensions (`x-…`), which bind nobody. */
function clean(schema: Node, isMap = false): JsonSchema {
  const kept = Object.entries(schema).filter(([key]) => isMap || !key.startsWith('x-'));
  return Object.fromEntries(
    kept.map(([key, member]) => {
      if (!isMap && VALUES.includes(key)) return [key, member];
      const isNextMap = !isMap && MAPS.includes(key);
      if (Array.isArray(member)) return [key, member.map((item) => (isNode(item) ? clean(item) : item))];
      return [key, isNode(member) ? clean(member, isNextMap) : member];
    }),
  );
}

function statusesOf(responses: unknown): readonly number[] {
  if (!isNode(responses)) return [];
  const said = Object.entries(responses).filter(([, response]) => isNode(response) && response[NOTHING_DONE] === true);
  return said.map(([status]) => Number(status)).filter(Number.isInteger);
}
