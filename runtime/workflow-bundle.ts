// Bundles workflow code for the sandbox, always with the guard in it. Worker and replayer use the same bundle.
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BundleOptions, WorkflowBundle } from '@temporalio/worker';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { BundleInputs } from './bundle-cache.ts';
import { keepBundle, readBundle } from './bundle-cache.ts';
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

export interface BundleWorkflows {
  /** File that exports the workflows. @default the engine's own */
  readonly workflowsPath?: string | undefined;
  /** Folder of what can be made again: a bundle of the same files is taken from there. @default it is made anew */
  readonly cacheDir?: string | undefined;
}

/** @throws UserError when there is no such file */
export async function bundleWorkflows({
  workflowsPath = ENGINE_WORKFLOWS,
  cacheDir,
}: BundleWorkflows = {}): Promise<Bundle> {
  if (!existsSync(workflowsPath)) {
    throw new UserError(`No workflows file ${workflowsPath}`, {
      hint: 'It must export flows, one export a workflow type.',
    });
  }
  const options = {
    // The bundler follows links, and has an entry of its own beside this file, which is where no link leads.
    workflowsPath: join(realpathSync(dirname(workflowsPath)), basename(workflowsPath)),
    workflowInterceptorModules: [...WORKFLOW_INTERCEPTORS],
    preloadModules: [...SHARED_MODULES],
    failureConverterPath: FAILURE_CONVERTER,
  };
  if (cacheDir === undefined) return named((await bundled(options)).code);
  const dir = join(cacheDir, 'bundles');
  const key = JSON.stringify([options, process.version]);
  const kept = readBundle(dir, key);
  if (kept !== undefined) return named(kept);
  const { code, inputs } = await bundled(options);
  keepBundle(dir, key, code, inputs);
  return named(code);
}

const named = (code: string): Bundle => ({
  code,
  buildId: sha256(code).slice('sha256:'.length, 'sha256:'.length + 12),
});

async function bundled(options: BundleOptions): Promise<{ readonly code: string; readonly inputs: BundleInputs }> {
  const begunAtMs = Date.now();
  const files = new Set(toolFiles());
  const missing = new Set<string>();
  const noteInputs: Plugin = {
    apply: (compiler) =>
      compiler.hooks.done.tap('inputs', ({ compilation }) => {
        for (const path of compilation.fileDependencies) files.add(path);
        for (const path of compilation.missingDependencies) missing.add(path);
        // A folder whose files are all in it: what comes into the folder later would be, too, so no bundle of it counts.
        for (const path of compilation.contextDependencies) missing.add(path);
      }),
  };
  const { code } = await bundleWorkflowCode({
    ...options,
    logger: new DefaultLogger('ERROR'),
    webpackConfigHook: (config) => ({
      ...config,
      // By default both hang on the folder that the process was started in, and so would the code.
      ...{ context: dirname(options.workflowsPath), target: 'web' },
      plugins: [...(config.plugins ?? []), noteInputs],
    }),
  });
  // The bundler's own entry file is in memory only.
  const [there, gone] = [[...files].filter(existsSync), [...files].filter((path) => !existsSync(path))];
  return { code, inputs: { files: there, missing: [...missing, ...gone, ...compilerSettings(there)], begunAtMs } };
}

/** Where the compiler looks for settings, of which the bundler knows nothing. They may name further files: with any of them no bundle counts. */
function compilerSettings(files: readonly string[]): readonly string[] {
  const folders = new Set<string>();
  for (const file of files.filter((path) => path.endsWith('.ts'))) {
    for (let folder = dirname(file); !folders.has(folder); folder = dirname(folder)) folders.add(folder);
  }
  return [...folders].map((folder) => join(folder, '.swcrc'));
}

type Plugin = Extract<
  NonNullable<ReturnType<NonNullable<BundleOptions['webpackConfigHook']>>['plugins']>[number],
  { readonly apply: unknown }
>;

/** Another version of any of these may make other code of the same files. */
function toolFiles(): readonly string[] {
  const worker = createRequire(import.meta.url).resolve('@temporalio/worker/package.json');
  const { resolve } = createRequire(worker);
  return [
    fileURLToPath(import.meta.url),
    worker,
    ...['webpack', '@swc/core', 'swc-loader', 'source-map-loader'].map((name) => resolve(`${name}/package.json`)),
  ];
}
