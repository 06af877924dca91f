// `countersign dev`: the local stack in the foreground, until Ctrl-C or SIGTERM.
import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Environment } from '../../runtime/config.ts';
import type { Database } from '../../runtime/database.ts';
import { messageOf } from '../../runtime/errors.ts';
import { settings } from '../context.ts';
import { alignTable, note, paint, print, printJson } from '../output.ts';
import { publisher } from '../publisher.ts';
import { withClient } from '../session.ts';
import type { RunningStack, StackProgress } from '../stack/supervisor.ts';
import { progressByPart } from '../stack-progress.ts';

const DEFAULT_TENANT = 'default';

interface DevOptions {
  readonly home?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('dev')
    .description('start the local stack: Temporal with its UI, PostgreSQL, and a worker')
    .option('--home <dir>', 'data folder, kept between starts (default: COUNTERSIGN_HOME, else .countersign)')
    .option('--json', 'print where everything is as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign dev\n  $ npx countersign ask "Until when can I cancel an order for free?"   # in another terminal',
    )
    .action(dev);
}

async function dev(options: DevOptions): Promise<void> {
  const { startStack } = await import('../stack/supervisor.ts');
  const { environment, env, home } = settings(options.home);
  const stop = stopSignal();
  const show = progressByPart();
  const stack = await startStack({
    home,
    env,
    onProgress: show,
    prepare: async ({ db }) => await publishReleases(db, environment, show),
    sample: true,
    signal: stop.signal,
  }).catch((error: unknown) => {
    if (stop.signal.aborted) return undefined;
    throw error;
  });
  if (stack === undefined) {
    note('stopped before it was up; data are kept');
    return;
  }
  await scheduleChores(options.home);
  if (options.json) printJson(describe(stack));
  else printPlaces(stack);
  try {
    const error = await Promise.race([stop.asked, stack.failed]);
    if (error !== undefined) throw error;
    note('stopping: the worker finishes what it has begun');
  } finally {
    await stack.stop();
    stop.dispose();
  }
  note('stopped; data are kept');
}

/** A stack without its chores is of use: nothing but a remark says so. */
async function scheduleChores(home: string | undefined): Promise<void> {
  try {
    await withClient(home, async ({ client }) => await client.maintenance.schedule());
  } catch (error) {
    note(`the chores are not scheduled (${messageOf(error)}): \`npx countersign maintenance schedule\` does it`);
  }
}

/** Who publishes on a development stack. */
const PUBLISHER = publisher('countersign dev', DEFAULT_TENANT);

/** Publishes the releases of the working directory, so that `ask` finds them under the label `dev`. */
export async function publishReleases(
  db: Database,
  environment: Environment,
  show: (progress: StackProgress) => void,
): Promise<void> {
  const { publishFolder } = await import('../../releases/publish.ts');
  const { loadAccessPolicy } = await import('../../policies/load.ts');
  const { toolsModuleOf } = await import('../stack/sample-tools.ts');
  const { readToolDefinitions } = await import('../../runtime/tools-module.ts');
  const list = await publishFolder({
    policy: loadAccessPolicy(resolve(environment.COUNTERSIGN_POLICIES ?? 'policies')),
    db,
    folder: resolve(environment.COUNTERSIGN_RELEASES ?? 'releases'),
    tools: await readToolDefinitions(toolsModuleOf(environment.COUNTERSIGN_TOOLS)),
    tenant: DEFAULT_TENANT,
    principal: PUBLISHER,
  });
  for (const release of list) {
    const label = `${release.name}@${release.version}`;
    if (release.published) show({ part: 'releases', text: `published ${label}` });
    for (const what of release.published ? release.unchecked : []) {
      show({ part: 'releases', text: `${label}: not checked ${what}` });
    }
    if (release.conflict) {
      show({
        part: 'releases',
        text: `${label} was changed after it had been published; raise its version to publish it`,
      });
    }
  }
}

function stopSignal(): { signal: AbortSignal; asked: Promise<undefined>; dispose(): void } {
  const controller = new AbortController();
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = (): void => controller.abort(new Error('stopped'));
  for (const name of names) process.on(name, onSignal);
  const asked = new Promise<undefined>((done) => controller.signal.addEventListener('abort', () => done(undefined)));
  return {
    signal: controller.signal,
    asked,
    dispose() {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

function describe({ stack, home, workerLog }: RunningStack): Record<string, unknown> {
  return { ...stack, home, worker: { ...stack.worker, log: workerLog } };
}

function printPlaces({ stack, home, workerLog }: RunningStack): void {
  const { temporal, database, shop, codec } = stack;
  const here = (path: string): string => relative(process.cwd(), path) || '.';
  print();
  print(paint('bold', 'Countersign runs.'));
  print(
    alignTable([
      ['  Temporal', `${temporal.address}, namespace ${temporal.namespace}`],
      ...(temporal.uiUrl === undefined ? [] : [['  Temporal UI', paint('cyan', temporal.uiUrl)]]),
      ...(codec === undefined
        ? []
        : [['  Codec server', `${codec.url}, known to the UI; \`codec token\` is for others`]]),
      [
        '  Database',
        database === undefined ? 'the one of DATABASE_URL' : `${database.host}:${database.port}/${database.name}`,
      ],
      ...(shop === undefined ? [] : [['  Sample shop', paint('cyan', shop.url)]]),
      ['  Worker', `pid ${stack.worker.pid}, task queue ${stack.taskQueue}, log ${here(workerLog)}`],
      ['  Data', here(home)],
    ]),
  );
  print();
  print('In another terminal:');
  print(
    `  ${paint('bold', 'npx countersign ingest examples/knowledge-base/refund-policy --collection refund-policy-docs')}`,
  );
  print(`  ${paint('bold', 'npx countersign ask "Until when can I cancel an order for free?"')}`);
  print('Ctrl-C stops it.');
}
