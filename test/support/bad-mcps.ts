// The server of bad-mcp.ts, running: as a process of its own, and over streamable HTTP in this one.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { HttpServer, StdioServer } from '../../activities/tools/index.ts';
import type { Plan, Request } from './bad-mcp.ts';
import { answerTo } from './bad-mcp.ts';
import { listen } from './listen.ts';
import type { ReceivedCall } from './mcp-shop.ts';

const PROCESS = fileURLToPath(new URL('./bad-mcp-process.ts', import.meta.url));

export interface BadServer {
  readonly server: StdioServer | HttpServer;
  /** From the next request on; without a plan it does as it should. */
  plan(plan?: Plan): void;
  /** Calls that arrived, oldest first. */
  received(): readonly ReceivedCall[];
  close(): Promise<void>;
}

export function badStdio(): BadServer {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bad-mcp-'));
  const [calls, planFile] = [join(folder, 'calls.jsonl'), join(folder, 'plan.json')];
  writeFileSync(calls, '');
  return {
    server: { command: process.execPath, args: [PROCESS, folder] },
    plan: (plan) =>
      plan === undefined ? rmSync(planFile, { force: true }) : writeFileSync(planFile, JSON.stringify(plan)),
    received: () =>
      readFileSync(calls, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as ReceivedCall),
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** @param stream whether it answers with events rather than with JSON */
export async function badHttp({ stream = false } = {}): Promise<BadServer> {
  const calls: ReceivedCall[] = [];
  let planned: Plan | undefined;
  const http = createServer(async (request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const asked = (await json(request)) as Request;
    const plan = planned?.at === asked.method ? planned : undefined;
    if (asked.method === 'tools/call') {
      const { name: tool = '', arguments: args, _meta: meta } = asked.params ?? {};
      calls.push({ tool, args, key: meta?.['countersign/idempotency-key'] });
    }
    if (plan?.once === true) planned = undefined;
    const answer = answerTo(asked, plan?.what);
    if (answer === undefined) return void response.writeHead(202).end();
    const { before = [], bytes, after } = answer;
    if (bytes === undefined && after === 'die') return void response.destroy();
    if (bytes === undefined && after === undefined) return;
    response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' });
    if (stream) for (const message of before) response.write(`data: ${JSON.stringify(message)}\n\n`);
    if (after === 'write' || after === 'ask') return without(after, response);
    const body = stream ? Buffer.concat([Buffer.from('data: '), bytes ?? Buffer.alloc(0), Buffer.from('\n\n')]) : bytes;
    if (after === 'die') response.write(body, () => response.destroy());
    else response.end(body);
  });
  const { address, close } = await listen(http);
  return {
    server: { url: `${address}/mcp` },
    plan: (plan) => {
      planned = plan;
    },
    received: () => calls,
    close,
  };
}

/** As fast as it is read. */
function without(end: 'write' | 'ask', response: ServerResponse): void {
  const ping = `data: ${JSON.stringify({ jsonrpc: '2.0', id: 's1', method: 'ping' })}\n\n`;
  const more = (): void => {
    if (!response.destroyed) response.write(end === 'ask' ? ping.repeat(1_000) : 'x'.repeat(65_536), more);
  };
  more();
}
