// MCP over the standard streams of a process that we start: with no environment but what it is given, in a process group of its
// own that ends with us.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import { deserializeMessage, serializeMessage } from '@modelcontextprotocol/client';
import { siblingModule } from '../../../runtime/sibling-module.ts';
import { McpNotStarted, McpProtocolBroken, McpResultTooLarge, McpServerEnded } from './mcp-errors.ts';
import { QuestionRate } from './question-rate.ts';

const SUPERVISOR = siblingModule('./supervisor', import.meta.url);
/** How long a server may take to end by itself once its input has ended. */
const GRACE_MS = 1_000;
const LINE_END = 0x0a;
const MAX_UNASKED_PER_SECOND = 1_000;
const utf8 = new TextDecoder('utf-8', { fatal: true });

export interface StdioProcess {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole of it. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Of one message. */
  readonly maxBytes: number;
  /** Told why, before the connection ends. */
  onFault(fault: Error): void;
}

export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #options: StdioProcess;
  readonly #rate = new QuestionRate(MAX_UNASKED_PER_SECOND);
  #parts: Buffer[] = [];
  #bytes = 0;
  #process: ChildProcess | undefined;

  constructor(options: StdioProcess) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { command, args, env, cwd } = this.#options;
    const child = spawn(process.execPath, [SUPERVISOR, command, ...args], {
      env: { ...env },
      // What a server writes to its error stream may be anything.
      stdio: ['pipe', 'pipe', 'ignore', 'ipc'],
      detached: true,
      windowsHide: true,
      ...(cwd !== undefined && { cwd }),
    });
    this.#process = child;
    child.on('message', (message) => {
      const { failed } = message as { failed?: unknown };
      this.#options.onFault(new McpNotStarted(String(failed)));
    });
    child.on('close', () => {
      if (this.#process === child) this.#process = undefined;
      this.onclose?.();
    });
    child.stdin?.on('error', (error) => this.onerror?.(error));
    child.stdout?.on('error', (error) => this.onerror?.(error));
    child.stdout?.on('data', (chunk: Buffer) => this.#take(chunk));
    await once(child, 'spawn');
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.#process?.stdin;
    if (stdin == null || stdin.destroyed) throw new McpServerEnded();
    await new Promise<void>((resolve, reject) => {
      stdin.write(serializeMessage(message), (error) => (error == null ? resolve() : reject(error)));
    });
  }

  async close(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    const ended = once(child, 'close');
    child.stdin?.end();
    const timer = setTimeout(() => killGroup(child), GRACE_MS);
    await ended;
    clearTimeout(timer);
    this.#parts = [];
  }

  #take(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(LINE_END); end !== -1; end = rest.indexOf(LINE_END)) {
      if (!this.#keep(rest.subarray(0, end))) return;
      const line = Buffer.concat(this.#parts);
      this.#parts = [];
      this.#bytes = 0;
      rest = rest.subarray(end + 1);
      if (!this.#read(line)) return;
    }
    this.#keep(rest);
  }

  #keep(part: Buffer): boolean {
    this.#bytes += part.byteLength;
    if (this.#bytes > this.#options.maxBytes) this.#break(new McpResultTooLarge());
    else this.#parts.push(part);
    return this.#bytes <= this.#options.maxBytes;
  }

  /** Whatever is wrong with it, also what the client throws over it: nobody else would catch that. */
  #read(line: Buffer): boolean {
    try {
      const text = utf8.decode(line).trim();
      if (text === '') return true;
      const message = deserializeMessage(text);
      if ('method' in message && this.#rate.isExceeded()) throw new McpProtocolBroken();
      this.onmessage?.(message);
      return true;
    } catch {
      this.#break(new McpProtocolBroken());
      return false;
    }
  }

  #break(fault: Error): void {
    this.#parts = [];
    this.#options.onFault(fault);
    if (this.#process !== undefined) killGroup(this.#process);
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended, or the system has no groups: the supervisor hears that we hung up.
  }
}
