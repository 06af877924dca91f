// A process that calls the tool `breed` of an MCP server, says what it gave back, and goes on until it is killed.
import type { StdioServer } from '../../activities/tools/index.ts';
import { mcpTools } from '../../activities/tools/index.ts';
import { callTool } from '../activities/tools/call-tool.ts';

const server = JSON.parse(process.argv[2] ?? '') as StdioServer;
const [breed] = await mcpTools({ server, tools: { breed: {} } });
if (breed === undefined) throw new Error('there is no such tool');
process.send?.(await callTool(breed, { order: 'A-1' }));
setInterval(() => {}, 1_000);
