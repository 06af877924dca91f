// Whether the worker of this machine polls, for the health check of its container: exit 0 if Temporal heard it lately, else 1.
// Asks the server rather than the process: a worker that lives and has lost its server is not healthy.
import { hostname } from 'node:os';
import { Connection } from '@temporalio/client';
import { loadConfig } from '../runtime/config.ts';
import { messageOf } from '../runtime/errors.ts';
import { temporalConnectionOptions } from '../runtime/temporal.ts';

/** A poll that finds nothing ends after a minute, and the next one begins: half a minute more than that is silence. */
const HEARD_WITHIN_MS = 90_000;
/** `TASK_QUEUE_TYPE_WORKFLOW` */
const WORKFLOW_TASKS = 1;

const config = loadConfig({ role: 'worker' });
const { taskQueue, temporal } = config;
try {
  const connection = await Connection.connect({ ...temporalConnectionOptions(config), connectTimeout: '3 seconds' });
  try {
    const { pollers } = await connection.workflowService.describeTaskQueue({
      namespace: temporal.namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: WORKFLOW_TASKS,
    });
    // The SDK names a worker by process id and machine.
    const heard = (pollers ?? [])
      .filter(({ identity }) => identity?.endsWith(`@${hostname()}`))
      .map(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1000);
    const healthy = heard.some((at) => Date.now() - at < HEARD_WITHIN_MS);
    process.stdout.write(`${hostname()} ${healthy ? 'polls' : 'does not poll'} ${taskQueue}\n`);
    process.exitCode = healthy ? 0 : 1;
  } finally {
    await connection.close();
  }
} catch (error) {
  process.stdout.write(`cannot ask ${temporal.address}: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
