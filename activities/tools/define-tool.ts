// How a tool is defined: its code beside what a model is told of it. Checked when it is defined, so a worker with a wrong one does
// not start.
import { z } from 'zod';
import { digestOf } from '../../runtime/canonical.ts';
import type { Amount, Risk, ToolAccess, ToolDefinition } from '../../workflows/protocol/index.ts';
import type { Tool, ToolContext } from '../ports/tool.ts';
import { accessSaid } from './access.ts';
import { amountByCode } from './amount.ts';
import { toJsonValue } from './json-value.ts';
import { parseArguments } from './parse-arguments.ts';
import { defaultPreview } from './preview.ts';

export const NAME = /^(?=.{1,64}$)[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
export const RISKS: readonly Risk[] = ['low', 'medium', 'high', 'critical'];
export const MAX_TIMEOUT_MS = 600_000;
/** Shared by every copy of this module, so that a tools module may have been loaded by another. */
const TOOL = Symbol.for('countersign.tool');

/** Write `receipt` and `compensate` after `run`: their types come from what `run` gives back. */
export interface ToolSpec<Input extends z.ZodObject, Result> {
  /** snake_case, at most 64 characters, unique in a release. */
  readonly name: string;
  /** One sentence that tells the model what it does and when to use it. */
  readonly description: string;
  /**
   * The arguments, as a `z.object`. Arguments that it does not name are refused, unless it is a `z.looseObject`. Defaults and
   * transforms are applied once, before the call is judged; what comes out must be JSON again, at most 32 KiB of it.
   */
  readonly input: Input;
  /** What a wrong call can do. The access policy asks people from some risk on. */
  readonly risk: Risk;
  /** Arguments that must not come from text of documents or of other tools: such a call asks people. @default none */
  readonly mustBeTrusted?: readonly Extract<keyof z.input<Input>, string>[];
  /**
   * True when the tool hands `context.idempotencyKey` to a system that acts once a key, or changes nothing. Only then is `run`
   * called again after a crash or an error, with the same arguments and the same key. @default false: `run` is called at most once
   */
  readonly idempotent?: boolean;
  /**
   * What it can reach and do, for the rule of two: `reads`, the most sensitive data that it can give back or send on, which is also
   * what its results count as where the code does not say; `acts`, that it changes something, or tells anybody outside something.
   *
   * @default `{ reads: 'internal', acts: true }`
   */
  readonly access?: ToolAccess;
  /** Milliseconds that one attempt may take, 1 to 600000. @default 30000 */
  readonly timeoutMs?: number;
  /**
   * One or a few lines that tell an approver what will happen. Pure: it is made again right before the effect, and another text
   * then stops it. @default the name, and each argument on a line
   */
  preview?(args: z.output<Input>): string;
  /**
   * What the call moves, so that a policy can ask more people from some amount on: `{ value: 2490, currency: 'EUR' }`. The value is a
   * whole number from 0 on, in minor units (cents); without a currency something is counted, such as letters. A call of which it
   * cannot be told, since this throws or gives back anything else, is invalid. Pure: it is made again right before the effect, and
   * another amount then stops it. @default policies know no amount of this tool's calls
   */
  amount?(args: z.output<Input>): Amount;
  /**
   * Does it. Gives back JSON: at most 32 MiB are kept, and the model is shown the first 20,000 characters. Throw a {@link ToolFailure}
   * when certainly nothing happened; any other error means that nobody can tell, and a tool that is not idempotent then waits for a
   * person.
   */
  run(args: z.output<Input>, context: ToolContext): Promise<Result>;
  /** The outside system's own receipt in a result, for example the id of a refund. @default none */
  receipt?(result: Result): string;
  /** The tool that undoes it, when a run fails, is cancelled or runs out of its budget, or when its flow says so. @default none */
  readonly compensate?: CompensateSpec<z.output<Input>, Result>;
}

export interface CompensateSpec<Args, Result> {
  /** Name of another tool. Releases and workers that have the one must have the other. */
  readonly tool: string;
  /** The arguments of that tool, made of those that were used and of the result as JSON has it. Pure. */
  args(args: Args, result: Result): unknown;
}

/**
 * Makes a tool. Its definition (all but the code and the timeout) is what releases pin by hash: change it and the release has to be
 * published again.
 *
 * @throws TypeError naming the tool and what is wrong with it
 */
export function defineTool<Input extends z.ZodObject, Result>(spec: ToolSpec<Input, Result>): Tool {
  const { timeoutMs = 30_000 } = spec;
  const schema = checkedInput(spec);
  const definition = definitionOf(spec, schema);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > MAX_TIMEOUT_MS) {
    throw wrong(spec, `timeoutMs is a whole number of milliseconds from 1 to ${MAX_TIMEOUT_MS}`);
  }
  if (typeof spec.run !== 'function') throw wrong(spec, 'run is a function');
  const { amount } = spec;

  const { name } = definition;
  const order = Object.keys(schema.shape);
  // What the funnel hands on has been through `parse`, so it has the schema's type.
  const typed = (args: unknown): z.output<Input> => args as z.output<Input>;
  const tool: Tool = {
    definition,
    definitionHash: digestOf(definition),
    timeoutMs,
    parse: (args) => parseArguments(name, schema, args),
    preview: (args) =>
      spec.preview === undefined ? defaultPreview(name, args, order) : checkedPreview(spec, spec.preview(typed(args))),
    ...(amount !== undefined && {
      amount: (args: unknown) => amountByCode(name, () => amount(typed(structuredClone(args)))),
    }),
    // Async, so that code that throws at once rejects like any other.
    run: async (args, context) => await spec.run(typed(args), context),
    ...compensateOf(spec.compensate as CompensateSpec<unknown, unknown> | undefined),
    ...(spec.receipt !== undefined && { receipt: (result: unknown) => spec.receipt?.(result as Result) ?? '' }),
  };
  return markTool(tool);
}

/** As the port has it. */
export const compensateOf = (
  compensate: CompensateSpec<unknown, unknown> | undefined,
): Required<Pick<Tool, 'compensate'>> | undefined =>
  compensate && { compensate: (args, result) => compensate.args(args, result) };

/** The member of a definition, so that one without it keeps its hash. */
export function compensationOf(
  name: string,
  compensate: CompensateSpec<never, never> | undefined,
  wrong: (what: string) => TypeError,
): Pick<ToolDefinition, 'compensation'> {
  if (compensate === undefined) return {};
  const { tool, args } = compensate;
  if (typeof tool !== 'string' || !NAME.test(tool)) throw wrong('compensate.tool is the name of another tool');
  if (tool === name) throw wrong('it cannot be its own compensation');
  if (typeof args !== 'function') throw wrong('compensate.args is a function of its arguments and its result');
  return { compensation: tool };
}

/** Makes {@link isTool} know it. */
export const markTool = (tool: Tool): Tool => Object.freeze(Object.defineProperty(tool, TOOL, { value: true }));

/** Whether a value is a tool that {@link defineTool}, or another maker of this project, made. */
export const isTool = (value: unknown): value is Tool =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, TOOL);

type AnySpec = Pick<
  ToolSpec<z.ZodObject, unknown>,
  'name' | 'description' | 'risk' | 'mustBeTrusted' | 'idempotent' | 'access'
> & {
  readonly input: unknown;
  readonly preview?: unknown;
  readonly amount?: unknown;
  readonly compensate?: CompensateSpec<never, never>;
};

function definitionOf(spec: AnySpec, schema: z.ZodObject): ToolDefinition {
  const { name, description, risk, mustBeTrusted = [], idempotent = false } = spec;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw wrong(spec, 'its name is snake_case, such as refund_order, and has at most 64 characters');
  }
  if (typeof description !== 'string' || description.trim() === '') {
    throw wrong(spec, 'its description is a sentence for the model, not empty');
  }
  if (!RISKS.includes(risk)) throw wrong(spec, `its risk is one of ${RISKS.join(', ')}`);
  if (typeof idempotent !== 'boolean') throw wrong(spec, 'idempotent is true or false');
  if (spec.amount !== undefined && typeof spec.amount !== 'function') throw wrong(spec, 'its amount is a function');
  const unknown = mustBeTrusted.filter((argument) => !Object.hasOwn(schema.shape, argument));
  if (unknown.length > 0) {
    throw wrong(spec, `mustBeTrusted names ${unknown.join(', ')}, which is none of its arguments`);
  }
  const definition: ToolDefinition = {
    name,
    description,
    risk,
    inputSchema: inputSchemaOf(spec, schema),
    mustBeTrusted: [...new Set(mustBeTrusted)].sort(),
    idempotent,
    hasPreview: spec.preview !== undefined,
    // Left out where there is none, so that such a tool has the hash that it always had.
    ...(spec.amount !== undefined && { amount: 'code' }),
    ...compensationOf(name, spec.compensate, (what) => wrong(spec, what)),
    ...accessSaid(spec.access, (what) => wrong(spec, what)),
  };
  return deepFreeze(definition);
}

/** People decide on this text, so there has to be one. */
function checkedPreview(spec: { readonly name: string }, preview: unknown): string {
  if (typeof preview === 'string' && preview.trim() !== '') return preview;
  throw wrong(spec, 'its preview is a text, not empty');
}

/** A plain `z.object` drops what it does not name; a call that says more than the tool hears is refused instead. */
function checkedInput(spec: { readonly name: string; readonly input: unknown }): z.ZodObject {
  if (!(spec.input instanceof z.ZodObject)) {
    throw wrong(spec, 'its input is a z.object; put transforms on its fields, not around it');
  }
  return spec.input.def.catchall === undefined ? spec.input.strict() : spec.input;
}

function inputSchemaOf(spec: AnySpec, schema: z.ZodObject): ToolDefinition['inputSchema'] {
  const write = (): ToolDefinition['inputSchema'] => {
    const options: z.core.ToJSONSchemaParams = {
      io: 'input',
      // A set: the order of fields in the source does not change what a release pins.
      override: ({ jsonSchema }) => void jsonSchema.required?.sort(),
    };
    // It carries zod's own interface beside the schema; JSON leaves that out.
    return JSON.parse(JSON.stringify(z.toJSONSchema(schema, options))) as Readonly<Record<string, unknown>>;
  };
  let first: ToolDefinition['inputSchema'];
  try {
    first = write();
    toJsonValue(first);
  } catch (cause) {
    throw wrong(spec, 'its input has a field that JSON Schema cannot say; take JSON types and convert in run', cause);
  }
  if (digestOf(first) !== digestOf(write())) {
    throw wrong(spec, 'its input has a default that is another one each time; make that value in run');
  }
  return first;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}

const wrong = (spec: { readonly name: unknown }, what: string, cause?: unknown): TypeError =>
  new TypeError(`Tool ${JSON.stringify(spec.name)}: ${what}`, cause === undefined ? undefined : { cause });
