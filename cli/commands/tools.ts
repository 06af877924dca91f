// `countersign tools`: what a worker would have. Loads the tools module, which may ask MCP servers, and runs none of its tools.
import type { Command } from 'commander';
import { UserError } from '../../runtime/errors.ts';
import type { DefinedTool } from '../../runtime/tools-module.ts';
import type { ArgumentPath } from '../../workflows/protocol/index.ts';
import { accessOf } from '../../workflows/protocol/index.ts';
import { settings } from '../context.ts';
import { alignTable, print, printJson } from '../output.ts';
import { visible } from '../untrusted-text.ts';

export function register(program: Command): void {
  const tools = program
    .command('tools')
    .description('the tools that a worker would have, and what releases pin of them');
  tools
    .command('list')
    .description('name, kind, risk, hash and origin of each tool of the module that COUNTERSIGN_TOOLS names')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExample:\n  $ COUNTERSIGN_TOOLS=./tools.ts npx countersign tools list')
    .action(list);
  tools
    .command('show')
    .description('the whole definition of a tool, as releases pin it')
    .argument('<name>', 'name of the tool')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign tools show refund_order')
    .action(show);
}

async function read(): Promise<ReadonlyMap<string, DefinedTool>> {
  const { readToolDefinitions } = await import('../../runtime/tools-module.ts');
  const { toolsModuleOf } = await import('../stack/sample-tools.ts');
  return await readToolDefinitions(toolsModuleOf(settings().environment.COUNTERSIGN_TOOLS));
}

async function list({ json = false }: { json?: boolean }): Promise<void> {
  const tools = [...(await read()).values()].map(summary).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (json) return printJson(tools);
  const rows = tools.map(({ name, kind, risk, hash, from }) => [name, kind, risk, hash.slice(0, 19), visible(from)]);
  print(alignTable([['NAME', 'KIND', 'RISK', 'HASH', 'FROM'], ...rows]));
}

async function show(name: string, { json = false }: { json?: boolean }): Promise<void> {
  const tools = await read();
  const tool = tools.get(name);
  if (tool === undefined) {
    throw new UserError(`There is no tool ${name}`, { hint: `There are: ${[...tools.keys()].sort().join(', ')}.` });
  }
  const { definition, definitionHash } = tool;
  if (json) return printJson({ definitionHash, definition });
  const { kind, risk, from } = summary(tool);
  const rows = [
    ['name', name],
    ['kind', kind],
    ['from', visible(from)],
    ['risk', risk],
    ['hash', definitionHash],
    ['idempotent', definition.idempotent ? 'yes' : 'no: called at most once'],
    ['amount', amountText(definition.amount)],
    ['reads', `up to ${accessOf(definition).reads} data`],
    ['acts', accessOf(definition).acts ? 'yes: changes something, or tells somebody outside' : 'no'],
    ['must be trusted', definition.mustBeTrusted.join(', ') || 'nothing'],
    ['undone by', definition.compensation ?? 'nothing'],
    ['description', visible(definition.description)],
  ];
  print(alignTable(rows));
  print(JSON.stringify(definition.inputSchema, null, 2));
}

/** How policies know what a call moves. */
function amountText(amount: DefinedTool['definition']['amount']): string {
  if (amount === undefined || amount === 'code') return amount === 'code' ? 'by its code' : 'not known to policies';
  const { argument, currency, currencyArgument } = amount;
  const of = (path: ArgumentPath): string => visible(typeof path === 'string' ? path : path.join('.'));
  const unit =
    currencyArgument === undefined ? (currency ?? 'no currency') : `in the currency of ${of(currencyArgument)}`;
  return `${of(argument)}, ${unit}`;
}

function summary({ definition, definitionHash }: DefinedTool) {
  const { name, risk, source } = definition;
  const kind = source?.kind ?? 'native';
  return { name, kind, risk, hash: definitionHash, from: source?.name ?? 'code' };
}
