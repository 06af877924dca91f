// Qdrant's filter as far as the stand-in knows it: must, should, must_not over keyword matches. Pure.
import { z } from 'zod';

export type Payload = Readonly<Record<string, unknown>>;

const conditionSchema = z.strictObject({
  key: z.string(),
  match: z.union([
    z.strictObject({ value: z.union([z.string(), z.int(), z.boolean()]) }),
    z.strictObject({ any: z.array(z.string()) }),
  ]),
});

export const filterSchema = z.strictObject({
  must: z.array(conditionSchema).optional(),
  should: z.array(conditionSchema).optional(),
  must_not: z.array(conditionSchema).optional(),
});

export type Filter = z.infer<typeof filterSchema>;
type Condition = z.infer<typeof conditionSchema>;

export function filterKeys(filter: Filter | undefined): readonly string[] {
  return [...(filter?.must ?? []), ...(filter?.should ?? []), ...(filter?.must_not ?? [])].map(({ key }) => key);
}

export function matches(payload: Payload, filter: Filter | undefined): boolean {
  const holds = (condition: Condition): boolean => meets(payload, condition);
  if (!(filter?.must ?? []).every(holds)) return false;
  if (filter?.should !== undefined && filter.should.length > 0 && !filter.should.some(holds)) return false;
  return !(filter?.must_not ?? []).some(holds);
}

/** A list in the payload matches when one of its elements does. */
function meets(payload: Payload, { key, match }: Condition): boolean {
  const value = payload[key];
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const wanted: readonly unknown[] = 'any' in match ? match.any : [match.value];
  return values.some((entry) => wanted.includes(entry));
}
