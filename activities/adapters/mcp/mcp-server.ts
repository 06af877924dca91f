// A connection to one MCP server: opened for the first call, opened again, with backoff, after it ended, and asked before each call
// whether the tool is still what was pinned. It offers the server nothing: no sampling, no elicitation, no roots.
import { setTimeout as wait } from 'node:timers/promises';
import type { CallToolResult, Tool, Transport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/client';
import { digestOf } from '../../../runtime/canonical.ts';
import { UserError } from '../../../runtime/errors.ts';
import type { Digest } from '../../../workflows/protocol/index.ts';
import { ToolChangedError, ToolFailure } from '../../tools/tool-failure.ts';
import { neverSent } from '../never-sent.ts';
import { McpListRefused, McpNoAnswer, McpServerEnded, named, reasonOf } from './mcp-errors.ts';

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
const GOODBYE_MS = 1_000;

/** Where a server finds the idempotency key of a call. */
const KEY_IN_META = 'countersign/idempotency-key';

export interface McpServerOptions {
  /** For people: a command's name or a URL. */
  readonly label: string;
  /** Milliseconds until it must have answered the first questions. */
  readonly startTimeoutMs: number;
  /** Whether silence about its tools can be trusted: notifications come in order, on the same stream as the answers. */
  readonly inOrder: boolean;
  open(onFault: (fault: Error) => void): McpTransport;
}

/** Over HTTP a server keeps a session until it is told that nobody comes back. */
export type McpTransport = Transport & { terminateSession?(): Promise<void> };

export interface McpCall {
  /** As the server calls it. */
  readonly tool: string;
  /** Of the definition that was pinned. */
  readonly digest: Digest;
  readonly args: Readonly<Record<string, unknown>>;
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

interface Live {
  readonly client: Client;
  readonly transport: McpTransport;
  /** As it listed them last. */
  listed: readonly Tool[];
  /** Digest of each tool's definition, by its name. */
  tools: ReadonlyMap<string, Digest>;
  /** How often the server said that its list has changed, and how often it had when `tools` was asked for. */
  changes: number;
  listedAt: number;
  fault?: Error;
}

export class McpServer {
  readonly #options: McpServerOptions;
  #live: Live | undefined;
  #opening: Promise<Live> | undefined;
  #failures = 0;
  #notBefore = 0;

  constructor(options: McpServerOptions) {
    this.#options = options;
  }

  /** What it offers, connected anew. @throws UserError */
  async list(): Promise<readonly Tool[]> {
    try {
      const { listed } = await this.#ready(new AbortController().signal);
      return listed;
    } catch (cause) {
      const hint =
        cause instanceof UserError && cause.hint !== undefined ? cause.hint : 'Start it, or correct how it is reached.';
      throw new UserError(this.#reason(cause), { hint, cause });
    }
  }

  /** @throws ToolChangedError when the tool is gone or another one, ToolFailure when the server cannot be asked */
  async confirm(tool: string, digest: Digest, signal: AbortSignal): Promise<void> {
    const live = await this.#current(signal);
    const now = live.tools.get(tool);
    if (now === digest) return;
    const what = now === undefined ? 'has it no more' : 'has another definition of it than the release pins';
    throw new ToolChangedError(`the MCP server ${this.#options.label} ${what}. Nothing was done.`);
  }

  /** Once, over the connection that the confirmation was made on. @throws ToolFailure when nothing was sent; Error when nobody can tell */
  async call({ tool, digest, args, idempotencyKey, signal, timeoutMs }: McpCall): Promise<CallToolResult> {
    const live = this.#live;
    if (live === undefined) throw new ToolFailure(`The MCP server ${this.#options.label} has ended. Nothing was done.`);
    if (isStale(live) || live.tools.get(tool) !== digest) {
      throw new ToolFailure(`The MCP server ${this.#options.label} is changing its tools. Nothing was done.`);
    }
    try {
      // A definition without an output schema: what comes back is untrusted whatever it says of itself.
      const toolDefinition = { name: tool, inputSchema: { type: 'object' as const } };
      const options = { signal, timeout: timeoutMs, toolDefinition };
      const params = { name: tool, arguments: { ...args }, _meta: { [KEY_IN_META]: idempotencyKey } };
      const result = await live.client.callTool(params, options);
      this.#failures = 0;
      return result;
    } catch (error) {
      if (error instanceof UserError || neverSent(error) !== undefined) throw this.#unreachable(error);
      if (live.fault !== undefined) throw live.fault;
      if (this.#live !== live) throw new McpServerEnded();
      throw named(error, timeoutMs);
    }
  }

  async close(): Promise<void> {
    const live = this.#live ?? (await this.#opening?.catch(() => undefined));
    this.#live = undefined;
    if (live === undefined) return;
    const goodbye = live.transport.terminateSession?.().catch(() => {});
    await Promise.race([goodbye, wait(GOODBYE_MS, undefined, { ref: false })]);
    await live.client.close();
  }

  /** Connected, and with a list that holds at this moment. @throws ToolFailure */
  async #current(signal: AbortSignal): Promise<Live> {
    const known = this.#live;
    if (known !== undefined) {
      if (this.#options.inOrder && !isStale(known) && notifies(known.client)) return known;
      try {
        await this.#refresh(known, signal);
        return known;
      } catch {
        // A session that ended since the last call: one new connection is worth a try.
        this.#drop(known);
        await known.client.close().catch(() => {});
      }
    }
    try {
      return await this.#ready(signal);
    } catch (cause) {
      throw this.#unreachable(cause, signal);
    }
  }

  #unreachable(cause: unknown, signal?: AbortSignal): ToolFailure {
    const why = signal?.aborted === true ? 'no answer in time' : this.#reason(cause);
    const message = `The MCP server ${this.#options.label} cannot be reached: ${why}. Nothing was done.`;
    return new ToolFailure(message, { cause });
  }

  #reason(cause: unknown): string {
    return reasonOf(cause, this.#options.startTimeoutMs);
  }

  async #ready(signal: AbortSignal): Promise<Live> {
    if (this.#live !== undefined) return this.#live;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return await abortable(this.#opening, signal);
  }

  async #open(): Promise<Live> {
    const { open, startTimeoutMs } = this.#options;
    await wait(Math.max(0, this.#notBefore - performance.now()));
    const noteChange = (): void => {
      live.changes += 1;
    };
    const client = new Client(
      { name: 'countersign', version: '1' },
      {
        capabilities: {},
        listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged: noteChange } },
      },
    );
    const transport = open((fault) => {
      live.fault ??= fault;
      this.#drop(live);
      void client.close().catch(() => {});
    });
    const live: Live = { client, transport, listed: [], tools: new Map(), changes: 0, listedAt: 0 };
    client.onclose = () => this.#drop(live);
    const signal = AbortSignal.timeout(startTimeoutMs);
    try {
      // By ourselves, too: a server may fall silent at any point of the handshake.
      await abortable(client.connect(transport, { signal, timeout: startTimeoutMs }), signal);
      await this.#refresh(live, signal);
      this.#live = live;
      return live;
    } catch (error) {
      this.#failed();
      // Before it is closed: that is a fault of its own.
      const reason = live.fault ?? (signal.aborted ? new McpNoAnswer(startTimeoutMs) : error);
      await client.close().catch(() => {});
      await transport.close().catch(() => {});
      throw reason;
    }
  }

  async #refresh(live: Live, signal: AbortSignal): Promise<void> {
    // Before the question: what changes meanwhile is not in the answer for certain.
    const { changes } = live;
    const options = { signal, timeout: this.#options.startTimeoutMs, cacheMode: 'refresh' as const };
    const { tools } = await live.client.listTools(undefined, options);
    const digests = new Map(tools.map((tool) => [tool.name, definitionDigest(tool)]));
    if (digests.size < tools.length) throw new McpListRefused('it lists two tools of one name');
    live.tools = digests;
    live.listed = tools;
    live.listedAt = changes;
  }

  #drop(live: Live): void {
    if (this.#live !== live) return;
    this.#live = undefined;
    this.#failed();
  }

  #failed(): void {
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures, MAX_BACKOFF_MS);
    this.#failures += 1;
    this.#notBefore = performance.now() + backoffMs;
  }
}

/** Of all that a server says of a tool and that changes what a call does or how it looks. */
export const definitionDigest = ({ name, title, description, inputSchema, outputSchema, annotations }: Tool): Digest =>
  digestOf({ name, title, description, inputSchema, outputSchema, annotations });

const isStale = ({ changes, listedAt }: Live): boolean => changes !== listedAt;

const notifies = (client: Client): boolean => client.getServerCapabilities()?.tools?.listChanged === true;

async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return await Promise.race([work, aborted]);
}
