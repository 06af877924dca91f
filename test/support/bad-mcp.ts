// A server that speaks MCP by hand, and badly where it is told to: what it writes in answer to one request, byte for byte.

export type Method = 'initialize' | 'tools/list' | 'tools/call';

export type Trouble =
  | 'die'
  | 'hang'
  | 'half'
  | 'garbage'
  | 'other-id'
  | 'error'
  | 'no-result'
  | 'much'
  | 'most'
  | 'too-much'
  | 'endless'
  | 'deep'
  | 'not-utf8'
  | 'two-of-a-name'
  | 'long-description'
  | 'another-definition'
  | 'gone'
  | 'endless-pages'
  | 'says-it-changed'
  | 'flood-errors'
  | 'flood-requests';

/** What goes wrong, and at which request. */
export interface Plan {
  readonly at: Method;
  readonly what: Trouble;
  /** Gone after it happened. @default false */
  readonly once?: boolean;
}

export interface Request {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: {
    readonly name?: string;
    readonly arguments?: unknown;
    readonly _meta?: Readonly<Record<string, unknown>>;
  };
}

export interface Answer {
  /** Messages before the answer. */
  readonly before?: readonly unknown[];
  /** The answer, without a line end; absent for none. */
  readonly bytes?: Buffer;
  /** After that: the server ends, goes on without end, or writes to its error stream. */
  readonly after?: 'die' | 'write' | 'ask' | 'complain';
}

const DEPTH = 10_000;
const DEEP = `${'{"a":'.repeat(DEPTH)}1${'}'.repeat(DEPTH)}`;
const CHANGED = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' };

const PAY = {
  name: 'pay',
  description: 'Pays an order.',
  inputSchema: { type: 'object', properties: { order: { type: 'string' } }, required: ['order'] },
};

const GOOD: Readonly<Record<Method, object>> = {
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: { listChanged: true } },
    serverInfo: { name: 'bad', version: '1' },
  },
  'tools/list': { tools: [PAY] },
  'tools/call': { content: [{ type: 'text', text: 'paid' }] },
};

/** `undefined` for what needs none, such as notifications. */
export function answerTo({ id, method = '' }: Request, what: Trouble | undefined): Answer | undefined {
  if (id === undefined || !Object.hasOwn(GOOD, method)) return undefined;
  const good = GOOD[method as Method];
  const message = (result: unknown): Buffer => Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result }));
  /** The answer as good as it was, but for the text that is put where it has a place for it. */
  const withText = (text: string): Buffer => message({ ...good, ...place(method as Method, text) });
  switch (what) {
    case 'die':
      return { after: 'die' };
    case 'hang':
      return {};
    case 'half':
      return { bytes: message(good).subarray(0, 20), after: 'die' };
    case 'garbage':
      return { bytes: Buffer.from('Listening on port 3000') };
    case 'other-id':
      return { bytes: Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 4_711, result: good })) };
    case 'error': {
      const error = { code: -32_603, message: 'canary-4711' };
      return { bytes: Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, error })) };
    }
    case 'no-result':
      return { bytes: message({ tools: 7, content: 'canary-4711', protocolVersion: 8 }) };
    case 'much':
      return { bytes: withText('x'.repeat(11 << 20)) };
    case 'most':
      return { bytes: withText('x'.repeat(31 << 20)) };
    case 'too-much':
      return { bytes: withText('x'.repeat(33 << 20)) };
    case 'endless':
      return { after: 'write' };
    case 'deep':
      return { bytes: Buffer.from(withText('DEEP').toString().replace('"DEEP"', DEEP)) };
    case 'not-utf8':
      return { bytes: Buffer.from(withText('caf\u00e9').toString(), 'latin1') };
    case 'two-of-a-name':
      return { bytes: message({ tools: [PAY, { ...PAY, description: 'Pays twice.' }] }) };
    case 'long-description':
      return { bytes: message({ tools: [{ ...PAY, description: 'x'.repeat(9 << 20) }] }) };
    case 'another-definition':
      return { bytes: message({ tools: [{ ...PAY, description: 'Pays twice.' }] }) };
    case 'gone':
      return { bytes: message({ tools: [] }) };
    case 'endless-pages':
      return { bytes: message({ tools: [PAY], nextCursor: `${id}` }) };
    case 'says-it-changed':
      return { before: [CHANGED], bytes: message(good) };
    case 'flood-errors':
      return { bytes: message(good), after: 'complain' };
    case 'flood-requests':
      return { after: 'ask' };
    default:
      return { bytes: message(good) };
  }
}

function place(method: Method, text: string): object {
  if (method === 'initialize') return { instructions: text, capabilities: { experimental: { x: { text } } } };
  if (method === 'tools/list') {
    return { tools: [{ ...PAY, inputSchema: { ...PAY.inputSchema, properties: { order: { default: text } } } }] };
  }
  return { structuredContent: { text } };
}
