// Bundles workflow code for the sandbox, always with the guard in it. Worker and replayer use the same bundle.
import { existsSync } from 'node:fs';
import type { WorkflowBundle } from '@temporalio/worker';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { sha256 } from './canonical.ts';
import { UserError } from './errors.ts';
import { FAILURE_CONVERTER } from './payloads/data-converter.ts';
import { siblingModule } from './sibling-module.ts';

/** The engine's own workflows. */
export const ENGINE_WORKFLOWS = siblingModule('../workflows/index', import.meta.url);

/** The guard, for worker and replayer options: `interceptors.workflowModules`. */
export const WORKFLOW_INTERCEPTORS: readonly string[] = [siblingModule('../workflows/interceptor', import.meta.url)];

/**
 * Evaluated once a worker instead of once a run: verifying signatures brings curve arithmetic, whose constants take 4 ms to make.
 * Only for modules without state: runs share what is here, frozen.
 */
const SHARED_MODULES: readonly string[] = [siblingModule('../workflows/decision', import.meta.url)];

export interface Bundle extends WorkflowBundle {
  /** Names the code: the same sources at the same place give the same id. */
  readonly buildId: string;
}

/**
 * @param workflowsPath file that exports the workflows. @default the engine's own
 * @throws UserError when there is no such file
 */
export async function bundleWorkflows(workflowsPath: string = ENGINE_WORKFLOWS): Promise<Bundle> {
  if (!existsSync(workflowsPath)) {
    throw new UserError(`No workflows file ${workflowsPath}`, {
      hint: 'It must export flows, one export a workflow type.',
    });
  }
  const bundle = await bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [...WORKFLOW_INTERCEPTORS],
    preloadModules: [...SHARED_MODULES],
    failureConverterPath: FAILURE_CONVERTER,
    logger: new DefaultLogger('ERROR'),
  });
  return { ...bundle, buildId: sha256(bundle.code).slice('sha256:'.length, 'sha256:'.length + 12) };
}
