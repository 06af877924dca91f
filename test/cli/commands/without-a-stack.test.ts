// What commands do where no stack runs: help, wrong use, what to start, and a start that is refused.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { createProgram } from '../../../cli/main.ts';
import type { Ended } from '../../support/stack.ts';
import { countersign, STACK_FRAME, startDev, stopDev } from '../../support/stack.ts';
import { useTempFolder } from '../../support/temp-folder.ts';

const folder = useTempFolder();
const RELEASES = fileURLToPath(new URL('../../../releases', import.meta.url));
const GOLDEN = fileURLToPath(new URL('../../replay/histories/answer-answered.json', import.meta.url));

/** Every command that does something, by the words that call it. */
function commandsOf(command: Command, words: readonly string[] = []): readonly string[] {
  if (command.commands.length === 0) return [words.join(' ')];
  return command.commands.flatMap((child) => commandsOf(child, [...words, child.name()]));
}
const commands = commandsOf(createProgram());

describe('help', () => {
  it('knows the commands that the README names', () => {
    expect(commands).toEqual(
      expect.arrayContaining(['demo', 'dev', 'ingest', 'ask', 'runs list', 'runs show', 'audit replay', 'doctor']),
    );
  });

  it.each(commands)('of `%s` has an example, --json and exit code 0', async (words) => {
    const { code, stdout, stderr } = await countersign([...words.split(' '), '--help']);
    expect(stdout).toMatch(/^Usage: countersign /);
    expect(stdout).toMatch(new RegExp(`^Examples?:\\n(?:.*\\n)*? {2}\\$ .*(?:npx countersign|npm run) ${words}`, 'm'));
    expect(stdout).toContain('--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe('wrong use', () => {
  it.each([
    { args: ['frobnicate'], says: "error: unknown command 'frobnicate'" },
    { args: ['runs', 'frobnicate'], says: "error: unknown command 'frobnicate'" },
    { args: ['ask'], says: "error: missing required argument 'question'" },
    { args: ['ask', 'q', '--frobnicate'], says: "error: unknown option '--frobnicate'" },
    { args: ['ingest', '.'], says: "error: required option '--collection <name>' not specified" },
    { args: ['audit', 'replay'], says: 'error: Nothing to replay\nhint: Name run ids or .json files, or --all.' },
    { args: ['audit', 'replay', 'not-an-id'], says: 'error: Not a run id: not-an-id\nhint: ' },
    { args: ['demo', '--path', RELEASES], says: 'error: --path needs --ask\nhint: ' },
    { args: ['demo', '--path', '/nowhere', '--ask', 'q'], says: 'error: No folder /nowhere\nhint: ' },
  ])('of `$args` exits 64 and says what is wrong', async ({ args, says }) => {
    const { code, stdout, stderr } = await countersign(args, { env: { COUNTERSIGN_HOME: folder.file('none') } });
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(STACK_FRAME);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });

  it('of a variable is named, and its value is not', async () => {
    const { code, stderr } = await countersign(['ask', 'q'], { env: { DATABASE_URL: 'mysql://u:swordfish@db/x' } });
    expect(stderr).toContain('error: The environment is mis-set: DATABASE_URL: ');
    expect(stderr).not.toContain('swordfish');
    expect(code).toBe(64);
  });
});

describe('without a running stack', () => {
  it.each([
    ['ask', 'q'],
    ['ingest', '.', '--collection', 'c'],
    ['runs', 'list'],
    ['audit', 'replay', '--all'],
  ])('`%s %s` says how to start one, without a stack trace', async (...args) => {
    const home = folder.file('empty');
    const { code, stdout, stderr } = await countersign([...args, '--home', home]);
    expect(stderr).toBe(
      `error: No Temporal server: no local stack runs on ${home}, and the environment names none\n` +
        'hint: Start one with `npx countersign dev`, or set TEMPORAL_ADDRESS and DATABASE_URL.\n',
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(existsSync(home)).toBe(false);
  });

  it.each([
    ['before', ['--debug', 'ask', 'q']],
    ['after', ['ask', 'q', '--debug']],
  ])('--debug %s the command adds the stack trace', async (_, args) => {
    const { code, stderr } = await countersign(args, { env: { COUNTERSIGN_HOME: folder.file('empty') } });
    expect(stderr).toContain('npx countersign dev');
    expect(stderr).toMatch(STACK_FRAME);
    expect(code).toBe(1);
  });

  it('a history in a file is replayed all the same', async () => {
    const { code, stdout } = await countersign(['audit', 'replay', GOLDEN, '--json', '--home', folder.file('empty')]);
    expect(JSON.parse(stdout)).toEqual({ runId: 'answer-answered.json', verdict: 'ok' });
    expect(code).toBe(0);
  });

  it('a workflows file that does not exist ends the replay', async () => {
    const { code, stdout, stderr } = await countersign(['audit', 'replay', GOLDEN, '--workflows', '/nowhere/flows.ts']);
    expect(stderr).toMatch(/^error: .*\/nowhere\/flows\.ts/m);
    expect(stderr).not.toMatch(STACK_FRAME);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  it.each([
    { name: 'no-json.json', text: 'events', says: 'Cannot read a history from' },
    { name: 'no-events.json', text: '{"runs":[]}', says: 'has no events' },
  ])('the file $name is called undecided, with what it should be', async ({ name, text, says }) => {
    const file = folder.file(name);
    writeFileSync(file, text);
    const { code, stdout, stderr } = await countersign(['audit', 'replay', file]);
    expect(stderr).toContain(says);
    expect(stderr).toContain(file);
    expect(stderr).toMatch(/^hint: It must be the JSON/m);
    expect(stderr).not.toMatch(STACK_FRAME);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

describe('dev', () => {
  describe('of a malformed manifest', () => {
    const home = folder.file('malformed');
    const releases = folder.file('releases');
    const manifest = join(releases, 'support_refund_answer/manifest.yaml');
    let refused: Ended;

    beforeAll(async () => {
      cpSync(RELEASES, releases, { recursive: true });
      writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('top_k: 5', 'top_k: many'));
      refused = await countersign(['dev', '--home', home, '--json'], { env: { COUNTERSIGN_RELEASES: releases } });
    });

    it('names file and field, and leaves nothing running', () => {
      const { code, stdout, stderr } = refused;
      expect(stderr).toContain(`error: ${manifest} is malformed: retrieval.top_k: `);
      expect(stderr).toContain('\nhint: Correct the fields named and try again.\n');
      expect(stderr).not.toMatch(STACK_FRAME);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      for (const left of ['stack.json', 'lock', 'run/temporal.json', 'postgres/postmaster.pid']) {
        expect(existsSync(join(home, left)), left).toBe(false);
      }
    });

    it('starts once it is corrected, and no second time on one home', async () => {
      const dev = await startDev(home);
      const second = await countersign(['dev', '--home', home]);
      expect(await stopDev(dev)).toBe(0);
      expect(second).toMatchObject({ code: 1, stdout: '' });
      expect(second.stderr).toContain(`already runs on ${home} (pid ${dev.pid}`);
    });
  });

  it('refuses the folder of a newer version, and touches nothing in it', async () => {
    const home = folder.file('newer');
    mkdirSync(home);
    writeFileSync(join(home, 'version.json'), '{"layout":2}');
    const { code, stderr } = await countersign(['dev', '--home', home]);
    expect(stderr).toMatch(
      /^error: .* was written by a newer version of countersign .*\nhint: .*Nothing was changed\.\n$/,
    );
    expect(code).toBe(1);
    expect(readFileSync(join(home, 'version.json'), 'utf8')).toBe('{"layout":2}');
    expect(existsSync(join(home, 'lock'))).toBe(false);
  });
});
