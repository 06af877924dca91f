// A temporary folder for each test file, as narrow as `mkdtemp` makes it (0700), removed after it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

export interface TempFolder {
  /** Absolute path. */
  readonly path: string;
  /** A path inside, not created. */
  file(...parts: readonly string[]): string;
}

export function useTempFolder(): TempFolder {
  const path = mkdtempSync(join(tmpdir(), 'countersign-'));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return { path, file: (...parts) => join(path, ...parts) };
}
