// A strict stand-in for Qdrant, over real HTTP: collections with named vectors, aliases, searches, filters, upsert, delete, count, as
// its documentation says, and 4xx for everything else. It holds no rule of ours: equal scores come back shuffled on purpose.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { z } from 'zod';
import { messageOf } from '../../runtime/errors.ts';
import { listen } from './listen.ts';
import type { CheckRequest } from './openapi-check.ts';
import type { Filter } from './qdrant-filter.ts';
import { filterKeys, filterSchema, matches } from './qdrant-filter.ts';
import type { Point, Query } from './qdrant-query.ts';
import { denseSchema, keptVectors, querySchema, ranked, sparseSchema } from './qdrant-query.ts';

const denseParams = z.strictObject({
  size: z.int().min(1),
  distance: z.enum(['Dot', 'Cosine']),
  hnsw_config: z.strictObject({ m: z.int().min(0).optional(), ef_construct: z.int().min(4).optional() }).optional(),
  quantization_config: z
    .union([
      z.strictObject({ scalar: z.strictObject({ type: z.literal('int8'), always_ram: z.boolean().optional() }) }),
      z.strictObject({ binary: z.strictObject({ always_ram: z.boolean().optional() }) }),
    ])
    .optional(),
});
const createSchema = z.strictObject({
  vectors: z.record(z.string(), denseParams).default({}),
  sparse_vectors: z.record(z.string(), z.strictObject({})).default({}),
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
      vector: z.record(z.string(), z.union([sparseSchema, denseSchema])),
      payload: z.record(z.string(), z.unknown()),
    }),
  ),
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

interface Collection {
  readonly params: z.infer<typeof createSchema>;
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
  /** Bytes of the body of every request, in order. */
  readonly sizes: readonly number[];
  /** Bodies of the searches, in order. */
  readonly searches: readonly Query[];
  /** Names of the collections there are. */
  collections(): readonly string[];
  /** Names of collections by alias. */
  aliases(): Readonly<Record<string, string>>;
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
  const sizes: number[] = [];
  const searches: Query[] = [];
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
    const text = await readBody(request);
    sizes.push(Buffer.byteLength(text));
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    const isAliases = url.pathname === '/collections/aliases';
    const template = isAliases ? url.pathname : `/collections/{collection_name}${tail}`;
    const wrong = options.check?.({ method: method.toLowerCase(), template, query: url.searchParams, body });
    if (wrong !== undefined) throw new Refused(422, `OpenAPI: ${method} ${url.pathname}: ${wrong}`);
    if (isAliases) return changeAliases(collections, aliases, aliasesSchema.parse(body).actions);
    const name = decodeURIComponent(encoded);
    const route = `${method} ${tail}`;
    const byOwnName = route === 'PUT ' || route === 'DELETE ';
    return answer(
      { collections, aliases, searches },
      {
        route,
        // Collections are made and deleted by their own names; for everything else an alias is as good.
        name: byOwnName ? name : (aliases.get(name) ?? name),
        body,
        query: url.searchParams,
      },
    );
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
  const { address, close } = await listen(server);
  return {
    url: address,
    requests,
    sizes,
    searches,
    aliases: () => Object.fromEntries(aliases),
    collections: () => [...collections.keys()],
    failNext: (...statuses) => void failures.push(...statuses),
    [Symbol.asyncDispose]: close,
  };
}

interface Call {
  readonly route: string;
  readonly name: string;
  readonly body: unknown;
  readonly query: URLSearchParams;
}

interface Kept {
  readonly collections: Map<string, Collection>;
  readonly aliases: Map<string, string>;
  readonly searches: Query[];
}

function answer({ collections, aliases, searches }: Kept, { route, name, body, query }: Call): unknown {
  if (route === 'GET /exists') return { exists: collections.has(name) };
  if (route === 'PUT ') {
    if (collections.has(name) || aliases.has(name)) {
      throw new Refused(409, `Wrong input: Collection \`${name}\` already exists!`);
    }
    if (/[<>:"/\\|?*]/.test(name)) throw new Refused(422, `Not a name of a collection: ${name}`);
    collections.set(name, { params: createSchema.parse(body), indexes: new Set(), points: new Map() });
    return true;
  }
  if (route === 'DELETE ') {
    for (const [alias, collection] of aliases) if (collection === name) aliases.delete(alias);
    return collections.delete(name);
  }
  const collection = collections.get(name);
  if (collection === undefined) throw new Refused(404, `Not found: Collection \`${name}\` doesn't exist!`);
  switch (route) {
    case 'GET ':
      return described(collection);
    case 'GET /aliases':
      return {
        aliases: [...aliases].flatMap(([alias_name, collection_name]) =>
          collection_name === name ? [{ alias_name, collection_name }] : [],
        ),
      };
    case 'PUT /index':
      collection.indexes.add(indexSchema.parse(body).field_name);
      return { operation_id: 0, status: 'completed' };
    case 'PUT /points':
      return applied(query, upsert(collection, upsertSchema.parse(body).points));
    case 'POST /points/delete':
      return applied(query, remove(collection, deleteSchema.parse(body).filter));
    case 'POST /points/count':
      return { count: filtered(collection, countSchema.parse(body).filter).length };
    case 'POST /points/query': {
      const search = querySchema.parse(body);
      searches.push(search);
      return { points: found(collection, search) };
    }
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

/** With what Qdrant takes where nothing else was said. */
function described({ params, points }: Collection): unknown {
  return {
    status: 'green',
    optimizer_status: 'ok',
    segments_count: 1,
    points_count: points.size,
    config: {
      params: { ...params, shard_number: 1, replication_factor: 1, write_consistency_factor: 1, on_disk_payload: true },
      hnsw_config: { m: 16, ef_construct: 100, full_scan_threshold: 10_000 },
      optimizer_config: { deleted_threshold: 0.2, vacuum_min_vector_number: 1000, default_segment_number: 0 },
    },
    payload_schema: {},
  };
}

function upsert(collection: Collection, points: readonly Point[]): () => void {
  for (const [name, vector] of points.flatMap((point) => Object.entries(point.vector)))
    requireVector(collection, name, vector);
  return () => {
    for (const point of points)
      collection.points.set(point.id, { ...point, vector: asStored(collection, point.vector) });
  };
}

/** The named vector is of that kind and, when dense, of its dimensions. */
function requireVector({ params }: Collection, name: string, vector: Point['vector'][string]): void {
  const isSparse = 'indices' in vector;
  const dense = params.vectors[name];
  if (isSparse ? params.sparse_vectors[name] === undefined : dense === undefined) {
    throw new Refused(400, `Wrong input: Not existing vector name error: ${name}`);
  }
  if (isSparse || dense === undefined || vector.length === dense.size) return;
  throw new Refused(400, `Wrong input: Vector dimension error: expected dim: ${dense.size}, got ${vector.length}`);
}

/** Vectors that are compared by cosine are normalised when they are written. */
function asStored({ params }: Collection, vectors: Point['vector']): Point['vector'] {
  return Object.fromEntries(
    Object.entries(vectors).map(([name, vector]) => {
      if ('indices' in vector || params.vectors[name]?.distance !== 'Cosine') return [name, vector];
      const length = Math.hypot(...vector);
      return [name, vector.map((value) => Math.fround(value / length))];
    }),
  );
}

function remove(collection: Collection, filter: Filter): () => void {
  const ids = filtered(collection, filter).map((point) => point.id);
  return () => {
    for (const id of ids) collection.points.delete(id);
  };
}

function filtered(collection: Collection, ...filters: readonly (Filter | undefined)[]): Point[] {
  // Strict mode, the default in Qdrant Cloud, refuses to filter by a field that has no index.
  for (const key of filters.flatMap(filterKeys)) {
    if (!collection.indexes.has(key)) throw new Refused(400, `Bad request: Index required but not found for "${key}"`);
  }
  return [...collection.points.values()].filter(({ payload }) => filters.every((filter) => matches(payload, filter)));
}

function found(collection: Collection, query: Query) {
  const { with_payload, with_vector } = query;
  for (const nearest of 'prefetch' in query ? query.prefetch : [query]) {
    requireVector(collection, nearest.using, nearest.query);
  }
  for (const name of with_vector) {
    if (!(name in collection.params.vectors || name in collection.params.sparse_vectors)) {
      throw new Refused(400, `Wrong input: Not existing vector name error: ${name}`);
    }
  }
  return ranked(query, (filters) => filtered(collection, ...filters)).map(
    ({ point: { id, payload, vector }, score }) => ({
      id,
      version: 0,
      score,
      ...(with_payload && { payload }),
      ...(with_vector.length > 0 && { vector: keptVectors(vector, with_vector) }),
    }),
  );
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString('utf8');
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
