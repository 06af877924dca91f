// `countersign backup` and `restore` as people type them, beside a stack that runs: a run with history moves to another home.
import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COLLECTION, SAMPLE_DOCUMENTS } from '../../support/engine.ts';
import { countersign, STACK_FRAME, startDev, stopDev } from '../../support/stack.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const temp = useTempFolder();
const [home, other] = [temp.file('home'), temp.file('other')];
const [whileRunning, keyless, whileStopped] = [
  temp.file('backups/running'),
  temp.file('keyless'),
  temp.file('stopped'),
];
const QUESTION = 'When is my refund paid after the return is checked?';
/** Of the answer: it is read under the run's key. */
const SENTENCE = 'Refunds are paid to the original payment method within 5 to 7 business days';

let dev: ChildProcess | undefined;
let runId = '';

const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  await countersign(args, { env });

async function ask(on: string): Promise<string> {
  const { code, stdout } = await run(['ask', QUESTION, '--json', '--home', on]);
  expect(code).toBe(0);
  return (JSON.parse(stdout) as { runId: string }).runId;
}

beforeAll(async () => {
  dev = await startDev(home);
  expect((await run(['ingest', SAMPLE_DOCUMENTS, '--collection', COLLECTION, '--home', home])).code).toBe(0);
  runId = await ask(home);
});
afterAll(async () => {
  if (dev !== undefined) expect(await stopDev(dev)).toBe(0);
});

describe('backup', () => {
  it('copies a stack that runs, and goes on running, with its keys when asked to', async () => {
    const { code, stdout, stderr } = await run(['backup', whileRunning, '--with-keys', '--home', home]);
    expect(stderr).not.toMatch(STACK_FRAME);
    expect(stdout).toContain(`backed up ${home} to ${whileRunning}\n`);
    expect(stdout).toMatch(/^ {2}ledger {4}\d{2,} rows of \d+ tables, \d+\.\d MiB compressed$/m);
    expect(stdout).toMatch(/^ {2}keys {6}included, \d+ files$/m);
    expect(stderr).not.toContain('cannot be read');
    expect(stderr).toContain('backup: ledger');
    expect(stdout + stderr).not.toContain('\u001b');
    expect(code).toBe(0);
    expect(dev?.exitCode).toBe(null);
    expect(existsSync(join(home, 'stack.json'))).toBe(true);
  });

  it('says where the keys are when they are not part of it', async () => {
    const { code, stdout, stderr } = await run(['backup', keyless, '--home', home]);
    expect(stderr).toContain(`note: without the keys in ${join(home, 'keys')}, this backup cannot be read\n`);
    expect(stdout).toContain('  keys      not included\n');
    expect(code).toBe(0);
  });

  it('refuses a folder with something in it, and servers that are not of the local stack', async () => {
    const again = await run(['backup', keyless, '--home', home]);
    expect(again.stderr).toContain(`error: ${keyless} exists and is not an empty folder\nhint: `);
    expect(again).toMatchObject({ code: 1, stdout: '' });
    const folder = temp.file('elsewhere');
    const elsewhere = await run(['backup', folder, '--home', home], { DATABASE_URL: 'postgres://u:swordfish@db/x' });
    expect(elsewhere.stderr).toMatch(/^error: DATABASE_URL names a server .*\nhint: .*docs\/operations\.md/);
    expect(elsewhere.stderr).not.toContain('swordfish');
    expect(elsewhere).toMatchObject({ code: 64, stdout: '' });
    expect(existsSync(folder)).toBe(false);
  });

  it('a stack that runs is not restored over', async () => {
    const { code, stdout, stderr } = await run(['restore', whileRunning, '--home', home, '--replace']);
    expect(stderr).toContain(`error: A stack runs on ${home} (pid ${dev?.pid}), `);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  it('copies a stack that is stopped alike, and leaves it stopped', async () => {
    const stopping = dev;
    dev = undefined;
    expect(stopping === undefined ? undefined : await stopDev(stopping)).toBe(0);
    const { code, stdout } = await run(['backup', whileStopped, '--json', '--home', home]);
    expect(JSON.parse(stdout)).toEqual({
      folder: whileStopped,
      stack: 'stopped',
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      tables: expect.any(Number),
      rows: expect.any(Number),
      keys: { included: false, place: join(home, 'keys') },
    });
    expect(code).toBe(0);
    expect(existsSync(join(home, 'postgres', 'postmaster.pid'))).toBe(false);
    const rowsOf = (folder: string) =>
      JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')).tables.map(
        ({ name, rows }: { name: string; rows: number }) => ({ name, rows }),
      );
    expect(rowsOf(whileStopped)).toEqual(rowsOf(keyless));
  });
});

/** Two databases are made and a stack is started. */
describe('restore', { timeout: 180_000 }, () => {
  it('makes another home of it, where the run is listed and replays, and questions are answered', async () => {
    const { code, stdout } = await run(['restore', whileRunning, '--home', other, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ home: other, keys: true, applied: [], erasedAgain: 0 });
    expect(code).toBe(0);

    dev = await startDev(other);
    const listed = await run(['runs', 'list', '--home', other]);
    expect(listed.stdout).toContain(runId);
    expect(await run(['audit', 'replay', runId, '--home', other])).toEqual({
      code: 0,
      stdout: `ok          ${runId}\n`,
      stderr: '1 of 1 histories replay\n',
    });
    const shown = await run(['runs', 'show', runId, '--home', other]);
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining(SENTENCE) });
    const next = await ask(other);
    expect(next).not.toBe(runId);
    expect((await run(['audit', 'replay', '--all', '--home', other])).code).toBe(0);
  });

  it('over data is refused, and with --replace says where they are now', async () => {
    const refused = await run(['restore', keyless, '--home', home]);
    expect(refused.stderr).toContain(`error: ${home} has data, and nothing was restored over them\nhint: `);
    expect(refused).toMatchObject({ code: 1, stdout: '' });

    const { code, stdout } = await run(['restore', whileStopped, '--home', home, '--replace']);
    const replaced = readdirSync(home).filter((name) => name.startsWith('replaced-'));
    expect(replaced).toHaveLength(1);
    expect(stdout).toContain(`  what was there is in ${join(home, replaced[0] ?? '')}\n`);
    expect(code).toBe(0);
    expect(existsSync(join(home, 'keys', 'kek.json'))).toBe(true);
    expect(existsSync(join(home, replaced[0] ?? '', 'postgres', 'PG_VERSION'))).toBe(true);
  });
});
