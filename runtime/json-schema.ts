// Arguments and replies held against a JSON Schema that somebody else wrote. What ajv cannot enforce in full is refused before it is used.
import { createContext, Script } from 'node:vm';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** What OpenAPI adds: said of a schema, and binding for nobody. */
const ANNOTATIONS = ['example', 'discriminator', 'xml', 'externalDocs'];
const DRAFT_7 = 'http://json-schema.org/draft-07/schema';
const MAX_PATTERN_MS = 100;

export interface SchemaProblem {
  /** Names of members and indices. */
  readonly path: readonly string[];
  readonly what: string;
  /** The last of `path` is a name of the value's own, which the schema does not have. */
  readonly unknownName?: true;
}

export interface CompiledSchema {
  /** What is wrong with a value; `undefined` for nothing. Repeats no value. */
  problemOf(value: unknown): SchemaProblem | undefined;
}

/**
 * Compiles a schema of draft 2020-12 (the default) or draft 7. Formats are annotations, as both drafts have it.
 *
 * @throws Error saying what of it cannot be enforced: unknown keywords, references that lead out of it, patterns that do not parse
 */
export function compileSchema(schema: JsonSchema): CompiledSchema {
  const { $schema: given } = schema;
  const draft = typeof given === 'string' ? given.replace(/#$/, '') : undefined;
  const options = {
    strictSchema: true,
    strictNumbers: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    validateFormats: false,
    addUsedSchema: false,
    logger: false,
    code: { regExp: boundedPattern },
  } as const;
  const ajv = draft === DRAFT_7 ? new Ajv(options) : new Ajv2020(options);
  ajv.addVocabulary(ANNOTATIONS);
  const validate = ajv.compile(schema);
  if ('$async' in validate) throw new Error('an asynchronous schema');
  return { problemOf: (value) => problemOf(validate, value) };
}

function problemOf(validate: ValidateFunction, value: unknown): SchemaProblem | undefined {
  try {
    if (validate(value) === true) return undefined;
  } catch {
    // A pattern that took too long, or a schema that refers to itself without end.
    return { path: [], what: 'the schema could not be held against it' };
  }
  const [first] = validate.errors ?? [];
  return first === undefined ? { path: [], what: 'not as the schema has it' } : described(first);
}

function described({
  instancePath,
  keyword,
  params,
  message = 'not as the schema has it',
}: ErrorObject): SchemaProblem {
  const { missingProperty: missing, additionalProperty: additional } = params as Readonly<Record<string, unknown>>;
  const path = instancePath.split('/').slice(1).map(unescaped);
  if (keyword === 'required') return { path: [...path, String(missing)], what: 'it is missing' };
  if (keyword === 'additionalProperties') {
    return { path: [...path, String(additional)], what: 'there is no such argument', unknownName: true };
  }
  return { path, what: message };
}

const unescaped = (segment: string): string => segment.replaceAll('~1', '/').replaceAll('~0', '~');

const sandbox = createContext({ pattern: /(?:)/u, text: '' });
const test = new Script('pattern.test(text)');

/** A pattern of somebody else's may take for ever on a text that fits it badly: it is given a tenth of a second. */
function boundedPattern(source: string, flags: string): { test(text: string): boolean; toString(): string } {
  const pattern = new RegExp(source, flags);
  return {
    // What ajv tells patterns apart by.
    toString: () => pattern.toString(),
    test(text) {
      Object.assign(sandbox, { pattern, text });
      return test.runInContext(sandbox, { timeout: MAX_PATTERN_MS }) as boolean;
    },
  };
}
boundedPattern.code = 'boundedPattern';
