// `countersign tools`: what a worker would have, from a module with tools of every kind.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { SHOP_DOCUMENT } from '../../support/http-shop.ts';
import { stdioShop } from '../../support/mcp-shops.ts';
import { countersign } from '../../support/stack.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const TOOLS = fileURLToPath(new URL('../../../activities/tools/index.ts', import.meta.url));
const ZOD = fileURLToPath(new URL('../../../node_modules/zod/index.js', import.meta.url));
const folder = useTempFolder();
const shop = stdioShop();
afterAll(async () => await shop.close());

const moduleOf = (name: string): string => {
  const path = folder.file(name);
  writeFileSync(
    path,
    `import { defineTool, mcpTools, openApiTools } from '${TOOLS}';
import { z } from '${ZOD}';
export const pay = defineTool({ name: 'pay', description: 'Pays.', input: z.object({}), risk: 'low', run: async () => null });
export const shop = await mcpTools({ server: ${JSON.stringify(shop.server)}, prefix: 'mcp', tools: { refundOrder: { amount: { argument: 'cents', currency: 'EUR' } } } });
export const http = openApiTools({ document: ${JSON.stringify(SHOP_DOCUMENT)}, baseUrl: 'https://shop.example.com', operations: { createRefund: { risk: 'critical' } } });
`,
  );
  return path;
};

describe('tools', () => {
  it('ends without a list where an MCP server cannot be asked for want of a token, and says what to do', async () => {
    const path = folder.file('oauth.ts');
    const oauth = { issuer: 'http://127.0.0.1:9', clientId: 'worker', clientSecret: { setting: 'TOOL_SHOP_SECRET' } };
    const server = { url: 'http://127.0.0.1:9/mcp', oauth };
    writeFileSync(
      path,
      `import { mcpTools } from '${TOOLS}';\nexport const shop = await mcpTools(${JSON.stringify({ server })});\n`,
    );
    const env = { COUNTERSIGN_TOOLS: path, TOOL_SHOP_SECRET: 'canary-4711' };
    const { code, stdout, stderr } = await countersign(['tools', 'list'], { env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('The MCP server http://127.0.0.1:9/mcp: its metadata cannot be read (');
    expect(stderr).not.toContain('canary');
    const unset = await countersign(['tools', 'list'], { env: { COUNTERSIGN_TOOLS: path } });
    expect(unset.code).toBe(1);
    expect(unset.stderr).toContain('Set TOOL_SHOP_SECRET; only variables that begin with TOOL_ reach tools.');
  });

  it('lists what a worker would have, with kind, risk, hash and origin, and ends', async () => {
    const env = { COUNTERSIGN_TOOLS: moduleOf('list.ts') };
    const { code, stdout, stderr } = await countersign(['tools', 'list', '--json'], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const hash = expect.stringMatching(/^sha256:[0-9a-f]{64}$/);
    expect(JSON.parse(stdout)).toEqual([
      { name: 'create_refund', kind: 'http', risk: 'critical', hash, from: 'createRefund' },
      { name: 'mcp_refund_order', kind: 'mcp', risk: 'high', hash, from: 'refundOrder' },
      { name: 'pay', kind: 'native', risk: 'low', hash, from: 'code' },
    ]);
  });

  it('shows the definition of one, and names those that there are for another', async () => {
    const env = { COUNTERSIGN_TOOLS: moduleOf('show.ts') };
    const shown = await countersign(['tools', 'show', 'mcp_refund_order'], { env });
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain('Refunds an order.');
    expect(shown.stdout).toMatch(/^amount +cents, EUR$/m);
    expect(shown.stdout).toContain('"exclusiveMinimum": 0');
    expect(shown.stdout).toMatch(/^reads +up to restricted data\nacts +yes/m);
    const { code, stderr } = await countersign(['tools', 'show', 'erase'], { env });
    expect(code).toBe(1);
    expect(stderr).toContain('There are: create_refund, mcp_refund_order, pay.');
  });
});
