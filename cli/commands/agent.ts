// `countersign agent`: one task, done with tools. While a person has to decide, it says what waits and how to decide it.

import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { Option } from 'commander';
import type { ApprovalId, RunHandle } from '../../client/index.ts';
import { commandsFor } from '../approval-commands.ts';
import { note, paint, print, printJson } from '../output.ts';
import type { Session } from '../session.ts';
import { identityOf, withClient } from '../session.ts';
import { quorumOf, timeLeft } from '../show-approval.ts';
import { milliseconds, printReply } from '../show-run.ts';
import { quoted, visible } from '../untrusted-text.ts';

const DEFAULT_RELEASE = 'support_agent';
/** A person needs longer than this to look up from what they do. */
const POLL_MS = 500;

interface AgentOptions {
  readonly release: string;
  readonly as?: string;
  readonly idempotencyKey?: string;
  readonly detach?: boolean;
  readonly home?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('agent')
    .description('have a task done with tools; exit 0 if it was answered, 1 if it was refused or failed')
    .argument('<task>', 'what is to be done, or - to read it from standard input')
    .option('--release <name>', 'NAME, NAME@VERSION or NAME@LABEL', DEFAULT_RELEASE)
    .option('--as <id>', 'ask as this development identity (default: staff)')
    .option('--idempotency-key <key>', 'asking again with the same key gives the same run')
    .addOption(
      new Option('--detach', 'print the run id and return at once; exit 0 once it is started').conflicts('wait'),
    )
    .option('--wait', 'wait for the reply and show what waits for people (the default)')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print the reply as JSON')
    .addHelpText('after', '\nExample:\n  $ npx countersign agent "Refund order A-1001: it arrived damaged" --as staff')
    .action(agent);
}

async function agent(argument: string, options: AgentOptions): Promise<void> {
  const task = argument === '-' ? (await text(process.stdin)).trim() : argument;
  const { release, idempotencyKey } = options;
  await withClient(options.home, async (session) => {
    const run = await session.client.agent(
      { task },
      {
        release,
        ...(await identityOf(session.config, options.as, 'staff')),
        ...(idempotencyKey !== undefined && { idempotencyKey }),
      },
    );
    if (options.detach) return options.json ? printJson({ runId: run.id }) : print(run.id);
    note(paint('dim', `run ${run.id}`, process.stderr));
    const reply = await withRemarks(session, run, options.home);
    if (options.json) printJson(reply);
    else {
      printReply(reply);
      const latencyMs = (await run.trace())?.latency_ms;
      note(paint('dim', `${latencyMs === undefined ? '' : `${milliseconds(latencyMs)}, `}${run.id}`, process.stderr));
    }
    process.exitCode = reply.kind === 'answered' ? 0 : 1;
  });
}

/** The run's reply; until it is there, each approval that it waits for is told once. */
async function withRemarks({ config, client }: Session, run: RunHandle, home: string | undefined) {
  const told = new Set<ApprovalId>();
  const result = run.result();
  const ended = result.then(
    () => true,
    () => true,
  );
  const stop = new AbortController();
  try {
    while (!(await Promise.race([ended, delay(POLL_MS, false, { signal: stop.signal })]))) {
      for (const { id } of await client.approvals.list({ runId: run.id, state: 'pending', limit: 100 })) {
        if (told.has(id)) continue;
        told.add(id);
        const approval = await client.approvals.get(id);
        if (approval.state !== 'pending') continue;
        const left = timeLeft(Date.parse(approval.expiresAt) - Date.now());
        const commands = commandsFor(approval, config, home);
        const what = `${visible(approval.tool ?? approval.kind)} (risk ${approval.risk})`;
        note(`${paint('yellow', 'waits', process.stderr)} for ${quorumOf(approval)}, ${left} left: ${what}`);
        note(quoted(approval.request.preview, { indent: '  ', columns: process.stderr.columns ?? 80 }));
        note(`  look:    ${commands.show}\n  approve: ${commands.approve}\n  reject:  ${commands.reject}`);
      }
    }
    return await result;
  } finally {
    stop.abort();
  }
}
