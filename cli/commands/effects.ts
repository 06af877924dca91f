// `countersign effects`: what tools did, and what nobody can tell.
import type { Command } from 'commander';
import type { EffectDetail, EffectState, Signer } from '../../client/index.ts';
import type { Config } from '../../runtime/config.ts';
import { UserError } from '../../runtime/errors.ts';
import { effectState, KEY_CHARS } from '../effect-state.ts';
import { alignTable, note, paint, print, printJson } from '../output.ts';
import { requireLimit, requireRunId, withClient } from '../session.ts';
import type { SignerOptions } from '../signer.ts';
import { signerOf } from '../signer.ts';
import { quoted, visible } from '../untrusted-text.ts';

interface CommonOptions {
  readonly home?: string;
  readonly json?: boolean;
}

interface ListOptions extends CommonOptions {
  readonly state?: string;
  readonly run?: string;
  readonly limit: string;
}

export function register(program: Command): void {
  const effects = program
    .command('effects')
    .description('list and show what tools did, and settle what nobody can tell');
  effects
    .command('list')
    .description('calls that got as far as their effect, the latest first')
    .option('--state <state>', 'only claimed, done, failed or unknown ones')
    .option('--run <id>', 'only those of this run')
    .option('--limit <n>', 'how many, at most 1000', '20')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign effects list --state unknown')
    .action(list);
  effects
    .command('show')
    .description('one effect: its attempts, its receipt, who approved it, arguments and result')
    .argument('<key>', 'effect key, or at least 6 digits of its beginning')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign effects show sha256:9f86d081884c')
    .action(show);
  effects
    .command('resolve')
    .description('say what happened where nobody can tell, having looked in the system that the tool calls')
    .argument('<key>', 'effect key, or at least 6 digits of its beginning')
    .requiredOption('--state <state>', 'done: it happened; failed: it certainly did not')
    .requiredOption('--reason <text>', 'how that was found out')
    .option('--receipt <text>', 'what the other system calls it, for example the id of a refund')
    .option('--as <name>', "sign with this approver's key of the local stack")
    .option('--key <file>', 'sign with the private key in this file')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nIt is signed and final, and cannot be done by whom the run acts for.')
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign effects resolve sha256:9f86d081884c --state done --receipt R-5004 --as manager --reason "found in the shop"',
    )
    .action(resolve);
}

interface ResolveOptions extends CommonOptions, SignerOptions {
  readonly state: string;
  readonly reason: string;
  readonly receipt?: string;
}

async function resolve(text: string, options: ResolveOptions): Promise<void> {
  const { state, reason, receipt } = options;
  if (state !== 'done' && state !== 'failed') {
    throw new UserError(`Not what can be found out: ${state}`, {
      hint: 'Give --state done or --state failed.',
      exitCode: 64,
    });
  }
  await withClient(options.home, async ({ config, client }) => {
    const signer = await signerOf(config, options);
    await requireApprover(config, signer);
    const key = await client.effects.find(text);
    const resolution = await client.effects.resolve(key, {
      state,
      reason,
      signer,
      ...(receipt !== undefined && { receipt }),
    });
    if (options.json) return printJson({ effectKey: key, ...resolution });
    print(`${paint(COLOUR[state], state)}  ${key}, says ${visible(resolution.by)}`);
  });
}

/** Whoever resolves is an approver whose key counts now. */
async function requireApprover(config: Config, { approver, kid }: Signer): Promise<void> {
  const { createApproverRegistry } = await import('../../policies/approver-registry.ts');
  const registry = createApproverRegistry({ file: config.approversFile, adminKeyFile: config.approversKeyFile });
  const known = registry.current(new Date()).some((key) => key.approver === approver && key.kid === kid);
  if (known) return;
  throw new UserError(`The key ${kid} of ${approver} is not in the approver registry, or not valid now`, {
    hint: '`npx countersign keys list` shows those that are.',
  });
}

async function list(options: ListOptions): Promise<void> {
  const limit = requireLimit(options.limit);
  const runId = options.run === undefined ? undefined : requireRunId(options.run);
  const state = await requireState(options.state);
  await withClient(options.home, async ({ client }) => {
    const found = await client.effects.list({
      limit,
      ...(runId !== undefined && { runId }),
      ...(state !== undefined && { state }),
    });
    if (options.json) return printJson(found);
    if (found.length === 0) return note('no effects');
    const rows = found.map((effect) => [
      effect.effectKey.slice(0, KEY_CHARS),
      visible(effect.tool),
      effect.risk,
      effect.claimedAt.slice(0, 19).replace('T', ' '),
      effect.runId,
      effect.decidedBy.length === 0 ? '' : visible(effect.decidedBy.join(', ')),
      effectState(effect),
    ]);
    print(alignTable([['EFFECT', 'TOOL', 'RISK', 'CLAIMED (UTC)', 'RUN', 'DECIDED BY', 'STATE'], ...rows]));
  });
}

async function show(text: string, options: CommonOptions): Promise<void> {
  await withClient(options.home, async ({ client }) => {
    const effect = await client.effects.get(await client.effects.find(text));
    if (options.json) return printJson(effect);
    printEffect(effect);
  });
}

const COLOUR = { done: 'green', claimed: 'yellow', failed: 'yellow', unknown: 'red' } as const;

function printEffect(effect: EffectDetail): void {
  const block = (value: unknown): void => {
    print(quoted(JSON.stringify(value, null, 2), { columns: process.stdout.columns ?? 80 }));
  };
  const { state, message, claims, approvalId, decidedBy, settledAt, receipt, resolution, compensates, compensatedBy } =
    effect;
  print(`${paint('bold', visible(effect.tool))}  ${paint(COLOUR[state], state)}`);
  if (message !== '') print(visible(message));
  const approved = decidedBy.length === 0 ? '' : `, decided by ${visible(decidedBy.join(', '))}`;
  const facts: [string, string][] = [
    ['effect', effect.effectKey],
    ['run', `${effect.runId}, step ${visible(effect.stepPath)}`],
    ['risk', effect.risk],
    ['approval', approvalId === null ? 'none was needed' : `${approvalId}${approved}`],
    ['receipt', receipt === null ? 'none' : visible(receipt)],
    ['settled', settledAt ?? 'not yet'],
  ];
  if (compensates !== null) facts.push(['undoes', compensates]);
  if (compensatedBy !== null) {
    const { tool, effectKey, state: undone } = compensatedBy;
    facts.push(['undone by', `${visible(tool)}, effect ${effectKey}: ${undone}`]);
  }
  if (resolution !== null) {
    const { by, at, reason, kid } = resolution;
    facts.push(['resolved', `${state} by ${visible(by)} at ${at}, key ${visible(kid)}: ${visible(reason)}`]);
    if (resolution.receipt !== null) facts.push(['their receipt', visible(resolution.receipt)]);
  }
  print(alignTable(facts));
  const rows = claims.map((claim) => [
    `attempt ${claim.attempt}`,
    `worker ${visible(claim.worker)}`,
    `claimed ${claim.claimedAt}`,
    `lease until ${claim.leaseUntil}`,
  ]);
  print(alignTable(rows));
  print(paint('bold', 'Arguments'));
  block(effect.args);
  if (effect.result !== undefined) {
    print(paint('bold', `Result (${effect.bytes ?? 0} bytes, ${effect.sensitivity ?? 'internal'})`));
    block(effect.result);
  } else if ((effect.bytes ?? 0) > 0) print(`The result had ${effect.bytes} bytes, too many to be kept.`);
  if (state === 'unknown') {
    note(
      'Nobody can tell whether this happened: look in the system that the tool calls, then say so by `effects resolve`.',
    );
  }
}

async function requireState(text: string | undefined): Promise<EffectState | undefined> {
  if (text === undefined) return undefined;
  const { EFFECT_STATES } = await import('../../client/index.ts');
  const state = EFFECT_STATES.find((each) => each === text);
  if (state !== undefined) return state;
  throw new UserError(`Not a state: ${text}`, { hint: `Give one of ${EFFECT_STATES.join(', ')}.`, exitCode: 64 });
}
