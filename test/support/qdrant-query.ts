// Qdrant's Query API as far as the stand-in knows it: nearest by sparse or dense vector, and prefetches fused by weighted reciprocal
// ranks, as its documentation says. 32-bit arithmetic; equal scores come in any order.
import { z } from 'zod';
import type { Filter, Payload } from './qdrant-filter.ts';
import { filterSchema } from './qdrant-filter.ts';

export const sparseSchema = z
  .strictObject({ indices: z.array(z.int().min(0).max(0xffff_ffff)), values: z.array(z.number()) })
  .refine(({ indices, values }) => indices.length === values.length, 'must be the same length')
  .refine(({ indices }) => new Set(indices).size === indices.length, 'must be unique');
export const denseSchema = z.array(z.number()).min(1);

const paramsSchema = z.strictObject({
  exact: z.boolean().optional(),
  quantization: z
    .strictObject({ rescore: z.boolean().optional(), oversampling: z.number().min(1).optional() })
    .optional(),
});
const nearestSchema = z.strictObject({
  // What an empty sparse vector finds is not documented.
  query: z.union([sparseSchema.refine(({ indices }) => indices.length > 0, 'must not be empty'), denseSchema]),
  using: z.string(),
  filter: filterSchema.optional(),
  params: paramsSchema.optional(),
  limit: z.int().min(1).default(10),
});
const rest = { with_payload: z.boolean().default(false), with_vector: z.array(z.string()).default([]) };
export const querySchema = z.union([
  z.strictObject({ ...nearestSchema.shape, ...rest }),
  z
    .strictObject({
      prefetch: z.array(nearestSchema).min(1),
      query: z.strictObject({
        rrf: z.strictObject({ k: z.int().min(1).default(2), weights: z.array(z.number()).optional() }),
      }),
      filter: filterSchema.optional(),
      limit: z.int().min(1).default(10),
      ...rest,
    })
    .refine(
      ({ prefetch, query: { rrf } }) => rrf.weights === undefined || rrf.weights.length === prefetch.length,
      'Number of weights in RRF should match number of pre-fetches',
    ),
]);

type Nearest = z.infer<typeof nearestSchema>;
export type Query = z.infer<typeof querySchema>;
export type Sparse = z.infer<typeof sparseSchema>;

export interface Point {
  readonly id: string | number;
  readonly vector: Readonly<Record<string, Sparse | readonly number[]>>;
  readonly payload: Payload;
}

interface Ranked {
  readonly point: Point;
  readonly score: number;
}

/** @param visible points that meet a filter; of all filters at once for a prefetch, since the outer one applies in it, too */
export function ranked(
  query: Query,
  visible: (filters: readonly (Filter | undefined)[]) => readonly Point[],
): Ranked[] {
  if (!('prefetch' in query)) return nearest(query, visible([query.filter]));
  const { prefetch, limit } = query;
  const { k, weights } = query.query.rrf;
  const scores = new Map<Point, number>();
  prefetch.forEach((leg, at) => {
    const weight = weights?.[at] ?? 1;
    nearest(leg, visible([query.filter, leg.filter])).forEach(({ point }, rank) => {
      // Not weight / (k + rank): a ranking of weight 3 has three places where one of weight 1 has one.
      const share = weight <= 0 ? 0 : Math.fround(1 / ((rank + 1) / weight + k - 1));
      scores.set(point, Math.fround((scores.get(point) ?? 0) + share));
    });
  });
  return best(
    [...scores].map(([point, score]) => ({ point, score })),
    limit,
  );
}

function nearest({ query, using, limit }: Nearest, points: readonly Point[]): Ranked[] {
  const found = points.flatMap((point) => {
    const vector = point.vector[using];
    if (vector === undefined) return [];
    const score = 'indices' in query ? sparseScore(query, vector) : denseScore(query, vector);
    return score === undefined ? [] : [{ point, score }];
  });
  return best(found, limit);
}

function best(found: readonly Ranked[], limit: number): Ranked[] {
  return found
    .map((each) => ({ ...each, order: Math.random() }))
    .sort((a, b) => b.score - a.score || a.order - b.order)
    .slice(0, limit);
}

/** `undefined` for a point that shares no index. */
function sparseScore(query: Sparse, vector: Point['vector'][string]): number | undefined {
  if (!('indices' in vector)) return undefined;
  const wanted = new Map(query.indices.map((index, at) => [index, Math.fround(query.values[at] ?? 0)]));
  let score: number | undefined;
  vector.indices.forEach((index, at) => {
    const weight = wanted.get(index);
    if (weight === undefined) return;
    score = Math.fround((score ?? 0) + Math.fround(weight * Math.fround(vector.values[at] ?? 0)));
  });
  return score;
}

function denseScore(query: readonly number[], vector: Point['vector'][string]): number | undefined {
  if ('indices' in vector) return undefined;
  return vector.reduce((sum, value, at) => Math.fround(sum + Math.fround(value * Math.fround(query[at] ?? 0))), 0);
}

/** As Qdrant gives vectors back: those asked for, in 32 bits. Whether it gives back an empty one is not documented. */
export const keptVectors = (vector: Point['vector'], names: readonly string[]): Point['vector'] =>
  Object.fromEntries(
    names.flatMap((name) => {
      const kept = vector[name];
      const isEmpty = kept !== undefined && 'indices' in kept && kept.indices.length === 0;
      return kept === undefined || isEmpty ? [] : [[name, inFloats(kept)]];
    }),
  );

const inFloats = (vector: Sparse | readonly number[]): Sparse | readonly number[] =>
  'indices' in vector ? { indices: vector.indices, values: vector.values.map(Math.fround) } : vector.map(Math.fround);
