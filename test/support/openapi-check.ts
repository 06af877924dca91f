// Checks requests against an OpenAPI 3.0 document, more strictly than its text asks: a property it does not name is an
// error, and `{nullable: true}` allows null and nothing else.
import { readFileSync } from 'node:fs';
import type { ValidateFunction } from 'ajv';
import { Ajv } from 'ajv';
import { z } from 'zod';

const documentSchema = z.object({
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});
const operationSchema = z.object({
  parameters: z.array(z.object({ name: z.string(), in: z.enum(['path', 'query']), schema: z.unknown() })).default([]),
  requestBody: z.object({ content: z.object({ 'application/json': z.object({ schema: z.unknown() }) }) }).optional(),
});

export interface OpenApiRequest {
  /** Lower case. */
  readonly method: string;
  /** With placeholders, for example `/collections/{collection_name}`. */
  readonly template: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

/** Says what is wrong with a request, or `undefined`. */
export type CheckRequest = (request: OpenApiRequest) => string | undefined;

export function createOpenApiCheck(path: string): CheckRequest {
  const document = documentSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  const ajv = new Ajv({ strict: false, allErrors: false, validateFormats: false });
  ajv.addSchema({ $id: 'openapi', components: { schemas: strict(document.components.schemas) } });
  const compiled = new Map<unknown, ValidateFunction>();
  const validatorOf = (schema: unknown): ValidateFunction => {
    const known = compiled.get(schema) ?? ajv.compile({ allOf: [strict(schema)] });
    compiled.set(schema, known);
    return known;
  };
  return ({ method, template, query, body }) => {
    const found = document.paths[template]?.[method];
    if (found === undefined) return `${method.toUpperCase()} ${template} is not in the API`;
    const operation = operationSchema.parse(found);
    const parameters = new Map(operation.parameters.map((parameter) => [parameter.name, parameter.schema]));
    for (const [name, value] of query) {
      const schema = parameters.get(name);
      if (schema === undefined) return `query parameter ${name} is not in the API`;
      const fits = [value, Number(value), value === 'true' ? true : value === 'false' ? false : value];
      if (!fits.some((candidate) => validatorOf(schema)(candidate))) return `query parameter ${name}=${value}`;
    }
    const wanted = operation.requestBody?.content['application/json'].schema;
    if (wanted === undefined) return body === undefined ? undefined : 'no body is expected';
    const validate = validatorOf(wanted);
    return validate(body) ? undefined : ajv.errorsText(validate.errors);
  };
}

function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { nullable, example: _, ...rest } = schema as Record<string, unknown>;
  const converted: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rest)) converted[key] = strict(value);
  const ref = converted['$ref'];
  if (typeof ref === 'string') converted['$ref'] = ref.replace('#/', 'openapi#/');
  if (isObjectSchema(converted)) converted['additionalProperties'] = false;
  if (nullable !== true) return converted;
  return Object.keys(converted).length === 0 ? { type: 'null' } : { anyOf: [{ type: 'null' }, converted] };
}

/** A schema that lists its properties; not a map of properties that happens to have one called `properties`. */
function isObjectSchema(schema: Record<string, unknown>): boolean {
  return (
    schema['type'] === 'object' &&
    typeof schema['properties'] === 'object' &&
    schema['additionalProperties'] === undefined &&
    !('anyOf' in schema || 'oneOf' in schema || 'allOf' in schema)
  );
}
