// Where the Temporal CLI comes from: the order of the sources, each with a stand-in for the outside world.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pickPort } from '../../../cli/stack/ports.ts';
import type { FindTemporalOptions } from '../../../cli/stack/temporal-binary.ts';
import { findTemporal, temporalCacheDir } from '../../../cli/stack/temporal-binary.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const folder = useTempFolder();
const SYSTEM_PATH = '/usr/bin:/bin';
let archives: { url: string; server: Server; hits: string[] };
let closedUrl: string;

beforeAll(async () => {
  const made = folder.file('archive');
  script(join(made, 'temporal'), 'echo temporal version downloaded');
  execFileSync('tar', ['-czf', folder.file('temporal.tar.gz'), '-C', made, 'temporal']);
  const hits: string[] = [];
  const server = createServer((request, response) => {
    hits.push(request.url ?? '');
    response.end(readFileSync(folder.file('temporal.tar.gz')));
  });
  const port = await pickPort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  archives = { url: `http://127.0.0.1:${port}`, server, hits };
  closedUrl = `http://127.0.0.1:${await pickPort()}`;
});
afterAll(() => archives.server.close());

describe('the Temporal CLI', () => {
  test('TEMPORAL_CLI_PATH comes first, even before one on PATH', async () => {
    const named = script(folder.file('named', 'my-temporal'), 'echo temporal version named');
    const found = await findTemporal(options({ cliPath: named, path: pathWithTemporal() }));
    expect(found).toEqual({ path: named, source: 'TEMPORAL_CLI_PATH' });
  });

  test('a TEMPORAL_CLI_PATH that is wrong is an error, not a reason to look elsewhere', async () => {
    const missing = folder.file('nowhere');
    await expect(findTemporal(options({ cliPath: missing, path: pathWithTemporal() }))).rejects.toThrow(
      `TEMPORAL_CLI_PATH names ${missing}, which is not an executable file`,
    );
    const broken = script(folder.file('broken', 'temporal'), 'exit 3');
    await expect(findTemporal(options({ cliPath: broken }))).rejects.toThrow(
      `TEMPORAL_CLI_PATH: ${broken} does not run`,
    );
  });

  test('one on PATH comes before the cache, and the cache before a download', async () => {
    const cacheDir = freshCache();
    const cached = script(join(cacheDir, 'temporal'), 'echo temporal version cached');
    const hitsBefore = archives.hits.length;
    expect(
      await findTemporal(options({ cacheDir, path: pathWithTemporal(), downloadBaseUrl: archives.url })),
    ).toMatchObject({
      source: 'PATH',
    });
    expect(await findTemporal(options({ cacheDir, downloadBaseUrl: archives.url }))).toEqual({
      path: cached,
      source: 'cache',
    });
    expect(archives.hits.length).toBe(hitsBefore);
  });

  test('a download lands in the cache, whole, with its progress told', async () => {
    const cacheDir = freshCache();
    const lines: string[] = [];
    const found = await findTemporal(
      options({ cacheDir, downloadBaseUrl: archives.url, onProgress: (text) => lines.push(text) }),
    );
    expect(found.source).toBe('download');
    expect(execFileSync(found.path, { encoding: 'utf8' })).toContain('downloaded');
    expect(readdirSync(cacheDir)).toEqual(['temporal']);
    expect(archives.hits.at(-1)).toContain(`/cli/archive/v1.5.1?platform=${process.platform}&arch=`);
    expect(lines.some((line) => line.startsWith('downloading'))).toBe(true);
  });

  test('where the download cannot be reached, Go builds it, and the packages are counted', async () => {
    const cacheDir = freshCache();
    const seen: (number | undefined)[] = [];
    const found = await findTemporal(
      options({
        cacheDir,
        path: `${fakeGo('working')}:${SYSTEM_PATH}`,
        onProgress: (_, fraction) => seen.push(fraction),
      }),
    );
    expect(found.source).toBe('build');
    expect(execFileSync(found.path, { encoding: 'utf8' })).toContain(
      'built github.com/temporalio/cli/cmd/temporal@v1.5.1',
    );
    expect(seen.at(-1)).toBeCloseTo(2 / 1300);
    expect(readdirSync(cacheDir)).toEqual(['temporal']);
  });

  test('two processes that build at once both get a working binary', async () => {
    const cacheDir = freshCache();
    const path = `${fakeGo('slow')}:${SYSTEM_PATH}`;
    const found = await Promise.all([
      findTemporal(options({ cacheDir, path })),
      findTemporal(options({ cacheDir, path })),
    ]);
    expect(found.map(({ source }) => source)).toEqual(['build', 'build']);
    expect(readdirSync(cacheDir)).toEqual(['temporal']);
  });

  test('a cached binary that was cut short is replaced', async () => {
    const cacheDir = freshCache();
    script(join(cacheDir, 'temporal'), 'exit 1');
    const found = await findTemporal(options({ cacheDir, downloadBaseUrl: archives.url }));
    expect(found.source).toBe('download');
  });

  test('when nothing works, the error lists what was tried, why it failed, and the ways out', async () => {
    const error = await findTemporal(options({ path: `${fakeGo('failing')}:${SYSTEM_PATH}` })).catch(
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ hint: expect.stringMatching(/TEMPORAL_CLI_PATH.*TEMPORAL_ADDRESS/) });
    const text = String(error);
    expect(text).toContain('`temporal` on PATH: not there');
    expect(text).toContain('not there');
    expect(text).toMatch(/the download: 127\.0\.0\.1:\d+ cannot be reached/);
    expect(text).toMatch(/`go install`: go install failed \(1\): .*no such host/);
    const withoutGo = await findTemporal(options({ path: folder.file('empty') })).catch((caught: unknown) => caught);
    expect(String(withoutGo)).toContain('`go install`: there is no Go (`go`) on PATH');
  });

  test('a server that never answers does not hold it up', async () => {
    const silent = createServer(() => {});
    const port = await pickPort();
    await new Promise<void>((resolve) => silent.listen(port, '127.0.0.1', resolve));
    const error = await findTemporal(
      options({ downloadBaseUrl: `http://127.0.0.1:${port}`, connectTimeoutMs: 50, path: folder.file('empty') }),
    ).catch((caught: unknown) => caught);
    silent.closeAllConnections();
    silent.close();
    expect(String(error)).toContain('did not answer within 0.05 s');
  });

  test('the cache lies where the system keeps such things, outside of the clone', () => {
    expect(temporalCacheDir({ XDG_CACHE_HOME: '/caches', HOME: '/home/ann' })).toBe(
      '/caches/countersign/temporal-cli-1.5.1',
    );
  });
});

function options(overrides: Partial<FindTemporalOptions>): FindTemporalOptions {
  return { path: SYSTEM_PATH, cacheDir: freshCache(), downloadBaseUrl: closedUrl, ...overrides };
}

const freshCache = (): string => mkdtempSync(folder.file('cache-'));

function script(path: string, body: string): string {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

function pathWithTemporal(): string {
  const bin = folder.file('bin');
  script(join(bin, 'temporal'), 'echo temporal version path');
  return `${bin}:${SYSTEM_PATH}`;
}

/** A `go` that builds a shell script, or fails as it does without a network. */
function fakeGo(kind: 'working' | 'slow' | 'failing'): string {
  const bin = folder.file(`go-${kind}`);
  // The last argument is the module with its version.
  const build = [
    'for last; do :; done',
    'echo "go: downloading a v1" >&2; echo pkg/one >&2; echo pkg/two >&2',
    'printf \'#!/bin/sh\\necho built %s\\n\' "$last" > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal"',
  ].join('\n');
  const bodies = {
    working: build,
    slow: `sleep 0.2\n${build}`,
    failing: 'echo "go: dial tcp: no such host" >&2; exit 1',
  };
  script(join(bin, 'go'), bodies[kind]);
  return bin;
}
