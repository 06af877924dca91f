// The server of bad-mcp.ts over standard streams: FOLDER has the plan (`plan.json`, read at each request) and gets a line a call (`calls.jsonl`).
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Plan, Request } from './bad-mcp.ts';
import { answerTo } from './bad-mcp.ts';

const folder = process.argv[2] ?? '';
const planFile = join(folder, 'plan.json');

function readPlan(): Plan | undefined {
  try {
    return JSON.parse(readFileSync(planFile, 'utf8')) as Plan;
  } catch {
    return undefined;
  }
}

/** As fast as it is read. */
function without(end: 'write' | 'ask'): void {
  let id = 0;
  const more = (): void => {
    id += 1;
    const asked = `${JSON.stringify({ jsonrpc: '2.0', id: `s${id}`, method: 'ping' })}\n`.repeat(1_000);
    process.stdout.write(end === 'ask' ? asked : 'x'.repeat(65_536), more);
  };
  more();
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const request = JSON.parse(line) as Request;
  const plan = readPlan();
  const isNow = plan !== undefined && plan.at === request.method;
  if (request.method === 'tools/call') {
    const { arguments: args, _meta: meta } = request.params ?? {};
    const call = { tool: request.params?.name, args, key: meta?.['countersign/idempotency-key'] };
    appendFileSync(join(folder, 'calls.jsonl'), `${JSON.stringify(call)}\n`);
  }
  if (isNow && plan.once === true) rmSync(planFile);
  const answer = answerTo(request, isNow ? plan.what : undefined);
  if (answer === undefined) return;
  for (const message of answer.before ?? []) process.stdout.write(`${JSON.stringify(message)}\n`);
  if (answer.after === 'complain') for (let i = 0; i < 200; i += 1) process.stderr.write('x'.repeat(100_000));
  if (answer.bytes !== undefined) {
    process.stdout.write(answer.bytes);
    if (answer.after !== 'die') process.stdout.write('\n');
  }
  if (answer.after === 'die') process.stdout.write('', () => process.exit(3));
  // It reads no more what it is answered.
  if (answer.after === 'ask') process.stdin.pause();
  if (answer.after === 'ask' || answer.after === 'write') without(answer.after);
});
