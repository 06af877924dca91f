// `countersign policy`: the access policies as code, validated, tested and explained; and denials that hold at once.
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { parse } from 'yaml';
import type { DenialKind } from '../../policies/denials.ts';
import type { Sql } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';
import { DEFAULT_TENANT } from '../../workflows/protocol/index.ts';
import { settings } from '../context.ts';
import { explainVerdict } from '../explain-verdict.ts';
import { withGatewayLedger } from '../gateway-ledger.ts';
import { collect } from '../option-values.ts';
import { alignTable, note, paint, print, printJson } from '../output.ts';

interface OfflineOptions {
  readonly policies?: string;
  readonly json?: boolean;
}

interface LedgerOptions {
  readonly tenant: string;
  readonly home?: string;
  readonly json?: boolean;
}

const offline = (command: Command): Command =>
  command
    .option('--policies <dir>', 'folder of the policies (default: COUNTERSIGN_POLICIES, or policies)')
    .option('--json', 'print JSON');

const onLedger = (command: Command): Command =>
  command
    .option('--tenant <name>', 'where it holds', DEFAULT_TENANT)
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print JSON');

export function register(program: Command): void {
  const policy = program
    .command('policy')
    .description('validate, test and explain the access policies; deny something at once');
  offline(policy.command('validate').description('parse the policies and hold them against their schema'))
    .addHelpText('after', '\nExample:\n  $ npx countersign policy validate')
    .action(validate);
  offline(policy.command('test').description('run a file of cases, and print those that differ'))
    .argument('[file]', 'cases (default: cases.yaml in the folder of the policies)')
    .addHelpText('after', '\nExample:\n  $ npx countersign policy test policies/cases.yaml')
    .action(test);
  offline(policy.command('explain').description('what the policies say to one question: who, what, why, which rule'))
    .option('--as <id>', 'who asks: a development identity')
    .option('--principal <yaml>', 'who asks: { id, groups, roles, clearance }')
    .requiredOption(
      '--action <name>',
      'ask, ingest, retrieve, send_to_model, call_tool, approve, answer, extend_budget or release',
    )
    .requiredOption('--resource <id>', 'the release, collection, model or tool')
    .option('--set <name=value>', 'an attribute of the resource or of the context; again for another', collect, [])
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign policy explain --as staff --action call_tool --resource refund_order --set risk=high',
    )
    .action(explain);
  onLedger(
    policy
      .command('deny-now')
      .description('take a tool, a release or a principal out of use, from the next verdict on'),
  )
    .option('--tool <name>', 'no call of it begins any more, approved or not')
    .option('--release <ref>', 'NAME, NAME@VERSION or NAME@LABEL: it answers nobody and calls nothing')
    .option('--principal <id>', 'may do nothing, and approve nothing')
    .requiredOption('--reason <text>', 'why, for example a ticket; kept in clear, so no personal data')
    .requiredOption('--by <who>', 'who denies')
    .addHelpText('after', '\nExample:\n  $ npx countersign policy deny-now --tool refund_order --reason INC-7 --by ada')
    .action(denyNow);
  onLedger(policy.command('denials').description('denials that stand, latest first'))
    .option('--all', 'lifted ones, too')
    .addHelpText('after', '\nExample:\n  $ npx countersign policy denials')
    .action(denials);
  onLedger(policy.command('lift').description('lift a denial'))
    .argument('<denial>', 'its id')
    .requiredOption('--reason <text>', 'why')
    .requiredOption('--by <who>', 'who lifts')
    .addHelpText('after', '\nExample:\n  $ npx countersign policy lift 01JD… --reason "INC-7 is solved" --by ada')
    .action(lift);
}

const folderOf = ({ policies }: OfflineOptions): string =>
  resolve(policies ?? settings().environment.COUNTERSIGN_POLICIES ?? 'policies');

async function validate(options: OfflineOptions): Promise<void> {
  const { loadAccessPolicy } = await import('../../policies/load.ts');
  const { requireAnswerable, takesAmounts } = await import('../../policies/answerable.ts');
  const folder = folderOf(options);
  const policy = loadAccessPolicy(folder);
  requireAnswerable(policy, folder);
  const { digest, ids, approvals, riskClasses } = policy;
  if (options.json) return printJson({ valid: true, digest, policies: ids, riskClasses });
  print(`${paint('bold', 'valid')}: ${ids.length} policies, ${approvals.size} of them ask for an approval`);
  print(`digest ${digest}`);
  if (takesAmounts(policy)) return;
  note(
    'its schema has no amount and currency (call_tool, approve): a worker with a tool that has an amount will not start',
  );
}

async function test(file: string | undefined, options: OfflineOptions): Promise<void> {
  const { loadAccessPolicy } = await import('../../policies/load.ts');
  const { readCases } = await import('../../policies/cases.ts');
  const { differenceOf, judgeCase } = await import('../../policies/judge-case.ts');
  const folder = folderOf(options);
  const policy = loadAccessPolicy(folder);
  const cases = readCases(file ?? join(folder, 'cases.yaml'), folder);
  const differing = cases.flatMap((each) => {
    const verdict = judgeCase(policy, each);
    const difference = differenceOf(each, verdict);
    return difference === undefined ? [] : [{ name: each.name, difference, verdict }];
  });
  if (differing.length > 0) process.exitCode = 1;
  if (options.json) return printJson({ cases: cases.length, differing });
  for (const { name, difference } of differing) print(`${paint('red', 'differs')}  ${name}: ${difference}`);
  print(`${cases.length - differing.length} of ${cases.length} cases as expected`);
}

interface ExplainOptions extends OfflineOptions {
  readonly as?: string;
  readonly principal?: string;
  readonly action: string;
  readonly resource: string;
  readonly set: readonly string[];
}

/** What belongs to the resource; the rest is context. */
const RESOURCE_FIELDS: ReadonlySet<string> = new Set(['risk', 'idempotent', 'reads', 'acts', 'provider', 'base_url']);

async function explain(options: ExplainOptions): Promise<void> {
  const { loadAccessPolicy } = await import('../../policies/load.ts');
  const { readQuestion } = await import('../../policies/cases.ts');
  const { judgeCase } = await import('../../policies/judge-case.ts');
  const folder = folderOf(options);
  const policy = loadAccessPolicy(folder);
  const fields = options.set.map((text): [string, unknown] => {
    const at = text.indexOf('=');
    if (at < 1) throw new UserError(`Not name=value: ${text}`, { hint: 'For example --set risk=high.', exitCode: 64 });
    return [text.slice(0, at), parse(text.slice(at + 1))];
  });
  const resource = {
    id: options.resource,
    ...Object.fromEntries(fields.filter(([name]) => RESOURCE_FIELDS.has(name))),
  };
  const context = Object.fromEntries(fields.filter(([name]) => !RESOURCE_FIELDS.has(name)));
  const { as, action } = options;
  const who = {
    ...(as !== undefined && { as }),
    ...(options.principal !== undefined && { principal: parse(options.principal) }),
  };
  const question = asWrongUse(() => readQuestion({ ...who, action, resource, context }, folder, 'The question'));
  const verdict = judgeCase(policy, question);
  if (options.json) return printJson(verdict);
  for (const line of explainVerdict(policy, verdict)) print(line);
}

/** What stands in a file is wrong content; on a command line it is wrong use. */
function asWrongUse<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    const { message, hint } = cause;
    throw new UserError(message, { ...(hint !== undefined && { hint }), exitCode: 64, cause });
  }
}

interface DenyOptions extends LedgerOptions {
  readonly tool?: string;
  readonly release?: string;
  readonly principal?: string;
  readonly reason: string;
  readonly by: string;
}

async function denyNow(options: DenyOptions): Promise<void> {
  const { placeDenial } = await import('../../policies/denial-ledger.ts');
  const { tenant, reason, by, json } = options;
  const kinds: readonly DenialKind[] = ['tool', 'release', 'principal'];
  const [named, ...more] = kinds.flatMap((kind) => {
    const name = options[kind];
    return name === undefined ? [] : [{ kind, name }];
  });
  if (named === undefined || more.length > 0) {
    throw new UserError('Name one of --tool, --release and --principal', {
      hint: 'One denial, one thing.',
      exitCode: 64,
    });
  }
  await withLedger(options, async (sql) => {
    const denial = await placeDenial(sql, { tenant, ...named, reason, by });
    if (json) return printJson(denial);
    print(`${paint('bold', `${denial.kind} ${denial.name}`)} is denied from now on: deny-now:${denial.id}`);
    print('  It holds for open runs, too: calls that are approved and have not begun will not begin.');
    note(`lift it with \`npx countersign policy lift ${denial.id} --reason … --by …\``);
  });
}

async function denials(options: LedgerOptions & { readonly all?: boolean }): Promise<void> {
  const { listDenials } = await import('../../policies/denial-ledger.ts');
  await withLedger(options, async (sql) => {
    const found = await listDenials(sql, { tenant: options.tenant, standing: options.all !== true });
    if (options.json) return printJson(found);
    if (found.length === 0) return note('nothing is denied');
    const rows = found.map(({ id, kind, name, deniedBy, deniedAt, reason, liftedBy, liftReason }) => [
      id,
      `${kind} ${name}`,
      deniedBy,
      deniedAt.toISOString().slice(0, 16).replace('T', ' '),
      liftedBy === null ? reason : `${reason}; lifted by ${liftedBy}: ${liftReason}`,
    ]);
    print(alignTable([['DENIAL', 'ON', 'BY', 'SINCE (UTC)', 'REASON'], ...rows]));
  });
}

async function lift(
  text: string,
  options: LedgerOptions & { readonly reason: string; readonly by: string },
): Promise<void> {
  const { liftDenial } = await import('../../policies/denial-ledger.ts');
  const { tenant, reason, by, json } = options;
  // As verdicts name it, or bare.
  const id = text.replace(/^deny-now:/, '');
  await withLedger(options, async (sql) => {
    await liftDenial(sql, { tenant, id, reason, by });
    if (json) printJson({ id, lifted: true });
    else print(`lifted ${id}`);
  });
}

async function withLedger({ home, tenant }: LedgerOptions, use: (sql: Sql) => Promise<void>): Promise<void> {
  await withGatewayLedger(home, async ({ db }) => await use(db.of(tenant)));
}
