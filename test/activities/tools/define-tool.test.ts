// Tools as users define them: what is refused at once, what a definition's hash covers, and which arguments a tool takes.
import * as published from 'countersign/tools';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Tool, ToolContext } from '../../../activities/ports/tool.ts';
import type { ToolSpec } from '../../../activities/tools/define-tool.ts';
import { defineTool, isTool } from '../../../activities/tools/define-tool.ts';
import { ToolArgumentsError, ToolFailure } from '../../../activities/tools/tool-failure.ts';
import { canonicalJson, digestOf } from '../../../runtime/canonical.ts';
import { MAX_TOOL_ARGUMENTS_BYTES } from '../../../workflows/protocol/index.ts';

const SECRET = 'canary-value-4711';
const input = z.object({
  order_id: z.string().regex(/^A-\d+$/),
  amount_cents: z.int().positive().max(100_000),
  reason: z.string().default('none given'),
});
type Spec = ToolSpec<typeof input, { readonly refundId: string }>;
const spec: Spec = {
  name: 'refund_order',
  description: 'Refunds an order.',
  input,
  risk: 'high',
  run: async (args) => ({ refundId: `r-${args.order_id}-${args.amount_cents}` }),
};
const context = { attempt: 1 } as ToolContext;
const of = (change: Partial<Spec> = {}): Tool => defineTool({ ...spec, ...change });
/** A tool of one argument `x`. */
const taking = (x: z.ZodType): Tool =>
  defineTool({ name: 't', description: 'd', risk: 'low', input: z.object({ x }), run: async () => null });

function refusalOf(tool: Tool, args: unknown): string {
  let error: unknown;
  try {
    tool.parse(args);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(ToolArgumentsError);
  return (error as Error).message;
}

describe('a tool', () => {
  it('has a definition made from its schema, with safe defaults', () => {
    const tool = of();
    expect(tool.definition).toEqual({
      name: 'refund_order',
      description: 'Refunds an order.',
      risk: 'high',
      mustBeTrusted: [],
      idempotent: false,
      hasPreview: false,
      inputSchema: {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        properties: {
          order_id: { type: 'string', pattern: '^A-\\d+$' },
          amount_cents: { type: 'integer', exclusiveMinimum: 0, maximum: 100_000 },
          reason: { type: 'string', default: 'none given' },
        },
        required: ['amount_cents', 'order_id'],
        additionalProperties: false,
      },
    });
    expect(tool.definitionHash).toBe(digestOf(tool.definition));
    expect(tool.timeoutMs).toBe(30_000);
    expect(tool).not.toHaveProperty('receipt');
    expect(tool).not.toHaveProperty('compensate');
  });

  it('cannot be changed afterwards', () => {
    const tool = of();
    expect(() => Object.assign(tool, { timeoutMs: 1 })).toThrow(TypeError);
    expect(() => Object.assign(tool.definition, { risk: 'low' })).toThrow(TypeError);
    expect(() => Object.assign(tool.definition.inputSchema, { properties: {} })).toThrow(TypeError);
  });

  it('runs its code with the arguments and the context it is given', async () => {
    const tool = of({ run: async (args, { attempt }) => ({ refundId: `${args.order_id}/${attempt}` }) });
    expect(await tool.run({ order_id: 'A-1', amount_cents: 1, reason: '' }, context)).toEqual({ refundId: 'A-1/1' });
  });

  it('rejects when its code throws at once', async () => {
    const tool = of({
      run: () => {
        throw new ToolFailure('no such order');
      },
    });
    await expect(tool.run({}, context)).rejects.toThrow(new ToolFailure('no such order'));
  });

  it("gives the outside system's receipt out of a result", () => {
    expect(of({ receipt: (result) => result.refundId }).receipt?.({ refundId: 'r-7' })).toBe('r-7');
  });

  it('is known as one, and a look-alike is not', () => {
    const tool = of();
    expect(isTool(tool)).toBe(true);
    expect(isTool({ ...tool })).toBe(false);
    for (const other of [null, undefined, 'refund_order', spec, {}, () => tool]) expect(isTool(other)).toBe(false);
  });

  it('can be defined by the name that the package publishes', () => {
    expect(published.defineTool).toBe(defineTool);
    expect(published.ToolFailure).toBe(ToolFailure);
  });
});

describe('a definition', () => {
  it.each([
    ['an empty name', { name: '' }],
    ['capitals in its name', { name: 'refundOrder' }],
    ['a dash in its name', { name: 'refund-order' }],
    ['a name that starts with a digit', { name: '1st' }],
    ['a name that ends in _', { name: 'refund_' }],
    ['a name with a line end', { name: 'refund\n' }],
    ['a name of 65 characters', { name: 'a'.repeat(65) }],
  ])('with %s is refused', (_, change) => {
    expect(() => of(change)).toThrow(/its name is snake_case, such as refund_order, and has at most 64 characters$/);
    expect(() => of(change)).toThrow(TypeError);
  });

  it('with a name of 64 characters is taken', () => {
    expect(of({ name: 'a'.repeat(64) }).definition.name).toHaveLength(64);
  });

  it.each<[string, Partial<Spec>, string]>([
    ['a blank description', { description: ' \n' }, 'its description is a sentence for the model, not empty'],
    ['a risk of its own', { risk: 'none' as 'low' }, 'its risk is one of low, medium, high, critical'],
    ['an idempotence that is no boolean', { idempotent: 'yes' as never }, 'idempotent is true or false'],
    [
      'an argument to trust that it lacks',
      { mustBeTrusted: ['order_id', 'to' as 'reason'] },
      'names to, which is none',
    ],
    ['an argument to trust that every object has', { mustBeTrusted: ['toString' as 'reason'] }, 'names toString'],
    ['no time', { timeoutMs: 0 }, 'timeoutMs is a whole number of milliseconds from 1 to 600000'],
    ['more than ten minutes', { timeoutMs: 600_001 }, 'timeoutMs is'],
    ['half a millisecond', { timeoutMs: 0.5 }, 'timeoutMs is'],
    ['no code', { run: undefined as never }, 'run is a function'],
  ])('with %s is refused, by the name of the tool', (_, change, message) => {
    expect(() => of(change)).toThrow(TypeError);
    expect(() => of(change)).toThrow(`Tool "refund_order": `);
    expect(() => of(change)).toThrow(message);
  });

  it.each([
    ['an array', z.array(z.string())],
    ['a string', z.string()],
    ['an object with a transform around it', z.object({ a: z.string() }).transform(({ a }) => a)],
    ['a plain object', { a: z.string() }],
    ['nothing', undefined],
  ])('whose input is %s is refused', (_, schema) => {
    expect(() => of({ input: schema as never })).toThrow('Tool "refund_order": its input is a z.object');
  });

  it.each([
    ['a date', z.date()],
    ['a bigint', z.bigint()],
    ['a map', z.map(z.string(), z.string())],
    ['undefined', z.undefined()],
    ['a class', z.instanceof(URL)],
  ])('with an argument that is %s is refused: JSON Schema cannot say it', (_, type) => {
    expect(() => taking(type)).toThrow('Tool "t": its input has a field that JSON Schema cannot say');
  });

  it('with a default that is another one each time is refused: no release could pin it', () => {
    let n = 0;
    expect(() => taking(z.number().default(() => n++))).toThrow('a default that is another one each time');
  });

  it('keeps its hash when keys are written in another order', () => {
    const a = of({ mustBeTrusted: ['reason', 'order_id'] });
    const { reason, order_id, amount_cents } = input.shape;
    const b = defineTool({
      run: async () => null,
      mustBeTrusted: ['order_id', 'reason', 'order_id'],
      risk: 'high',
      input: z.object({ reason, order_id, amount_cents }),
      description: 'Refunds an order.',
      name: 'refund_order',
    });
    expect(b.definitionHash).toBe(a.definitionHash);
  });

  it('has another hash with every other name, description, risk, schema, trust, idempotence and preview', () => {
    const { order_id, amount_cents } = input.shape;
    const changed = [
      of(),
      of({ name: 'refund_orders' }),
      of({ description: 'Refunds an order!' }),
      of({ risk: 'critical' }),
      of({ mustBeTrusted: ['order_id'] }),
      of({ idempotent: true }),
      of({ preview: () => 'x' }),
      of({ input: input.extend({ amount_cents: amount_cents.max(99_999) }) as never }),
      of({ input: input.extend({ reason: z.string() }) as never }),
      of({ input: z.object({ order_id, amount_cents }) as never }),
      of({ input: z.looseObject(input.shape) as never }),
    ].map((tool) => tool.definitionHash);
    expect(new Set(changed).size).toBe(changed.length);
  });

  it('says what it reaches and does only where its maker does, and has another hash then', () => {
    expect(of().definition).not.toHaveProperty('access');
    // Of before tools could say so.
    expect(of().definitionHash).toBe('sha256:3d93e434f58f0e874a83619ba663fe8d7a03d9059a5b27b0dfdf959d2418d0c3');
    const access = { reads: 'confidential', acts: false } as const;
    expect(of({ access }).definition.access).toEqual(access);
    expect(of({ access }).definitionHash).not.toBe(of().definitionHash);
    expect(of({ access: { ...access, acts: true } }).definitionHash).not.toBe(of({ access }).definitionHash);
  });

  it.each([
    [{ reads: 'secret', acts: true }, 'access.reads is one of public, internal, confidential, restricted'],
    [{ reads: 'public' }, 'access.acts is true or false'],
    [{ reads: 'public', acts: 'no' }, 'access.acts is true or false'],
    [{ reads: 'public', acts: false, writes: true }, 'access has reads and acts, and no writes'],
  ])('with %j is refused', (access, what) => {
    expect(() => of({ access: access as never })).toThrow(`Tool "refund_order": ${what}`);
  });

  it('keeps its hash when only code or timeout change', () => {
    const other = of({ run: async () => ({ refundId: 'x' }), timeoutMs: 5, receipt: () => 'x' });
    expect(other.definitionHash).toBe(of().definitionHash);
  });
});

describe('a tool that names what undoes it', () => {
  const undone = (tool: string): Tool =>
    of({ compensate: { tool, args: ({ order_id }, result) => ({ order_id, result }) } });

  it('has the name in its definition, and so in its hash', () => {
    expect(undone('cancel_refund').definition).toEqual({ ...of().definition, compensation: 'cancel_refund' });
    const hashes = [of(), undone('cancel_refund'), undone('void_refund')].map((tool) => tool.definitionHash);
    expect(new Set(hashes).size).toBe(3);
  });

  it('makes the arguments of the other, of its own and of its result', () => {
    const args = undone('cancel_refund').compensate?.({ order_id: 'A-1' }, { refundId: 'r' });
    expect(args).toEqual({ order_id: 'A-1', result: { refundId: 'r' } });
  });

  it.each([
    ['refund_order', 'it cannot be its own compensation'],
    ['Cancel Refund', 'compensate.tool is the name of another tool'],
  ])('is refused when that is %s', (name, message) => {
    expect(() => undone(name)).toThrow(`Tool "refund_order": ${message}`);
  });

  it('is refused without a function for the arguments', () => {
    expect(() => of({ compensate: { tool: 'cancel_refund' } as never })).toThrow('compensate.args is a function');
  });
});

describe('arguments', () => {
  it('come back as the schema has them, in the order of canonical JSON', () => {
    const parsed = of().parse({ order_id: 'A-1', amount_cents: 5 });
    expect(parsed).toEqual({ order_id: 'A-1', amount_cents: 5, reason: 'none given' });
    expect(JSON.stringify(parsed)).toBe(canonicalJson(parsed));
  });

  it('that parsed once parse to the same again', () => {
    const parsed = of().parse({ order_id: 'A-1', amount_cents: 5 });
    expect(of().parse(parsed)).toEqual(parsed);
  });

  it('that break the schema are refused with each field, and without a value', () => {
    const message = refusalOf(of(), { order_id: SECRET, amount_cents: SECRET });
    expect(message).toMatch(
      /^Arguments of refund_order: order_id: .+; amount_cents: expected number, received string$/,
    );
    expect(message).not.toContain(SECRET);
  });

  it.each([
    ['a string', SECRET, 'all of them: expected object, received string'],
    ['nothing', null, 'all of them: expected object, received null'],
    ['a list', [SECRET], 'all of them: expected object, received array'],
    ['undefined', undefined, 'all of them: a value of type undefined'],
    ['empty', {}, 'order_id: expected string, received undefined; amount_cents: '],
    ['a number as text', { order_id: 'A-1', amount_cents: '5' }, 'amount_cents: expected number, received string'],
    ['too large', { order_id: 'A-1', amount_cents: 100_001 }, 'amount_cents: Too big'],
    ['half', { order_id: 'A-1', amount_cents: 0.5 }, 'amount_cents: expected int'],
    [
      'wrong in one place',
      { order_id: 'A-1', amount_cents: 1, reason: null },
      'reason: expected string, received null',
    ],
    ['more than asked for', { order_id: 'A-1', amount_cents: 1, force: true }, 'force: there is no such argument'],
  ])('that are %s are refused', (_, args, expected) => {
    const message = refusalOf(of(), args);
    expect(message).toContain(expected);
    expect(message).not.toContain(SECRET);
  });

  it('with made-up names show these quoted and cut', () => {
    const name = `x"; drop\n${'y'.repeat(5_000)}`;
    const message = refusalOf(of(), { order_id: 'A-1', amount_cents: 1, [name]: 1 });
    expect(message).toContain('"x\\"; drop\\nyyy');
    expect(message).not.toContain('\n');
    expect(message.length).toBeLessThan(200);
  });

  it('with a thousand faults are refused in at most 2,000 characters', () => {
    const args = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`argument_${i}`, i]));
    const message = refusalOf(of(), args);
    expect(message.length).toBeLessThanOrEqual(2_000);
    expect(message).toContain('more');
  });

  it('that a loose schema does not name are kept', () => {
    const tool = defineTool({
      name: 't',
      description: 'd',
      risk: 'low',
      input: z.looseObject({ a: z.string() }),
      run: async () => null,
    });
    expect(tool.parse({ a: 'x', b: [1] })).toEqual({ a: 'x', b: [1] });
  });

  it.each([
    ['an integer beyond 2^53 - 1', 2 ** 53],
    ['one below -(2^53 - 1)', -(2 ** 53)],
    ['a huge whole number', 1e300],
    ['one deep inside', { a: [{ b: Number.MAX_SAFE_INTEGER + 1 }] }],
    ['half a surrogate pair', `${SECRET}\ud800`],
    ['a name with half a surrogate pair', { '\udc00': 1 }],
    ['a member named __proto__', JSON.parse(`{"__proto__": {"admin": true}}`)],
    ['something nested 1,000 deep', JSON.parse(`${'['.repeat(1_000)}${']'.repeat(1_000)}`)],
  ])('with %s are refused, whatever the schema takes', (_, x) => {
    const message = refusalOf(taking(z.any()), { x });
    expect(message).toMatch(/^Arguments of t: x/);
    expect(message).not.toContain(SECRET);
  });

  it('keep the largest safe integers, fractions, and nesting of any sane depth', () => {
    const x = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0.1, 1e-300, '\u{1f600}', null, { a: { b: [true] } }];
    expect(taking(z.any()).parse({ x })).toEqual({ x });
  });

  it.each<[string, () => unknown]>([
    ['a date', () => new Date(0)],
    ['a function', () => () => 1],
    ['NaN', () => Number.NaN],
    ['infinity', () => Number.POSITIVE_INFINITY],
    ['a bigint', () => 1n],
    ['a map', () => new Map()],
    ['bytes', () => new Uint8Array(1)],
    ['a list with a hole', () => [undefined]],
    ['a symbol', () => Symbol('x')],
  ])('that the schema turns into %s are refused: JSON cannot say it', (_, make) => {
    expect(refusalOf(taking(z.string().transform(make)), { x: 'a' })).toMatch(/^Arguments of t: x(\.0)?: .+/);
  });

  it('lose members that the schema leaves undefined', () => {
    const parsed = taking(z.string().transform(() => undefined)).parse({ x: 'a' });
    expect(parsed).toEqual({});
    expect(parsed).not.toHaveProperty('x');
  });

  it('that make the schema itself throw are refused, without its words', () => {
    const tool = taking(
      z.string().transform((x) => {
        throw new RangeError(x);
      }),
    );
    const message = refusalOf(tool, { x: SECRET });
    expect(message).toBe("Arguments of t: the tool's schema threw RangeError on them");
  });

  it('that need an async schema are refused', () => {
    const tool = taking(z.string().refine(async () => true));
    expect(refusalOf(tool, { x: 'a' })).toContain("the tool's schema threw");
  });

  it('may have as many bytes as people are shown, and not one more', () => {
    const room = MAX_TOOL_ARGUMENTS_BYTES - canonicalJson({ x: '' }).length;
    expect(taking(z.string()).parse({ x: 'a'.repeat(room) })).toHaveProperty('x');
    expect(refusalOf(taking(z.string()), { x: 'a'.repeat(room + 1) })).toContain(
      `${MAX_TOOL_ARGUMENTS_BYTES + 1} bytes`,
    );
    expect(refusalOf(taking(z.string()), { x: 'ä'.repeat(room / 2 + 1) })).toContain('bytes of JSON');
  });
});

describe('an amount', () => {
  const args = { order_id: 'A-1', amount_cents: 2490, reason: '' };
  const toldBy = (amount: () => unknown) => () => of({ amount: amount as () => never }).amount?.(args);

  it('is told by the tool where it says so, which is part of its definition', () => {
    const tool = of({ amount: ({ amount_cents: value }) => ({ value, currency: 'EUR' }) });
    expect(tool.amount?.(args)).toEqual({ value: 2490, currency: 'EUR' });
    expect(tool.definition.amount).toBe('code');
    expect(tool.definitionHash).not.toBe(of().definitionHash);
  });

  it('is not there otherwise, and such a tool keeps the hash that it had before there were amounts', () => {
    expect(of()).not.toHaveProperty('amount');
    expect(of().definition).not.toHaveProperty('amount');
    expect(of().definitionHash).toBe('sha256:3d93e434f58f0e874a83619ba663fe8d7a03d9059a5b27b0dfdf959d2418d0c3');
  });

  it('without a currency is a count, and nothing else that is given back is kept', () => {
    expect(toldBy(() => ({ value: 0, note: 'x' }))()).toEqual({ value: 0 });
    expect(toldBy(() => ({ value: Number.MAX_SAFE_INTEGER }))()).toEqual({ value: Number.MAX_SAFE_INTEGER });
  });

  it('cannot change the arguments that are approved', () => {
    const given = { ...args };
    of({
      amount: (own) => {
        own.amount_cents = 1;
        return { value: 1 };
      },
    }).amount?.(given);
    expect(given).toEqual(args);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 5n, '5', null, undefined])(
    'of %s makes the call invalid',
    (value) => {
      expect(toldBy(() => ({ value, currency: 'EUR' }))).toThrow(ToolArgumentsError);
    },
  );

  it.each(['eur', 'EURO', '', '€', 'EU\n', null, 978])('in %j makes the call invalid', (currency) => {
    expect(toldBy(() => ({ value: 1, currency }))).toThrow('its currency has not three capital letters');
  });

  it.each<[string, () => unknown]>([
    ['nothing', () => undefined],
    ['null', () => null],
    ['a number', () => 5],
    ['a promise', async () => ({ value: 1, currency: 'EUR' })],
  ])('that gives back %s makes the call invalid', (_, amount) => {
    expect(toldBy(amount)).toThrow(ToolArgumentsError);
  });

  it('whose code throws makes the call invalid, and repeats nothing of what it said', () => {
    const thrown = toldBy(() => {
      throw new RangeError(SECRET);
    });
    expect(thrown).toThrow('The amount of this call of refund_order cannot be told: its code threw RangeError');
  });

  it('that is no function is refused at once', () => {
    expect(() => of({ amount: { value: 1 } as never })).toThrow('Tool "refund_order": its amount is a function');
  });
});

describe('a preview', () => {
  it("is the tool's own where it has one", () => {
    const tool = of({ preview: ({ order_id, amount_cents }) => `Refund ${amount_cents / 100} EUR for ${order_id}` });
    expect(tool.preview({ order_id: 'A-1', amount_cents: 250, reason: '' })).toBe('Refund 2.5 EUR for A-1');
    expect(tool.definition.hasPreview).toBe(true);
  });

  it.each(['', ' \n', undefined, 7])('of %j stops the call: people would have nothing to decide on', (preview) => {
    expect(() => of({ preview: () => preview as string }).preview({})).toThrow('its preview is a text, not empty');
  });

  it('is otherwise the name and each argument on a line, in the order of the schema', () => {
    const args = { reason: 'late', order_id: 'A-1', amount_cents: 5 };
    expect(of().preview(args)).toBe('refund_order\n  order_id: A-1\n  amount_cents: 5\n  reason: late');
  });

  it('is the same after the arguments went through storage', () => {
    const tool = defineTool({
      name: 't',
      description: 'd',
      risk: 'low',
      input: z.looseObject({ b: z.looseObject({}), a: z.string() }),
      run: async () => null,
    });
    const args = tool.parse({ z: 1, a: 'x', b: { d: 1, c: [2] }, y: null });
    expect(tool.preview(JSON.parse(canonicalJson(args)))).toBe(tool.preview(args));
    expect(tool.preview(args)).toBe('t\n  b: {"c":[2],"d":1}\n  a: x\n  y: null\n  z: 1');
  });

  it.each(['\n', '\r', '\u2028', '\u202e', '\u001b[2K', '\u200b', '\u0085'])(
    'shows %j in an argument escaped, so that it cannot pretend to be another line',
    (trick) => {
      const preview = of().preview({ order_id: 'A-1', reason: `late${trick}  amount_cents: 1` });
      expect(preview.split('\n')).toHaveLength(3);
      expect(preview).not.toContain(`late${trick}`);
      expect(preview).toMatch(/late\\u\{[0-9a-f]+\}/);
    },
  );
});
