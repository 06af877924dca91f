// Checks of the Temporal server. What cannot be read over its API is read from the command line of our own server, or is unknown.
import { randomUUID } from 'node:crypto';
import type { Connection } from '@temporalio/client';
import { isGrpcServiceError } from '@temporalio/client';
import { messageOf } from '../../runtime/errors.ts';
import { maintenanceId } from '../../workflows/protocol/index.ts';
import { DYNAMIC_CONFIG } from '../stack/temporal-server.ts';
import { waitFor } from '../stack/wait.ts';
import type { Finding } from './check.ts';
import { found, ok } from './check.ts';

const RECOMMENDED = [1, 29] as const;
/** The default of `history.transferProcessorMaxPollRPS`, a second and a shard. */
const DEFAULT_POLLS = 20;
/** With so many shards even the default leaves room for thousands of steps a second. */
const MANY_SHARDS = 100;
const NOT_FOUND = 5;

/** The questions that checks ask a server. */
export interface TemporalProbe {
  serverVersion(): Promise<string>;
  /** Throws when there is none of that name. */
  describeNamespace(): Promise<void>;
  shards(): Promise<number>;
  clock(): Promise<Date>;
  hasSchedule(id: string): Promise<boolean>;
}

export async function checkServer(address: string, probe: Pick<TemporalProbe, 'serverVersion'>): Promise<Finding> {
  const version = await probe.serverVersion();
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > RECOMMENDED[0] || (major === RECOMMENDED[0] && minor >= RECOMMENDED[1])) {
    return ok('temporal', `server ${version} at ${address}`);
  }
  return found(
    'temporal',
    'warn',
    `server ${version || 'of unknown version'} at ${address}`,
    `Use server ${RECOMMENDED.join('.')} or newer.`,
  );
}

export const unreachable = (address: string, why: string): Finding =>
  found(
    'temporal',
    'fail',
    `no server at ${address}: ${why}`,
    'Start one with `npx countersign dev`, or correct TEMPORAL_ADDRESS, TEMPORAL_API_KEY and TEMPORAL_TLS_*.',
  );

export async function checkNamespace(
  namespace: string,
  probe: Pick<TemporalProbe, 'describeNamespace'>,
): Promise<Finding> {
  try {
    await probe.describeNamespace();
    return ok('namespace', namespace);
  } catch (error) {
    const fix = `Create it with \`temporal operator namespace create --namespace ${namespace}\`, or correct TEMPORAL_NAMESPACE.`;
    return found('namespace', 'fail', `${namespace}: ${messageOf(error)}`, fix);
  }
}

/** The values given by `--dynamic-config-value KEY=VALUE` on a command line. */
export function dynamicConfigOf(line: string): ReadonlyMap<string, string> {
  const values = line.matchAll(/--dynamic-config-value[ =]([\w.]+)=(\S+)/g);
  return new Map([...values].map(([, key = '', value = '']) => [key, value]));
}

/**
 * Whether the server polls each shard often enough. A development server has one shard and by default polls it 20 times a second.
 *
 * @param line - command line of the server, when it is ours
 */
export async function checkPollLimit(line: string | undefined, probe: Pick<TemporalProbe, 'shards'>): Promise<Finding> {
  const name = 'shard-poll-limit';
  const keys = Object.keys(DYNAMIC_CONFIG).filter((key) => key.endsWith('MaxPollRPS'));
  if (line !== undefined) {
    const given = dynamicConfigOf(line);
    const low = keys.filter((key) => Number(given.get(key) ?? DEFAULT_POLLS) < 1000);
    if (low.length === 0) return ok(name, `raised on the running server (${keys.length} settings)`);
    const flags = low.map((key) => `--dynamic-config-value ${key}=10000`).join(' ');
    return found(
      name,
      'fail',
      `not raised: ${low.join(', ')}; after some 20 steps each waits 50 ms`,
      `Start the server with ${flags}`,
    );
  }
  const fix = `Ask who runs the server for ${keys.join(', ')}, or see whether steps take 50 ms after the first 20.`;
  try {
    const shards = await probe.shards();
    if (shards >= MANY_SHARDS) return ok(name, `${shards} shards: the limit is a shard's own`);
    return found(name, 'unknown', `not told by a server that is not ours (${shards} shards)`, fix);
  } catch (error) {
    return found(name, 'unknown', `not told by this server: ${messageOf(error)}`, fix);
  }
}

/** @param line - command line of the server, when it is ours */
export function checkEagerExecution(line: string | undefined): Finding {
  const name = 'eager-activities';
  const key = 'system.enableActivityEagerExecution';
  if (line === undefined) {
    return found(
      name,
      'unknown',
      'not told by a server that is not ours',
      `Ask who runs the server whether ${key} is true.`,
    );
  }
  if (dynamicConfigOf(line).get(key) === 'true') return ok(name, 'on');
  return found(
    name,
    'fail',
    'off: each activity takes a round trip more',
    `Start the server with --dynamic-config-value ${key}=true`,
  );
}

/** Whether something starts the engine's chores. */
export async function checkChores(taskQueue: string, probe: Pick<TemporalProbe, 'hasSchedule'>): Promise<Finding> {
  const name = 'chores';
  if (await probe.hasSchedule(maintenanceId(taskQueue))) return ok(name, `scheduled for task queue ${taskQueue}`);
  const fix = 'Run `npx countersign maintenance schedule`.';
  return found(name, 'warn', `nothing starts the engine's chores on task queue ${taskQueue}`, fix);
}

/** The questions, over a connection. */
export function probeOf(connection: Connection, namespace: string): TemporalProbe {
  return {
    serverVersion: async () => (await connection.workflowService.getSystemInfo({})).serverVersion,
    describeNamespace: async () => {
      await connection.workflowService.describeNamespace({ namespace });
    },
    shards: async () => (await connection.workflowService.getClusterInfo({})).historyShardCount,
    clock: async () => await readClock(connection, namespace),
    async hasSchedule(scheduleId) {
      try {
        await connection.workflowService.describeSchedule({ namespace, scheduleId });
        return true;
      } catch (error) {
        if (isGrpcServiceError(error) && error.code === NOT_FOUND) return false;
        throw error;
      }
    },
  };
}

/** No call tells the server's time; but it notes when a poller asked, so we poll an empty queue and read that. */
async function readClock(connection: Connection, namespace: string): Promise<Date> {
  const taskQueue = { name: `countersign-doctor-${randomUUID()}` };
  const enough = new AbortController();
  const ask = { namespace, taskQueue, identity: 'countersign doctor' };
  // The server refuses a poll without a deadline.
  const poll = connection
    .withDeadline(Date.now() + 20_000, () =>
      connection.withAbortSignal(enough.signal, () => connection.workflowService.pollWorkflowTaskQueue(ask)),
    )
    .catch(() => {});
  try {
    const time = await waitFor(
      async () => {
        const { pollers } = await connection.workflowService.describeTaskQueue({
          namespace,
          taskQueue,
          taskQueueType: 1,
        });
        return pollers[0]?.lastAccessTime ?? undefined;
      },
      { timeoutMs: 5000 },
    );
    if (time === undefined) throw new Error('the server does not tell its time');
    return new Date(Number(time.seconds ?? 0) * 1000 + (time.nanos ?? 0) / 1_000_000);
  } finally {
    enough.abort();
    await poll;
  }
}
