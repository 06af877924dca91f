// The worker process: polls until it is told to stop, or its parent is gone.
import { makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { loadChecks, loadTools } from '../activities/tools/load-tools.ts';
import { loadConfig } from '../runtime/config.ts';
import { messageOf, UserError } from '../runtime/errors.ts';
import { createLogger } from '../runtime/logger.ts';
import { createWorker } from './create-worker.ts';
import { createSdkLogger } from './sdk-logger.ts';

const config = loadConfig({ role: 'worker' });
const log = createLogger({ logLevel: config.logLevel, name: 'countersign-worker' });

Runtime.install({
  logger: createSdkLogger(log),
  telemetryOptions: { logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) } },
  // We stop on our own terms: on a signal, or when the parent's channel closes.
  shutdownSignals: [],
});

try {
  const { toolsModule } = config;
  const tools = toolsModule === undefined ? [] : (await loadTools(toolsModule)).values();
  const checks = toolsModule === undefined ? [] : await loadChecks(toolsModule);
  const { run, shutdown, buildId, taskQueue, worker } = await createWorker({ config, tools, checks, log });
  let stopping = false;
  const stop = (why: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ why }, 'stopping');
    if (worker.getState() === 'RUNNING') shutdown();
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('disconnect', () => stop('parent is gone'));
  const running = run();
  log.info({ buildId, taskQueue, address: config.temporal.address }, 'polling');
  process.send?.({ type: 'ready', buildId, taskQueue });
  await running;
  log.info('stopped');
  process.disconnect?.();
} catch (error) {
  log.fatal({ hint: error instanceof UserError ? error.hint : undefined }, messageOf(error));
  process.send?.({
    type: 'failed',
    message: messageOf(error),
    hint: error instanceof UserError ? error.hint : undefined,
  });
  process.exitCode = 1;
  process.disconnect?.();
}
