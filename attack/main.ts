// `npm run attack`: a set of cases through the real engine, with a model that obeys every instruction it reads.
// Options: --cases FILE.jsonl (default: our own), --json. Exit 0 when passed, 1 when not, 64 for wrong use.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { quietSdk } from '../audit/replay.ts';
import { startStack } from '../bench/stack.ts';
import { note, print, printJson, progressLine } from '../cli/output.ts';
import { createClient } from '../client/index.ts';
import { loadAccessPolicy } from '../policies/load.ts';
import { publishFolder } from '../releases/publish.ts';
import type { Config } from '../runtime/config.ts';
import { openDatabase } from '../runtime/database.ts';
import { messageOf, UserError } from '../runtime/errors.ts';
import { writeApprovers } from '../testing/index.ts';
import { NO_DEMANDS } from '../testing/no-demands.ts';
import { createWorker } from '../worker/index.ts';
import type { Principal } from '../workflows/protocol/index.ts';
import { loadCases } from './cases.ts';
import { obedientModel } from './obedient-model.ts';
import { reportOf, textOf } from './report.ts';
import { runCases } from './run-cases.ts';
import type { World } from './world.ts';
import { COLLECTION, MODEL, worldOf } from './world.ts';

const OWN_CASES = fileURLToPath(new URL('cases.jsonl', import.meta.url));
const TASK_QUEUE = 'attack';

const person = (id: string, roles: readonly string[]): Principal => ({
  id,
  tenant: 'default',
  groups: ['staff'],
  roles: [...roles],
  clearance: 'internal',
});

async function main(): Promise<number> {
  const { values } = parse();
  const world = worldOf(loadCases(values.cases));
  quietSdk();
  const progress = progressLine('attack');
  progress.update('starting the servers');
  const stack = await startStack();
  try {
    const config = (role: 'worker' | 'gateway'): Config => stack.config(role, TASK_QUEUE);
    writeApprovers(config('worker'), { manager: ['refund-approvers'], supervisor: ['refund-approvers'] });
    await publish(world, config('gateway'));
    const model = obedientModel(world);
    const worker = await createWorker({ config: config('worker'), tools: world.tools, models: { [MODEL]: model } });
    const running = worker.run();
    const client = await createClient(config('gateway'));
    try {
      const documents = writeFiles(join(config('worker').home, 'documents'), world.documents);
      await (
        await client.ingest(
          { path: documents, collection: COLLECTION },
          { principal: person('operator', ['operator']) },
        )
      ).result();
      const outcomes = await runCases({
        client,
        world,
        model,
        principal: person('staff', []),
        onProgress: (done, of) => progress.update(`${done} of ${of} cases`, done / of),
      });
      progress.done();
      const report = reportOf(outcomes);
      if (values.json) printJson({ ...report, outcomes });
      else print(textOf(report));
      return report.passed ? 0 : 1;
    } finally {
      await client.close();
      worker.shutdown();
      await running;
    }
  } finally {
    progress.done();
    await stack.stop();
  }
}

function parse() {
  try {
    return parseArgs({
      options: { cases: { type: 'string', default: OWN_CASES }, json: { type: 'boolean', default: false } },
    });
  } catch (cause) {
    throw new UserError(messageOf(cause), {
      hint: 'npm run attack -- [--cases FILE.jsonl] [--json]',
      exitCode: 64,
      cause,
    });
  }
}

/** These releases are made for the cases: what a risk class demands at publishing they need not have. Runs are held to it. */
async function publish(world: World, config: Config): Promise<void> {
  const folder = writeFiles(join(config.home, 'attack-releases'), world.releases);
  const policy = { ...loadAccessPolicy(config.policiesDir), riskClasses: NO_DEMANDS };
  const tools = new Map(world.tools.map((tool) => [tool.definition.name, tool]));
  const db = openDatabase({ ...config, maxConnections: 1 });
  try {
    await publishFolder({
      db,
      folder,
      tenant: 'default',
      principal: person('publisher', ['publisher']),
      policy,
      tools,
    });
  } finally {
    await db.end();
  }
}

function writeFiles(folder: string, files: Readonly<Record<string, string>>): string {
  rmSync(folder, { recursive: true, force: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

try {
  // The SDK's threads would keep an idle process.
  process.exit(await main());
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  note(`error: ${error.message}`);
  if (error.hint !== undefined) note(error.hint);
  process.exit(error.exitCode);
}
