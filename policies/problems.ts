// What is wrong with policies or schema, for people: file, line, and what could stand there instead.
import type { DetailedError, SchemaJson } from '@cedar-policy/cedar-wasm/nodejs';
import cedar from '@cedar-policy/cedar-wasm/nodejs';
import { UserError } from '../runtime/errors.ts';

/** A policy as it stands in its file. */
export interface PolicySource {
  readonly file: string;
  /** Of its first word, counted from 1. */
  readonly line: number;
  readonly text: string;
}

/** A text that does not parse. */
export function parseProblem(path: string, text: string, errors: readonly DetailedError[]): UserError {
  const [first] = errors;
  const offset = first?.sourceLocations?.[0]?.start;
  const line = offset === undefined ? '' : `:${lineAt(text, offset)}`;
  const label = first?.sourceLocations?.[0]?.label;
  const message = `${first?.message ?? 'does not parse'}${label == null ? '' : `: ${label}`}`;
  const help = first?.help;
  return new UserError(`${path}${line}: ${message}`, help == null ? {} : { hint: help });
}

interface Invalid {
  readonly policyId: string;
  readonly error: DetailedError;
}

/** Policies that name what the schema lacks: each on a line of its own, in the order of the file. */
export function schemaProblem(
  invalid: readonly Invalid[],
  sources: ReadonlyMap<string, PolicySource>,
  schema: { readonly path: string; readonly text: string },
): UserError {
  const found = invalid
    .map(({ policyId, error }) => {
      const source = sources.get(policyId);
      const offset = error.sourceLocations?.[0]?.start ?? 0;
      const line = source === undefined ? 0 : source.line + lineAt(source.text, offset) - 1;
      // Cedar begins with "for policy `ID`, ".
      const message = error.message.replace(`for policy \`${policyId}\`, `, '');
      const help = error.help == null ? '' : ` (${error.help})`;
      return { line, text: `${source?.file ?? policyId}:${line}: policy ${policyId}: ${message}${help}`, message };
    })
    .sort((a, b) => a.line - b.line);
  const allowed = [...new Set(found.flatMap(({ message }) => whatThereIs(message, schema.text) ?? []))];
  return new UserError(found.map(({ text }) => text).join('\n'), {
    hint: [...allowed, `What may be named stands in ${schema.path}.`].join(' '),
  });
}

/** Counted from 1. Cedar's offsets are bytes of UTF-8. */
const lineAt = (text: string, byteOffset: number): number =>
  Buffer.from(text).subarray(0, byteOffset).toString().split('\n').length;

function whatThereIs(message: string, schemaText: string): string | undefined {
  const answer = cedar.schemaToJson(schemaText);
  const schema: SchemaJson<string>[string] | undefined = answer.type === 'success' ? answer.json[''] : undefined;
  if (schema === undefined) return undefined;
  const list = (what: string, names: object | undefined): string =>
    `${what}: ${
      Object.keys(names ?? {})
        .sort()
        .join(', ') || 'nothing'
    }.`;
  const attributes = (of: unknown): object | undefined => (of as { attributes?: object } | undefined)?.attributes;
  const [, inContext] = /in context for Action::"([^"]+)"/.exec(message) ?? [];
  if (inContext !== undefined) {
    return list(`The context of ${inContext} has`, attributes(schema.actions[inContext]?.appliesTo?.context));
  }
  const [, entity] = /on entity type `([^`]+)`/.exec(message) ?? [];
  if (entity !== undefined) {
    const type = schema.entityTypes[entity] as { shape?: unknown } | undefined;
    return list(`${entity} has`, attributes(type?.shape));
  }
  if (message.includes('unrecognized action')) return list('Actions are', schema.actions);
  if (message.includes('unrecognized entity type')) return list('Entities are', schema.entityTypes);
  return undefined;
}
