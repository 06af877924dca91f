// What Temporal's SDK says, in our log: its messages with ids. On the finer levels it hands over whole payloads, decrypted; so only
// fields that are known to be ids and figures pass.
import type { Logger as SdkLogger } from '@temporalio/worker';
import type { Logger } from '../runtime/logger.ts';

const PASSED = [
  'sdkComponent',
  'namespace',
  'taskQueue',
  'workflowId',
  'runId',
  'workflowType',
  'activityId',
  'activityType',
  'attempt',
  'isLocal',
  'durationMs',
  'state',
  'workflowExists',
  'historyLength',
  'isReplaying',
  'target',
  // Of the engine's own activities.
  'run',
  'store',
  'payloads',
  'bytes',
  'why',
  'error',
] as const;

export function createSdkLogger(log: Logger): SdkLogger {
  const at =
    (level: 'trace' | 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, meta: Readonly<Record<string, unknown>> = {}): void =>
      log[level](Object.fromEntries(PASSED.filter((name) => name in meta).map((name) => [name, meta[name]])), message);
  const levels = { trace: at('trace'), debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return {
    ...levels,
    log: (level, message, meta) => {
      const name = level.toLowerCase();
      levels[name in levels ? (name as keyof typeof levels) : 'info'](message, meta);
    },
  };
}
