// An access token and the secret that it was given for are nowhere but in memory: in no log line, history, table, reply or error, of runs
// that end well and of runs that are refused.

import { Runtime } from '@temporalio/worker';
import { afterAll, expect, it, vi } from 'vitest';
import { mcpTools, openApiTools } from '../../activities/tools/index.ts';
import { toHistoryJson } from '../../client/index.ts';
import { createLogger } from '../../runtime/logger.ts';
import { plainConverter } from '../../runtime/payloads/data-converter.ts';
import { decideNext, scriptedModel } from '../../testing/index.ts';
import { createSdkLogger } from '../../worker/sdk-logger.ts';
import { STAFF, useEngine } from '../support/engine.ts';
import { SHOP_DOCUMENT, startHttpShop } from '../support/http-shop.ts';
import { httpShop } from '../support/mcp-shops.ts';
import { CLIENT_ID, CLIENT_SECRET, startOAuthServer } from '../support/oauth-server.ts';

const auth = await startOAuthServer();
let isShut = false;
const door = await httpShop({
  refusal: ({ authorization }) =>
    !isShut && auth.accepts(authorization, door.server.url)
      ? undefined
      : {
          status: 401,
          headers: { 'www-authenticate': `Bearer error="invalid_token", error_description="${authorization}"` },
        },
  metadata: () => ({ resource: door.server.url, authorization_servers: [auth.issuer] }),
});
const service = await startHttpShop();
const oauth = { issuer: auth.issuer, clientId: CLIENT_ID, clientSecret: { setting: 'TOOL_SHOP_SECRET' } };
const toolSettings = { TOOL_SHOP_SECRET: CLIENT_SECRET };
const tools = [
  ...(await mcpTools({
    server: { url: door.server.url, oauth },
    settings: toolSettings,
    tools: { refundOrder: { name: 'mcp_refund' } },
  })),
  ...openApiTools({
    document: SHOP_DOCUMENT,
    baseUrl: service.url,
    oauth,
    operations: { createRefund: { name: 'http_refund' } },
  }),
];
const logLines: string[] = [];
const log = createLogger({ name: 'oauth', logLevel: 'trace' }, { write: (line) => void logLines.push(line) });
const said = (['log', 'warn', 'error', 'info', 'debug'] as const).map((method) => vi.spyOn(console, method));
const model = scriptedModel();
const engine = useEngine({
  tools,
  toolSettings,
  models: { 'scripted-in-test': model },
  approvers: { manager: ['refund-approvers'] },
  // In clear, so that what is searched can be read.
  dataConverter: plainConverter,
  log,
  sdkLog: () => void Runtime.install({ logger: createSdkLogger(log) }),
  releases: () => ({
    'models.yaml':
      'v: 1\nmodels:\n  scripted-in-test: { provider: openai-compatible, model: none, base_url: "http://127.0.0.1:9" }\n',
    'desk/manifest.yaml': 'name: desk\nversion: 1.0.0\nmodel: scripted-in-test\ntools: [mcp_refund, http_refund]\n',
    'desk/prompt.md': 'Do what is asked.',
  }),
});
afterAll(async () => {
  await Promise.all(tools.map((tool) => tool.close?.()));
  for (const server of [auth, door, service]) await server.close();
});

/** All that a run left behind that may be read. */
async function traces(task: string, tool: string, state: string): Promise<string> {
  const args = { order: task, cents: 5 };
  model.script(task, [
    { calls: [{ tool, args }] },
    ({ prompt }) =>
      prompt.messages
        .at(-1)
        ?.parts.map(({ text }) => text)
        .join('') ?? '',
  ]);
  const run = await engine.client.start('agent', { task }, { release: 'desk', principal: STAFF });
  await decideNext(engine.client, run, { signer: engine.approver('manager') });
  const reply = await run.result();
  const [effect] = await engine.client.effects.list({ runId: run.id });
  expect(effect).toMatchObject({ state });
  const detail = await engine.client.effects.get(effect?.effectKey ?? 'sha256:0');
  return [JSON.stringify(reply), JSON.stringify(detail), toHistoryJson(await run.history())].join('\n');
}

it('tokens and secrets are nowhere', async () => {
  const left = [await traces('mcp', 'mcp_refund', 'done'), await traces('http', 'http_refund', 'done')];
  // Refused for good by the server, by the service, and by the authorization server, which repeats what it was sent.
  isShut = true;
  left.push(await traces('mcp-refused', 'mcp_refund', 'failed'));
  service.answers.set('http-refused', (response) => void response.writeHead(401, { 'x-why': 'a' }).end('no'));
  left.push(await traces('http-refused', 'http_refund', 'unknown'));
  auth.answers.set('/token', (response, { headers }) => {
    const error = { error: 'invalid_client', error_description: `${headers.authorization} ${CLIENT_SECRET}` };
    response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify(error));
  });
  left.push(await traces('token-refused', 'http_refund', 'failed'));
  expect(left.at(-1)).toContain('check TOOL_SHOP_SECRET. Nothing was done.');

  const owner = engine.sql('owner');
  const tables = await owner<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = 'countersign' order by 1`;
  for (const { name } of tables) {
    const rows = await owner<{ text: string }[]>`select row_to_json(t)::text as text from ${owner(name)} t`;
    left.push(...rows.map(({ text }) => text));
  }
  const printed = said.flatMap(({ mock }) => mock.calls.map((call) => JSON.stringify(call)));
  const all = [...left, ...logLines, ...printed].join('\n');
  expect(auth.tokens().length).toBeGreaterThan(3);
  expect(logLines.length).toBeGreaterThan(10);
  // What is searched does hold what was said.
  expect(all).toContain('token-refused');
  const basic = auth.asked[0]?.authorization?.replace('Basic ', '') ?? '';
  expect(basic.length).toBeGreaterThan(20);
  for (const word of [
    ...auth.tokens(),
    CLIENT_SECRET,
    encodeURIComponent(CLIENT_SECRET),
    basic,
    'token-canary',
    'canary-4711',
  ]) {
    expect(all.includes(word), word).toBe(false);
    expect(all.includes(Buffer.from(word).toString('base64').slice(0, -4)), word).toBe(false);
  }
});
