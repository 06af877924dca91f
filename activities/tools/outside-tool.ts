// A tool that somebody else defines: an MCP server, an OpenAPI document. Its texts are untrusted; what it takes is enforced here,
// before anything is sent, and what it is called elsewhere is part of what a release pins.
import { canonicalJson, digestOf } from '../../runtime/canonical.ts';
import type { CompiledSchema, JsonSchema } from '../../runtime/json-schema.ts';
import { compileSchema } from '../../runtime/json-schema.ts';
import type { AmountArguments, Risk, ToolAccess, ToolDefinition, ToolSource } from '../../workflows/protocol/index.ts';
import { MAX_TOOL_ARGUMENTS_BYTES } from '../../workflows/protocol/index.ts';
import type { Tool } from '../ports/tool.ts';
import { accessSaid } from './access.ts';
import { amountByArguments, CURRENCY, namesOf } from './amount.ts';
import type { CompensateSpec } from './define-tool.ts';
import { compensateOf, compensationOf, MAX_TIMEOUT_MS, markTool, NAME, RISKS } from './define-tool.ts';
import { NotJsonError, toJsonValue } from './json-value.ts';
import { defaultPreview, visible } from './preview.ts';
import { ToolArgumentsError } from './tool-failure.ts';

const MAX_DESCRIPTION_CHARS = 4_096;
const MAX_SCHEMA_BYTES = 64 * 1024;
/** Control, direction and other invisible characters, among them those that carry hidden text. Line ends and tabs are harmless. */
const HIDDEN = /\p{Cf}|\p{Zl}|\p{Zp}|[\u{e0100}-\u{e01ef}]|(?![\n\r\t])\p{Cc}/u;

/** What whoever runs the worker says of such a tool: nothing of it is taken from the outside. */
export interface OutsideToolOptions {
  /** snake_case. @default made of the name that it has there */
  readonly name?: string;
  /** @default 'high' */
  readonly risk?: Risk;
  /** Arguments that must not come from text of documents or of other tools. @default none */
  readonly mustBeTrusted?: readonly string[];
  /**
   * Arguments that say what a call moves, so that a policy can ask more people from some amount on: `{ argument: 'amount_cents',
   * currency: 'EUR' }`. A call that lacks one of them, or has there what is no amount, is invalid. @default policies know no amount
   */
  readonly amount?: AmountArguments;
  /**
   * What it can reach and do, for the rule of two; `reads` is also what its results count as. What a server says of itself
   * (`readOnlyHint`, `openWorldHint`) or a method (`GET`) does not count.
   *
   * @default `acts: true`; `reads: 'restricted'`, or `'internal'` with risk `low`
   */
  readonly access?: ToolAccess;
  /** Milliseconds that one attempt may take, 1 to 600000. @default 30000 */
  readonly timeoutMs?: number;
  /** The tool that undoes it, of whatever origin. @default none */
  readonly compensate?: CompensateSpec<unknown, unknown>;
}

export interface OutsideTool extends Pick<Tool, 'run' | 'confirm' | 'close'> {
  readonly source: ToolSource;
  readonly description: string;
  readonly inputSchema: JsonSchema;
  readonly idempotent: boolean;
  readonly options: OutsideToolOptions;
  /** First line of the preview, for people who decide: what is called, and where. */
  readonly headline: string;
  /** What the schema cannot say. Gives back what is wrong, by argument. */
  readonly alsoWrong?: (args: Readonly<Record<string, unknown>>) => string | undefined;
}

/** @throws TypeError naming the tool and what is wrong with it */
export function makeOutsideTool(tool: OutsideTool): Tool {
  const { source, options, headline } = tool;
  const { timeoutMs = 30_000 } = options;
  const name = options.name ?? snakeCase(source.name);
  const wrong = (what: string): TypeError => new TypeError(`Tool ${JSON.stringify(visible(source.name))}: ${what}`);
  if (!NAME.test(name)) throw wrong('give it a name in snake_case of at most 64 characters');
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > MAX_TIMEOUT_MS) {
    throw wrong(`timeoutMs is a whole number of milliseconds from 1 to ${MAX_TIMEOUT_MS}`);
  }
  const inputSchema = closed(tool.inputSchema);
  const schema = compiled(inputSchema, wrong);
  const definition = definitionOf({ ...tool, inputSchema }, name, wrong);
  const order = Object.keys(propertiesOf(inputSchema));
  // What is pinned, not what was passed.
  const { amount } = definition;
  return markTool({
    definition,
    definitionHash: digestOf(definition),
    timeoutMs,
    parse: (args) => parse(name, schema, args, tool.alsoWrong),
    preview: (args) => defaultPreview(`${name}: ${visible(headline)}`, args, order),
    ...(typeof amount === 'object' && { amount: (args: unknown) => amountByArguments(name, amount, args) }),
    run: tool.run,
    ...compensateOf(options.compensate),
    ...(tool.confirm !== undefined && { confirm: tool.confirm }),
    ...(tool.close !== undefined && { close: tool.close }),
  });
}

/** `createRefund`, `create-refund` and `create.refund` become `create_refund`. */
export const snakeCase = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase();

type Wrong = (what: string) => TypeError;

function definitionOf(tool: OutsideTool, name: string, wrong: Wrong): ToolDefinition {
  const { source, inputSchema, idempotent, options } = tool;
  const { risk = 'high', mustBeTrusted = [], amount } = options;
  if (!RISKS.includes(risk)) throw wrong(`its risk is one of ${RISKS.join(', ')}`);
  const properties = propertiesOf(inputSchema);
  const unknown = mustBeTrusted.filter((argument) => !Object.hasOwn(properties, argument));
  if (unknown.length > 0) throw wrong(`mustBeTrusted names ${unknown.join(', ')}, which is none of its arguments`);
  const moves = amount && checkedAmount(amount, properties, wrong);
  const description = shownText(tool.description);
  if (description === '') throw wrong('it has no description: a model cannot know what it does');
  if (description.length > MAX_DESCRIPTION_CHARS) {
    throw wrong(`its description has ${description.length} characters; at most ${MAX_DESCRIPTION_CHARS} are taken`);
  }
  return {
    name,
    description,
    risk,
    inputSchema,
    mustBeTrusted: [...new Set(mustBeTrusted)].sort(),
    idempotent,
    hasPreview: true,
    ...(moves !== undefined && { amount: moves }),
    source,
    ...compensationOf(name, options.compensate, wrong),
    ...accessSaid(options.access, wrong),
  };
}

/** As a release pins it: nothing but what counts. */
function checkedAmount(amount: AmountArguments, properties: object, wrong: Wrong): AmountArguments {
  const { argument, currency, currencyArgument } = amount;
  for (const path of currencyArgument === undefined ? [argument] : [argument, currencyArgument]) {
    const [first = ''] = namesOf(path);
    if (!Object.hasOwn(properties, first)) throw wrong(`amount names ${first}, which is none of its arguments`);
  }
  if (currencyArgument !== undefined) {
    if (currency === undefined) return { argument, currencyArgument };
    throw wrong('its amount has a currency or a currencyArgument, not both');
  }
  if (currency === undefined) return { argument };
  if (CURRENCY.test(currency)) return { argument, currency };
  throw wrong('the currency of its amount has three capital letters, such as EUR');
}

/** Hidden characters written out, so that what a model reads is what people read. */
const shownText = (text: string): string =>
  text
    .split(/\r?\n/)
    .map((line) => visible(line.replaceAll('\t', ' ')).replace(/[\u{e0100}-\u{e01ef}]/gu, '\\u{…}'))
    .join('\n')
    .trim();

function compiled(schema: JsonSchema, wrong: Wrong): CompiledSchema {
  let json: string;
  try {
    json = canonicalJson(toJsonValue(schema));
  } catch (error) {
    throw wrong(`the schema of its arguments is not plain JSON: ${error instanceof Error ? error.message : ''}`);
  }
  const bytes = Buffer.byteLength(json);
  if (bytes > MAX_SCHEMA_BYTES) {
    throw wrong(`the schema of its arguments has ${bytes} bytes; at most ${MAX_SCHEMA_BYTES} are taken`);
  }
  if (hasHidden(schema)) throw wrong('the schema of its arguments has control or invisible characters');
  const { type } = schema;
  if (type !== 'object') throw wrong('the schema of its arguments is not one of an object');
  try {
    return compileSchema(schema);
  } catch (cause) {
    const why = cause instanceof Error ? visible(cause.message).slice(0, 200) : '';
    throw wrong(`the schema of its arguments cannot be enforced: ${why}`);
  }
}

function hasHidden(value: unknown): boolean {
  if (typeof value === 'string') return HIDDEN.test(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, member]) => HIDDEN.test(key) || hasHidden(member));
}

const COMBINES = [
  'additionalProperties',
  'unevaluatedProperties',
  'patternProperties',
  '$ref',
  'anyOf',
  'oneOf',
  'allOf',
];

/** A call that says more than the tool hears is refused, unless the schema has something to say of that itself. */
const closed = (schema: JsonSchema): JsonSchema =>
  COMBINES.some((keyword) => Object.hasOwn(schema, keyword)) ? schema : { ...schema, additionalProperties: false };

function propertiesOf({ properties }: JsonSchema): object {
  return typeof properties === 'object' && properties !== null ? properties : {};
}

function parse(
  tool: string,
  schema: CompiledSchema,
  args: unknown,
  alsoWrong: OutsideTool['alsoWrong'],
): Readonly<Record<string, unknown>> {
  const refused = (what: string): ToolArgumentsError => new ToolArgumentsError(`Arguments of ${tool}: ${what}`);
  let value: unknown;
  try {
    value = toJsonValue(args);
  } catch (error) {
    if (error instanceof NotJsonError) throw refused(`${nameOf(error.path.map(String))}: ${error.message}`);
    throw error;
  }
  const problem = schema.problemOf(value);
  if (problem !== undefined) throw refused(`${nameOf(problem.path)}: ${visible(problem.what).slice(0, 300)}`);
  const bytes = Buffer.byteLength(canonicalJson(value));
  if (bytes > MAX_TOOL_ARGUMENTS_BYTES) {
    throw refused(`they have ${bytes} bytes of JSON; at most ${MAX_TOOL_ARGUMENTS_BYTES} are taken`);
  }
  const held = value as Readonly<Record<string, unknown>>;
  const more = alsoWrong?.(held);
  if (more !== undefined) throw refused(more);
  return held;
}

/** Names that a model made up are quoted and cut: they may hold anything. */
const nameOf = (path: readonly string[]): string =>
  path.length === 0
    ? 'all of them'
    : path.map((name) => (/^[\w-]{1,64}$/.test(name) ? name : JSON.stringify(visible(name.slice(0, 64))))).join('.');
