// Executable files: names, PATH, and whether one really runs.
import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../runtime/errors.ts';

const run = promisify(execFile);

export const executableName = (name: string): string => (process.platform === 'win32' ? `${name}.exe` : name);

/** The first executable file of this name on a PATH. */
export function findOnPath(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, executableName(name)))
    .find(isExecutable);
}

/** @throws Error when the binary does not answer `--version` */
export async function checkRuns(path: string): Promise<string> {
  try {
    const { stdout } = await run(path, ['--version'], { timeout: 20_000 });
    return stdout.trim();
  } catch (error) {
    throw new Error(`${path} does not run: ${firstLine(messageOf(error))}`, { cause: error });
  }
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';
