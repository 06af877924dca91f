// `countersign release`: the registry of releases: publish, look, compare, move labels forward and back.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { AccessPolicy } from '../../policies/load.ts';
import type { Comparison } from '../../releases/compare.ts';
import type { Moved } from '../../releases/promote.ts';
import type { Database } from '../../runtime/database.ts';
import { UserError } from '../../runtime/errors.ts';
import { DEFAULT_TENANT } from '../../workflows/protocol/index.ts';
import { settings } from '../context.ts';
import { withGatewayLedger } from '../gateway-ledger.ts';
import { alignTable, note, paint, print, printJson } from '../output.ts';
import { publisher } from '../publisher.ts';
import { visible, visibleLines } from '../untrusted-text.ts';

interface Options {
  readonly tenant: string;
  readonly home?: string;
  readonly json?: boolean;
}

interface MoveOptions extends Options {
  readonly by: string;
  readonly reason: string;
}

const common = (command: Command): Command =>
  command
    .option('--tenant <name>', 'whose releases', DEFAULT_TENANT)
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print JSON');

const moving = (command: Command): Command =>
  common(command)
    .requiredOption('--by <who>', 'who moves it; kept in the history')
    .requiredOption('--reason <text>', 'why; kept in the history');

export function register(program: Command): void {
  const release = program
    .command('release')
    .description('the releases of the registry: publish, compare, move labels forward and back');
  common(release.command('publish').description('publish the releases of a folder, and point a label at them'))
    .option('--releases <dir>', 'folder of the releases (default: COUNTERSIGN_RELEASES, or releases)')
    .option('--by <who>', 'who publishes', 'publisher')
    .addHelpText('after', '\nThe label is dev. A version, once published, never changes.')
    .addHelpText('after', '\nExample:\n  $ npx countersign release publish --by ada')
    .action(publish);
  common(release.command('list').description('the versions that are published, and where labels point'))
    .argument('[name]', 'of one release (default: all)')
    .addHelpText('after', '\nExample:\n  $ npx countersign release list support_refund_answer')
    .action(list);
  common(release.command('show').description('what a release is made of, and what gates said of it'))
    .argument('<ref>', 'NAME, NAME@VERSION or NAME@LABEL')
    .addHelpText('after', '\nExample:\n  $ npx countersign release show support_refund_answer@production')
    .action(show);
  common(release.command('diff').description('two releases side by side: prompt, policy, model, retrieval and tools'))
    .argument('<a>', 'NAME@VERSION or NAME@LABEL')
    .argument('<b>', 'NAME@VERSION or NAME@LABEL')
    .addHelpText('after', '\nExit codes: 0 they are the same; 1 they differ.')
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign release diff support_refund_answer@production support_refund_answer@dev',
    )
    .action(diff);
  moving(release.command('promote').description('point a label at a release that a gate has let pass'))
    .argument('<ref>', 'NAME@VERSION or NAME@LABEL')
    .requiredOption('--to <label>', 'staging, production, or a label of your own')
    .option('--expect <version>', 'only if the label is there now')
    .option('--unmeasured', 'without a gate report that passed; the history says so')
    .addHelpText('after', '\nRuns that are open stay with the release that they began with. No worker is restarted.')
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign release promote support_refund_answer@1.4.0 --to production --by ada --reason "passed the gate"',
    )
    .action(promoteTo);
  moving(release.command('rollback').description('point a label back at where it was before'))
    .argument('<name>', 'the release')
    .option('--label <label>', 'which label', 'production')
    .option('--to <version>', 'a version on the way that it came (default: the one before)')
    .option('--expect <version>', 'only if the label is there now')
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign release rollback support_refund_answer --by ada --reason INC-7',
    )
    .action(rollBack);
  common(release.command('history').description('who moved which label, when, why, and by which gate report'))
    .argument('<name>', 'the release')
    .option('--label <label>', 'of one label (default: all)')
    .addHelpText('after', '\nExample:\n  $ npx countersign release history support_refund_answer --label production')
    .action(history);
}

async function publish(options: Options & { readonly releases?: string; readonly by: string }): Promise<void> {
  const { publishFolder } = await import('../../releases/publish.ts');
  const { toolsModuleOf } = await import('../stack/sample-tools.ts');
  const { readToolDefinitions } = await import('../../runtime/tools-module.ts');
  const { environment } = settings(options.home);
  const { tenant, by } = options;
  await withRegistry(options, async (db, policy) => {
    const published = await publishFolder({
      db,
      policy: await policy(),
      tenant,
      folder: resolve(options.releases ?? environment.COUNTERSIGN_RELEASES ?? 'releases'),
      tools: await readToolDefinitions(toolsModuleOf(environment.COUNTERSIGN_TOOLS)),
      principal: publisher(requireWho(by), tenant),
    });
    if (published.some(({ conflict }) => conflict)) process.exitCode = 1;
    if (options.json) return printJson(published);
    for (const { name, version, published: isNew, conflict, unchecked } of published) {
      const ref = `${name}@${version}`;
      const what = conflict ? paint('yellow', 'changed since it was published') : isNew ? 'published' : 'as published';
      print(`${ref}: ${what}`);
      if (conflict) note(`  raise the version of ${name} to publish it`);
      for (const each of isNew ? unchecked : []) note(`  not checked ${each}`);
    }
  });
}

async function list(name: string | undefined, options: Options): Promise<void> {
  const { listReleases } = await import('../../releases/list.ts');
  await withRegistry(options, async (db) => {
    const { tenant } = options;
    const releases = await listReleases(db.of(tenant), { tenant, ...(name !== undefined && { name }) });
    if (options.json) return printJson(releases);
    if (releases.length === 0) return note('No release is published yet: `countersign release publish`.');
    const rows = releases.map(({ labels, digest, gate, owner, publishedAt, publishedBy, ...release }) => [
      `${release.name}@${release.version}`,
      labels.join(', ') || '-',
      release.risk,
      gate ?? '-',
      digest.slice(7, 19),
      `${minutes(publishedAt)} ${visible(publishedBy)}`,
      visible(owner ?? '-'),
    ]);
    print(alignTable([['RELEASE', 'LABELS', 'RISK', 'GATE', 'DIGEST', 'PUBLISHED (UTC)', 'OWNER'], ...rows]));
  });
}

const minutes = (at: Date): string => at.toISOString().slice(0, 16).replace('T', ' ');

async function show(ref: string, options: Options): Promise<void> {
  const { refOf } = await import('../../releases/release.ts');
  const { resolveRelease } = await import('../../releases/registry.ts');
  const { listReleases } = await import('../../releases/list.ts');
  const { listGateReports } = await import('../../releases/gate-reports.ts');
  const { stringify } = await import('yaml');
  await withRegistry(options, async (db) => {
    const { tenant } = options;
    const sql = db.of(tenant);
    const { digest, body } = await resolveRelease(sql, tenant, ref, 'dev');
    const listed = (await listReleases(sql, { tenant, name: body.name })).find((each) => each.digest === digest);
    const reports = await listGateReports(sql, { tenant, release: digest });
    const labels = listed?.labels ?? [];
    if (options.json) return printJson({ digest, labels, gateReports: reports, body });
    print(`${paint('bold', refOf({ body }))}  ${digest}`);
    print(`labels: ${labels.join(', ') || 'none'}`);
    for (const { id, outcome, counts, by, at } of reports) {
      print(
        `gate report ${id}: ${paint(outcome === 'passed' ? 'green' : 'yellow', outcome)}, ${minutes(at)}, ${visible(by)}${counts ? '' : '; no label moves by it'}`,
      );
    }
    const { prompt, ...rest } = body;
    print();
    for (const line of stringify(rest, { lineWidth: 0 }).trimEnd().split('\n')) print(visible(line));
    print('prompt:');
    for (const line of visibleLines(prompt)) print(`  │ ${line}`);
  });
}

async function diff(a: string, b: string, options: Options): Promise<void> {
  const { resolveRelease } = await import('../../releases/registry.ts');
  const { compareReleases } = await import('../../releases/compare.ts');
  await withRegistry(options, async (db) => {
    const { tenant } = options;
    const [left, right] = await Promise.all([a, b].map((ref) => resolveRelease(db.of(tenant), tenant, ref, 'dev')));
    if (left === undefined || right === undefined) throw new Error('nothing was resolved');
    const comparison = compareReleases(left, right);
    process.exitCode = comparison.same ? 0 : 1;
    if (options.json) return printJson(comparison);
    printComparison(comparison);
  });
}

const MIN_COLUMNS = 80;

function printComparison({ a, b, same, prompt, fields }: Comparison): void {
  if (same) {
    print(`${a} and ${b} are the same`);
    return;
  }
  print(`${paint('red', `- ${a}`)}\n${paint('green', `+ ${b}`)}`);
  for (const [section, changed] of Map.groupBy(fields, (field) => field.section)) {
    print(`\n${paint('bold', section)}`);
    const rows = changed.map((field) => [`  ${visible(field.field)}`, shown(field.a), '→', shown(field.b)]);
    print(alignTable(rows));
  }
  if (prompt.length === 0) {
    print('\nThe prompts are the same.');
    return;
  }
  print(`\n${paint('bold', 'prompt')}`);
  const width = Math.floor((Math.max(MIN_COLUMNS, process.stdout.columns ?? MIN_COLUMNS) - 3) / 2);
  for (const [left, right] of sideBySide(prompt, width)) {
    const isSame = left === right;
    print(
      isSame
        ? paint('dim', `${left.padEnd(width)} │ ${right}`)
        : `${paint('red', left.padEnd(width))} │ ${paint('green', right)}`,
    );
  }
}

const shown = (value: string | null): string => {
  const text = visible(value ?? 'not set');
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
};

/** Rows of two cells: what is in both beside itself, what was taken out beside what came in its place. */
function sideBySide(lines: Comparison['prompt'], width: number): readonly (readonly [string, string])[] {
  const rows: [string, string][] = [];
  let left: string[] = [];
  let right: string[] = [];
  const flush = (): void => {
    for (let i = 0; i < Math.max(left.length, right.length); i++) rows.push([left[i] ?? '', right[i] ?? '']);
    [left, right] = [[], []];
  };
  for (const { change, text } of lines) {
    const cells = wrapped(visible(text), width);
    if (change === 'removed') left.push(...cells);
    else if (change === 'added') right.push(...cells);
    else {
      flush();
      rows.push(...cells.map((cell): [string, string] => [cell, cell]));
    }
  }
  flush();
  return rows;
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const at = space > width / 2 ? space : width;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at).trimStart();
  }
  return [...lines, rest];
}

interface PromoteOptions extends MoveOptions {
  readonly to: string;
  readonly expect?: string;
  readonly unmeasured?: boolean;
}

async function promoteTo(ref: string, options: PromoteOptions): Promise<void> {
  const { promote } = await import('../../releases/promote.ts');
  const { tenant, by, reason, to: label, expect, unmeasured } = options;
  await withRegistry(options, async (db, policy) => {
    const principal = publisher(requireWho(by), tenant);
    const moved = await promote({
      ...{ db, policy: await policy(), tenant, principal, reason, ref, label },
      ...(expect !== undefined && { expect }),
      ...(unmeasured === true && { unmeasured }),
    });
    printMoved(moved, options);
  });
}

async function rollBack(
  name: string,
  options: MoveOptions & { readonly label: string; readonly to?: string; readonly expect?: string },
): Promise<void> {
  const { rollback } = await import('../../releases/promote.ts');
  const { tenant, by, reason, label, to, expect } = options;
  await withRegistry(options, async (db, policy) => {
    const principal = publisher(requireWho(by), tenant);
    const moved = await rollback({
      db,
      policy: await policy(),
      tenant,
      principal,
      reason,
      name,
      label,
      ...(to !== undefined && { to }),
      ...(expect !== undefined && { expect }),
    });
    printMoved(moved, options);
  });
}

function requireWho(by: string): string {
  if (/^[\w.@-]{1,200}$/.test(by)) return by;
  throw new UserError(`--by says who, in letters, digits and . _ @ -: ${by}`, { exitCode: 64 });
}

function printMoved(moved: Moved, { json }: Options): void {
  const { name, label, from, to, gateReport, revision } = moved;
  if (json) printJson(moved);
  else if (!moved.moved) print(`${name}@${label} is at ${to} already`);
  if (json || !moved.moved) return;
  print(`${paint('bold', `${name}@${label}`)}: ${from ?? 'nowhere'} → ${to} (move ${revision})`);
  if (gateReport !== null) print(`  by gate report ${gateReport}`);
  print('  Runs that begin from now on go by it; open ones stay with theirs.');
}

async function history(name: string, options: Options & { readonly label?: string }): Promise<void> {
  const { listMoves, requireLabel } = await import('../../releases/labels.ts');
  const { listReleases } = await import('../../releases/list.ts');
  await withRegistry(options, async (db) => {
    const { tenant } = options;
    const label = options.label === undefined ? {} : { label: requireLabel(options.label) };
    const moves = await listMoves(db.of(tenant), { tenant, name, ...label });
    // Says which there are.
    if (moves.length === 0) await listReleases(db.of(tenant), { tenant, name });
    if (options.json) return printJson(moves);
    if (moves.length === 0) return note(`no label of ${name} was ever moved`);
    const rows = moves.map(({ at, kind, from, to, by, reason, gateReport, ...move }) => [
      minutes(at),
      move.label,
      kind,
      `${from === null ? 'nowhere' : (from.split('@')[1] ?? from)} → ${to.split('@')[1] ?? to}`,
      visible(by),
      gateReport ?? '-',
      visible(reason),
    ]);
    print(alignTable([['AT (UTC)', 'LABEL', 'MOVE', 'FROM → TO', 'BY', 'GATE REPORT', 'REASON'], ...rows]));
  });
}

async function withRegistry(
  { home }: Options,
  use: (db: Database, policy: () => Promise<AccessPolicy>) => Promise<void>,
): Promise<void> {
  await withGatewayLedger(home, async ({ config: { policiesDir }, db }) => {
    // Loading Cedar and parsing take a third of a second: only those who move something wait for it.
    await use(db, async () => (await import('../../policies/load.ts')).loadAccessPolicy(policiesDir));
  });
}
