// Builds the Temporal CLI with Go into our cache: works where only package registries can be reached. Minutes, once.
import { spawn } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { checkRuns, executableName, findOnPath } from './executables.ts';
import type { FetchTarget } from './temporal-fetch.ts';

/** Packages that `go install -v` names while it builds this version on an empty cache. */
const ABOUT_PACKAGES = 1300;

const MODULE = 'github.com/temporalio/cli/cmd/temporal';

/** @throws Error saying what went wrong */
export async function buildTemporal(target: FetchTarget): Promise<void> {
  const go = findOnPath('go', target.path);
  if (go === undefined) throw new Error('there is no Go (`go`) on PATH');
  // A folder of its own: a build next to this one, or one that was killed, never meets it.
  const folder = mkdtempSync(join(target.cacheDir, 'build-'));
  try {
    await install(go, folder, target);
    const binary = join(folder, executableName('temporal'));
    await checkRuns(binary);
    renameSync(binary, target.target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function install(go: string, folder: string, target: FetchTarget): Promise<void> {
  const args = ['install', '-v', '-ldflags', '-s -w', `${MODULE}@v${target.version}`];
  const child = spawn(go, args, {
    cwd: folder,
    signal: target.signal,
    env: { ...target.goEnv, PATH: target.path, GOBIN: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // Ctrl-C while it builds must not leave a compiler running.
  const onExit = (): boolean => child.kill();
  process.once('exit', onExit);
  let downloads = 0;
  let packages = 0;
  const last: string[] = [];
  const lines = createInterface({ input: child.stderr });
  lines.on('line', (line) => {
    last.push(line);
    if (last.length > 5) last.shift();
    if (line.startsWith('go: ')) {
      downloads += 1;
      target.onProgress(`building the Temporal server with Go (once): module ${downloads} fetched`, 0);
    } else {
      packages += 1;
      const fraction = Math.min(packages / ABOUT_PACKAGES, 0.99);
      target.onProgress(
        `building the Temporal server with Go (once): ${packages} of about ${ABOUT_PACKAGES} packages`,
        fraction,
      );
    }
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0) throw new Error(`go install failed (${code ?? 'killed'}): ${last.join(' | ')}`);
  } finally {
    process.off('exit', onExit);
    lines.close();
  }
}
