// A strict stand-in for Qdrant, over real HTTP: sparse dot product, filters, upsert, delete, count, as its documentation
// says, and 4xx for everything else. It holds no rule of ours: equal scores come back shuffled on purpose.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { messageOf } from '../../runtime/errors.ts';
import type { CheckRequest } from './openapi-check.ts';
import type { Filter, Payload } from './qdrant-filter.ts';
import { filterKeys, filterSchema, matches } from './qdrant-filter.ts';

const sparseSchema = z
  .strictObject({ indices: z.array(z.int().min(0).max(0xffff_ffff)), values: z.array(z.number()) })
  .refine(({ indices, values }) => indices.length === values.length, 'must be the same length')
  .refine(({ indices }) => new Set(indices).size === indices.length, 'must be unique');
const createSchema = z.strictObject({
  vectors: z.strictObject({}).optional(),
  sparse_vectors: z.record(z.string(), z.strictObject({})),
});
const indexSchema = z.strictObject({
  field_name: z.string(),
  field_schema: z.union([
    z.literal('keyword'),
    z.strictObject({ type: z.literal('keyword'), is_tenant: z.boolean().optional() }),
  ]),
});
const pointId = z.union([z.int().min(0), z.uuid()]);
const upsertSchema = z.strictObject({
  points: z.array(
    z.strictObject({
      id: pointId,
      vector: z.record(z.string(), sparseSchema),
      payload: z.record(z.string(), z.unknown()),
    }),
  ),
});
const querySchema = z.strictObject({
  query: sparseSchema,
  using: z.string(),
  filter: filterSchema.optional(),
  limit: z.int().min(1).default(10),
  with_payload: z.boolean().default(false),
  with_vector: z.array(z.string()).default([]),
});
const aliasesSchema = z.strictObject({
  actions: z.array(
    z.union([
      z.strictObject({ create_alias: z.strictObject({ alias_name: z.string(), collection_name: z.string() }) }),
      z.strictObject({ delete_alias: z.strictObject({ alias_name: z.string() }) }),
    ]),
  ),
});
const deleteSchema = z.strictObject({ filter: filterSchema });
const countSchema = z.strictObject({ filter: filterSchema.optional(), exact: z.boolean().default(true) });

type Sparse = z.infer<typeof sparseSchema>;
interface Point {
  readonly id: string | number;
  readonly vector: Readonly<Record<string, Sparse>>;
  readonly payload: Payload;
}
interface Collection {
  readonly vectors: ReadonlySet<string>;
  readonly indexes: Set<string>;
  readonly points: Map<string | number, Point>;
}

class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface QdrantStandIn extends AsyncDisposable {
  readonly url: string;
  /** `METHOD path` of every request, in order. */
  readonly requests: readonly string[];
  /** Names of the collections there are. */
  collections(): readonly string[];
  /** The next requests are answered with these statuses instead of being carried out. */
  failNext(...statuses: readonly number[]): void;
}

export interface QdrantStandInOptions {
  /** Absent: requests are checked by this file only. */
  readonly check?: CheckRequest | undefined;
  readonly apiKey?: string;
}

export async function startQdrantStandIn(options: QdrantStandInOptions = {}): Promise<QdrantStandIn> {
  const collections = new Map<string, Collection>();
  const aliases = new Map<string, string>();
  const requests: string[] = [];
  const failures: number[] = [];

  const handle = async (request: IncomingMessage): Promise<unknown> => {
    const url = new URL(request.url ?? '/', 'http://stand-in');
    const method = request.method ?? 'GET';
    requests.push(`${method} ${url.pathname}`);
    if (options.apiKey !== undefined && request.headers['api-key'] !== options.apiKey) {
      throw new Refused(401, 'Must provide an API key or an Authorization bearer token');
    }
    const failure = failures.shift();
    if (failure !== undefined) throw new Refused(failure, 'told to fail');
    const [, encoded = '', tail = ''] = /^\/collections\/([^/]+)(\/.*)?$/.exec(url.pathname) ?? [];
    const body = await readBody(request);
    const isAliases = url.pathname === '/collections/aliases';
    const template = isAliases ? url.pathname : `/collections/{collection_name}${tail}`;
    const wrong = options.check?.({ method: method.toLowerCase(), template, query: url.searchParams, body });
    if (wrong !== undefined) throw new Refused(422, `OpenAPI: ${method} ${url.pathname}: ${wrong}`);
    if (isAliases) return changeAliases(collections, aliases, aliasesSchema.parse(body).actions);
    const name = decodeURIComponent(encoded);
    return answer(collections, {
      route: `${method} ${tail}`,
      // Collections are made and deleted by their own names; for everything else an alias is as good.
      name: tail === '' ? name : (aliases.get(name) ?? name),
      body,
      query: url.searchParams,
    });
  };

  const server = createServer((request, response) => {
    handle(request).then(
      (result) => reply(response, 200, { result, status: 'ok', time: 0 }),
      (cause: unknown) => {
        const status = cause instanceof Refused ? cause.status : cause instanceof z.ZodError ? 400 : 500;
        const error = cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause);
        reply(response, status, { status: { error }, time: 0 });
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    collections: () => [...collections.keys()],
    failNext: (...statuses) => void failures.push(...statuses),
    [Symbol.asyncDispose]: () => closed(server),
  };
}

interface Call {
  readonly route: string;
  readonly name: string;
  readonly body: unknown;
  readonly query: URLSearchParams;
}

function answer(collections: Map<string, Collection>, { route, name, body, query }: Call): unknown {
  if (route === 'GET /exists') return { exists: collections.has(name) };
  if (route === 'PUT ') {
    if (collections.has(name)) throw new Refused(409, `Wrong input: Collection \`${name}\` already exists!`);
    const { sparse_vectors } = createSchema.parse(body);
    collections.set(name, { vectors: new Set(Object.keys(sparse_vectors)), indexes: new Set(), points: new Map() });
    return true;
  }
  if (route === 'DELETE ') return collections.delete(name);
  const collection = collections.get(name);
  if (collection === undefined) throw new Refused(404, `Not found: Collection \`${name}\` doesn't exist!`);
  switch (route) {
    case 'PUT /index':
      collection.indexes.add(indexSchema.parse(body).field_name);
      return { operation_id: 0, status: 'completed' };
    case 'PUT /points':
      return applied(query, upsert(collection, upsertSchema.parse(body).points));
    case 'POST /points/delete':
      return applied(query, remove(collection, deleteSchema.parse(body).filter));
    case 'POST /points/count':
      return { count: filtered(collection, countSchema.parse(body).filter).length };
    case 'POST /points/query':
      return { points: search(collection, querySchema.parse(body)) };
    default:
      throw new Refused(404, `The stand-in does not know ${route}`);
  }
}

function changeAliases(
  collections: ReadonlyMap<string, Collection>,
  aliases: Map<string, string>,
  actions: z.infer<typeof aliasesSchema>['actions'],
): boolean {
  for (const action of actions) {
    if ('delete_alias' in action) {
      aliases.delete(action.delete_alias.alias_name);
      continue;
    }
    const { alias_name, collection_name } = action.create_alias;
    if (!collections.has(collection_name)) {
      throw new Refused(404, `Not found: Collection \`${collection_name}\` doesn't exist!`);
    }
    if (collections.has(alias_name))
      throw new Refused(409, `Wrong input: Collection \`${alias_name}\` already exists!`);
    aliases.set(alias_name, collection_name);
  }
  return true;
}

/** Without `wait` a change is acknowledged first and visible later. */
function applied(query: URLSearchParams, change: () => void): unknown {
  if (query.get('wait') === 'true') change();
  else setTimeout(change, 200).unref();
  return { operation_id: 0, status: query.get('wait') === 'true' ? 'completed' : 'acknowledged' };
}

function upsert(collection: Collection, points: readonly Point[]): () => void {
  for (const name of points.flatMap((point) => Object.keys(point.vector))) {
    if (!collection.vectors.has(name)) throw new Refused(400, `Wrong input: Not existing vector name error: ${name}`);
  }
  return () => {
    for (const point of points) collection.points.set(point.id, point);
  };
}

function remove(collection: Collection, filter: Filter): () => void {
  const ids = filtered(collection, filter).map((point) => point.id);
  return () => {
    for (const id of ids) collection.points.delete(id);
  };
}

function filtered(collection: Collection, filter: Filter | undefined): Point[] {
  // Strict mode, the default in Qdrant Cloud, refuses to filter by a field that has no index.
  for (const key of filterKeys(filter)) {
    if (!collection.indexes.has(key)) throw new Refused(400, `Bad request: Index required but not found for "${key}"`);
  }
  return [...collection.points.values()].filter((point) => matches(point.payload, filter));
}

function search(
  collection: Collection,
  { query, using, filter, limit, with_payload, with_vector }: z.infer<typeof querySchema>,
) {
  for (const name of [using, ...with_vector]) {
    if (!collection.vectors.has(name)) throw new Refused(400, `Wrong input: Not existing vector name error: ${name}`);
  }
  const wanted = new Map(query.indices.map((index, at) => [index, Math.fround(query.values[at] ?? 0)]));
  return filtered(collection, filter)
    .flatMap(({ id, payload, vector }) => {
      let score = 0;
      let overlap = false;
      vector[using]?.indices.forEach((index, at) => {
        const weight = wanted.get(index);
        if (weight === undefined) return;
        overlap = true;
        score = Math.fround(score + Math.fround(weight * Math.fround(vector[using]?.values[at] ?? 0)));
      });
      const asked = with_vector.length > 0 && { vector: kept(vector, with_vector) };
      return overlap
        ? [{ id, version: 0, score, ...(with_payload && { payload }), ...asked, order: Math.random() }]
        : [];
    })
    .sort((a, b) => b.score - a.score || a.order - b.order)
    .slice(0, limit)
    .map(({ order: _, ...point }) => point);
}

/** As Qdrant gives vectors back: those asked for, in 32 bits. */
const kept = (vector: Point['vector'], names: readonly string[]): Point['vector'] =>
  Object.fromEntries(
    names.flatMap((name) => {
      const { indices, values } = vector[name] ?? {};
      return indices === undefined || values === undefined
        ? []
        : [[name, { indices, values: values.map(Math.fround) }]];
    }),
  );

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(Buffer.from(part));
  const text = Buffer.concat(parts).toString('utf8');
  return text === '' ? undefined : JSON.parse(text);
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
