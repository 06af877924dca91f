// `countersign doctor`: names what is missing or mis-set. It changes nothing.
import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { Config } from '../../runtime/config.ts';
import type { Stack } from '../../runtime/stack-file.ts';
import { settings } from '../context.ts';
import type { Finding, Status } from '../doctor/check.ts';
import type { Style } from '../output.ts';
import { alignTable, paint, print, printJson } from '../output.ts';

export function register(program: Command): void {
  program
    .command('doctor')
    .description('name what is missing or mis-set')
    .option('--home <dir>', 'data folder (default: COUNTERSIGN_HOME, else .countersign)')
    .option('--json', 'print the findings as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 all well (warnings allowed), 1 something is wrong, 2 something could not be checked.',
    )
    .addHelpText('after', '\nExample:\n  $ npx countersign doctor')
    .action(doctor);
}

async function doctor(options: { readonly home?: string; readonly json?: boolean }): Promise<void> {
  const { exitCodeOf } = await import('../doctor/check.ts');
  const findings = await examine(options.home);
  const exitCode = exitCodeOf(findings);
  if (options.json) printJson({ ok: exitCode === 0, findings });
  else printFindings(findings);
  process.exitCode = exitCode;
}

/** All findings, in the order in which things depend on each other. */
async function examine(homeOption: string | undefined): Promise<readonly Finding[]> {
  const machine = await import('../doctor/machine.ts');
  const { attempt, found } = await import('../doctor/check.ts');
  const { readRunningStack } = await import('../doctor/running-stack.ts');
  const { env, environment, home } = settings(homeOption);
  // Of the clone; of the package, the project that it is installed in: packages lie flat beside it.
  const [root = ''] = fileURLToPath(new URL('../..', import.meta.url)).split(`${sep}node_modules${sep}`);
  const stack = readRunningStack(home);

  const findings: Finding[] = [
    await attempt('node', () => machine.checkNode(process.versions.node)),
    await attempt('sdk', () => machine.checkSdk(root)),
    await attempt('home', () => machine.checkHome(home)),
    await attempt('ports', () => machine.checkPorts(stack !== undefined)),
  ];
  // Each server is looked at even if the other is missing: a stand-in takes its place in the configuration.
  const config = await configFor(env, home, stack, environment);
  findings.push(
    await attempt('keys', () => machine.checkKeys(config.keyFiles, !existsSync(join(home, 'version.json')))),
  );

  const start = 'Start the local stack with `npx countersign dev`, or name one in the environment: ';
  if (environment.TEMPORAL_ADDRESS === undefined && stack === undefined) {
    findings.push(
      found('temporal', 'fail', 'no server: no local stack runs, and none is named', `${start}TEMPORAL_ADDRESS.`),
    );
  } else {
    findings.push(...(await examineTemporal(config, environment.TEMPORAL_ADDRESS === undefined ? stack : undefined)));
  }
  if (environment.DATABASE_URL === undefined && stack?.database === undefined) {
    findings.push(
      found('database', 'fail', 'no server: no local stack runs, and none is named', `${start}DATABASE_URL.`),
    );
  } else {
    findings.push(...(await examineDatabase(config)));
  }
  if (config.qdrant !== undefined) {
    const { qdrant } = config;
    const { checkQdrant } = await import('../doctor/qdrant.ts');
    findings.push(await attempt('qdrant', () => checkQdrant(qdrant)));
  }
  if (config.streams?.kind === 'redis' && config.streams.url !== undefined) {
    const { url } = config.streams;
    const { checkStreams } = await import('../doctor/streams.ts');
    findings.push(await attempt('streams', () => checkStreams(url)));
  }
  if (config.notifications !== undefined) {
    const { notifications } = config;
    const { checkChannels } = await import('../doctor/notifications.ts');
    findings.push(await attempt('notifications', () => checkChannels(notifications)));
  }
  return findings;
}

async function configFor(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
  stack: Stack | undefined,
  named: { readonly TEMPORAL_ADDRESS?: string | undefined; readonly DATABASE_URL?: string | undefined },
): Promise<Config> {
  const { loadConfig } = await import('../../runtime/config.ts');
  const needsTemporal = named.TEMPORAL_ADDRESS === undefined && stack === undefined;
  const needsDatabase = named.DATABASE_URL === undefined && stack?.database === undefined;
  return loadConfig({
    role: 'owner',
    env: {
      ...env,
      COUNTERSIGN_HOME: home,
      ...(needsTemporal && { TEMPORAL_ADDRESS: 'none:1' }),
      ...(needsDatabase && { DATABASE_URL: 'postgres://none' }),
    },
  });
}

async function examineTemporal(config: Config, own: Stack | undefined): Promise<readonly Finding[]> {
  const check = await import('../doctor/temporal.ts');
  const { attempt, checkClock } = await import('../doctor/check.ts');
  const { connectTemporal, whyUnreachable } = await import('../stack/temporal-connection.ts');
  const { commandLine } = await import('../stack/process-identity.ts');
  const { address, namespace } = config.temporal;
  const why = await whyUnreachable(config.temporal, 5000);
  if (why !== undefined) return [check.unreachable(address, why)];
  const connection = await connectTemporal(config.temporal);
  try {
    const probe = check.probeOf(connection, namespace);
    const line = own?.temporal.pid === undefined ? undefined : commandLine(own.temporal.pid);
    return [
      await attempt('temporal', () => check.checkServer(address, probe)),
      await attempt('namespace', () => check.checkNamespace(namespace, probe)),
      await attempt('shard-poll-limit', () => check.checkPollLimit(line, probe)),
      await attempt('eager-activities', () => check.checkEagerExecution(line)),
      await attempt('temporal-clock', () => checkClock('temporal-clock', "Temporal's clock", probe.clock)),
      await attempt('chores', () => check.checkChores(config.taskQueue, probe)),
    ];
  } finally {
    await connection.close();
  }
}

async function examineDatabase(config: Config): Promise<readonly Finding[]> {
  const check = await import('../doctor/database.ts');
  const { attempt, checkClock } = await import('../doctor/check.ts');
  const { checkDeliveries } = await import('../doctor/notifications.ts');
  const { openDatabase } = await import('../../runtime/database.ts');
  const db = openDatabase({ ...config, maxConnections: 1 });
  try {
    const database = await check.checkDatabase(db.all);
    if (database.status === 'fail') return [database];
    return [
      database,
      await attempt('migrations', () => check.checkMigrations(db.all)),
      await attempt('roles', () => check.checkRoles(db.all)),
      await attempt('grants', () => check.checkGrants(db.all)),
      await attempt('tenancy', () => check.checkTenancy(db.all)),
      // Without a key file there is nothing to try: the check of keys has said so.
      ...(config.keyProvider === undefined && !existsSync(config.keyFiles.kek)
        ? []
        : [await attempt('key-provider', () => check.checkKeyProvider(db, config))]),
      // Of interest to whoever has channels; without them there are no rows.
      ...(config.notifications === undefined ? [] : [await attempt('deliveries', () => checkDeliveries(db.all))]),
      await attempt('database-clock', () =>
        checkClock('database-clock', "the database's clock", () => check.databaseClock(db.all)),
      ),
    ];
  } finally {
    await db.end();
  }
}

const MARKS: Readonly<Record<Status, readonly [Style, string]>> = {
  ok: ['green', 'ok     '],
  warn: ['yellow', 'warn   '],
  fail: ['red', 'fail   '],
  unknown: ['magenta', 'unknown'],
};

function printFindings(findings: readonly Finding[]): void {
  const rows = alignTable(findings.map(({ name, detail }) => [name, detail])).split('\n');
  findings.forEach(({ status, fix }, index) => {
    const [style, mark] = MARKS[status];
    print(`${paint(style, mark)}  ${rows[index] ?? ''}`);
    if (fix !== undefined) print(`         ${paint('dim', fix)}`);
  });
}
