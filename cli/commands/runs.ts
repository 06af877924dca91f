// `countersign runs`: what ran, what it did, and how to stop it.
import type { Command } from 'commander';
import { UserError } from '../../runtime/errors.ts';
import { isErased } from '../../runtime/payloads/lost.ts';
import { alignTable, note, paint, print, printJson } from '../output.ts';
import { requireLimit, requireRunId, withClient } from '../session.ts';
import {
  milliseconds,
  printChecks,
  printCompensations,
  printFlags,
  printReply,
  printTimeline,
  printUnsettled,
  uiLink,
} from '../show-run.ts';

interface CommonOptions {
  readonly home?: string;
  readonly json?: boolean;
}

interface ListOptions extends CommonOptions {
  readonly limit: string;
  readonly kind?: string;
}

export function register(program: Command): void {
  const runs = program.command('runs').description('list, show and cancel runs');
  runs
    .command('list')
    .description('the latest runs, newest first')
    .option('--limit <n>', 'how many, at most 1000', '20')
    .option('--kind <workflow>', 'only runs of this workflow')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign runs list --kind answer --limit 5')
    .action(list);
  runs
    .command('show')
    .description('what a run did, step by step')
    .argument('<id>', 'run id, for example default/answer/01J…')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print summary, trace, timeline and reply as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign runs show default/answer/01JDB3Z8Q4T5V6W7X8Y9Z0A1B2 --json')
    .action(show);
  runs
    .command('history')
    .description("print a run's event history as the JSON that replayers read")
    .argument('<id>', 'run id')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--encoded', 'as the server has it: payloads encrypted, big ones by reference')
    .option('--json', 'the same: a history is always JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign runs history default/answer/01JDB3Z8Q4T5V6W7X8Y9Z0A1B2 > run.json',
    )
    .action(history);
  runs
    .command('sweep')
    .description('runs that went around the start ledger, and entries that were never started')
    .option('--hours <n>', 'how far back, in hours', '24')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExit codes: 0 every run has its row, 1 some went around the ledger.')
    .addHelpText('after', '\nExample:\n  $ npx countersign runs sweep --hours 1')
    .action(sweep);
  runs
    .command('cancel')
    .description('ask a run to end; what it did stays recorded')
    .argument('<id>', 'run id')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print the id as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign runs cancel default/answer/01JDB3Z8Q4T5V6W7X8Y9Z0A1B2')
    .action(cancel);
}

async function list(options: ListOptions): Promise<void> {
  const limit = requireLimit(options.limit);
  await withClient(options.home, async ({ client }) => {
    const found = await client.list({ limit, ...(options.kind !== undefined && { kind: options.kind }) });
    if (options.json) return printJson(found);
    if (found.length === 0) return note('no runs yet: `npx countersign ask "…"` makes one');
    const rows = found.map((run) => [
      run.runId,
      run.startedAt.slice(0, 19).replace('T', ' '),
      run.requester,
      run.latencyMs === null ? '' : milliseconds(run.latencyMs),
      run.detail === '' ? run.status : `${run.status} (${run.detail})`,
    ]);
    print(alignTable([['RUN', 'STARTED (UTC)', 'BY', 'TOOK', 'STATUS'], ...rows]));
  });
}

async function show(id: string, options: CommonOptions): Promise<void> {
  const runId = requireRunId(id);
  const { endedWithReply } = await import('../../client/index.ts');
  await withClient(options.home, async ({ config, client }) => {
    const run = client.run(runId);
    const summary = await run.summary();
    const [trace, timeline] = await Promise.all([
      run.trace(),
      summary.status === 'not-started' ? undefined : unlessErased(() => run.timeline()),
    ]);
    const erased = timeline === ERASED;
    const reply = endedWithReply(summary.status) && !erased ? await run.result() : undefined;
    const ui = uiLink(config.temporal.uiUrl, config.temporal.namespace, runId);
    if (options.json)
      return printJson({
        summary,
        trace: trace ?? null,
        timeline: erased ? null : (timeline ?? null),
        reply: reply ?? null,
        erased,
      });
    const detail = summary.detail === '' ? '' : ` (${summary.detail})`;
    print(`${paint('bold', runId)}  ${summary.status}${detail}`);
    const by = summary.release === null ? summary.requester : `${summary.requester}, ${summary.release}`;
    print(`asked by ${by} at ${summary.startedAt}`);
    if (timeline === ERASED) print('its content was erased: what is left is this');
    else if (timeline !== undefined) {
      print();
      printTimeline(timeline, '  ');
      if (timeline.steps.some(({ checks }) => checks !== undefined)) {
        print();
        printChecks(timeline, '  ');
      }
    }
    if (trace?.flags !== undefined) {
      print();
      printFlags(trace.flags, '  ');
    }
    if (trace?.compensations !== undefined) {
      print();
      printCompensations(trace.compensations, '  ');
    }
    if (trace?.unsettled !== undefined) {
      print();
      printUnsettled(trace.unsettled, '  ');
    }
    if (reply !== undefined) {
      print();
      printReply(reply, '  ');
    }
    if (ui !== undefined) print(`\n${paint('cyan', ui)}`);
  });
}

const ERASED = 'erased';

async function unlessErased<T>(read: () => Promise<T>): Promise<T | typeof ERASED> {
  try {
    return await read();
  } catch (error) {
    if (isErased(error)) return ERASED;
    throw error;
  }
}

async function history(id: string, options: CommonOptions & { readonly encoded?: boolean }): Promise<void> {
  const runId = requireRunId(id);
  const { toHistoryJson } = await import('../../client/index.ts');
  await withClient(options.home, async ({ client }) => {
    print(toHistoryJson(await client.run(runId).history({ encoded: options.encoded === true })));
  });
}

async function sweep(options: CommonOptions & { readonly hours: string }): Promise<void> {
  const hours = Number(options.hours);
  if (!(hours > 0 && hours <= 24 * 365)) {
    throw new UserError(`Not a number of hours: ${options.hours}`, { hint: 'From 0 to 8760.', exitCode: 64 });
  }
  await withClient(options.home, async ({ client }) => {
    const found = await client.sweep({ since: new Date(Date.now() - hours * 3_600_000) });
    process.exitCode = found.unledgered.length === 0 ? 0 : 1;
    if (options.json) return printJson(found);
    for (const { workflowId, workflowType, status, startedAt } of found.unledgered) {
      print(`${paint('red', 'not in the ledger')}  ${workflowId}  ${workflowType}  ${status}  ${startedAt}`);
    }
    for (const { runId, requester, enteredAt } of found.neverStarted) {
      print(`${paint('yellow', 'never started')}      ${runId}  by ${requester}  ${enteredAt}`);
    }
    const { looked, unledgered, neverStarted } = found;
    note(
      `${looked} runs looked at: ${unledgered.length} not in the ledger; ${neverStarted.length} entries never started`,
    );
  });
}

async function cancel(id: string, options: CommonOptions): Promise<void> {
  const runId = requireRunId(id);
  await withClient(options.home, async ({ client }) => {
    const { status } = await client.run(runId).summary();
    if (status !== 'running')
      throw new UserError(`Run ${runId} does not run: ${status}`, { hint: 'There is nothing to cancel.' });
    await client.run(runId).cancel();
    if (options.json) printJson({ runId, cancelRequested: true });
    else print(`asked ${runId} to end`);
  });
}
