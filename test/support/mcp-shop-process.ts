// The shop of mcp-shop.ts over standard streams. Appends each call that it receives to the file that it is given, as JSON lines.
import { appendFileSync } from 'node:fs';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { mcpShop } from './mcp-shop.ts';

const [, , log = ''] = process.argv;
await mcpShop((call) => appendFileSync(log, `${JSON.stringify(call)}\n`)).connect(new StdioServerTransport());
