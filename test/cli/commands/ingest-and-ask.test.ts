// `ingest` and `ask` as people type them, against a stack that `dev` started: output, errors and exit codes.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { COLLECTION, SAMPLE_DOCUMENTS } from '../../support/engine.ts';
import { STACK_FRAME, useStack } from '../../support/stack.ts';

const stack = useStack();

const QUESTION = 'When is my refund paid after the return is checked?';
const SENTENCE =
  'Refunds are paid to the original payment method within 5 to 7 business days after the return is checked.';

function documents(name: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = stack.folder.file(name);
  mkdirSync(folder);
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
  return folder;
}

describe('ingest', () => {
  it('fills a collection, says the second time that nothing changed, then follows a changed and a removed file', async () => {
    const folder = documents('follow', { 'a.md': '# A\n\nFirst.', 'b.md': '# B\n\nSecond.', 'c.txt': 'Third.' });
    const ingest = async () => await stack.run(['ingest', folder, '--collection', 'follow']);
    expect(await ingest()).toEqual({
      code: 0,
      stdout: 'follow: 3 documents in 3 chunks (3 added, 0 changed, 0 removed)\n',
      stderr: '',
    });
    expect(await ingest()).toEqual({
      code: 0,
      stdout: 'follow: 3 documents in 3 chunks, nothing changed\n',
      stderr: '',
    });
    writeFileSync(join(folder, 'a.md'), '# A\n\nFirst, and more.');
    rmSync(join(folder, 'b.md'));
    expect(await ingest()).toEqual({
      code: 0,
      stdout: 'follow: 2 documents in 2 chunks (0 added, 1 changed, 1 removed)\n',
      stderr: '',
    });
  });

  it('prints with --json one JSON document on stdout, and nothing else', async () => {
    const folder = documents('json', { 'a.md': '# A\n\nText.', 'b.odt': 'x' });
    const { code, stdout, stderr } = await stack.run(['ingest', folder, '--collection', 'json', '--json']);
    expect(JSON.parse(stdout)).toEqual({
      v: 1,
      collection: 'json',
      generation: expect.stringMatching(/^[0-9A-Z]{26}$/),
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      changed: true,
      documents: 1,
      chunks: 1,
      added: 1,
      updated: 0,
      removed: 0,
      skipped: [{ path: 'b.odt', reason: 'not Markdown, text, HTML, PDF, DOCX or JSONL' }],
      skippedCount: 1,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('is refused by policy to a customer', async () => {
    const { code, stdout } = await stack.run(['ingest', SAMPLE_DOCUMENTS, '--collection', 'c', '--as', 'customer']);
    expect(stdout).toBe('refused: You may not ingest here (no policy allows it).\n');
    expect(code).toBe(1);
  });

  it('names a folder that does not exist, and what to name instead', async () => {
    const missing = stack.folder.file('missing');
    const { code, stdout, stderr } = await stack.run(['ingest', missing, '--collection', 'c']);
    expect(stdout + stderr).toContain(`${missing} does not exist. Name a folder of documents`);
    expect(stdout + stderr).not.toMatch(STACK_FRAME);
    expect(code).toBe(1);
  });

  it('lists on stderr the files that it skipped, each with the reason', async () => {
    const folder = documents('mixed', {
      'binary.md': Uint8Array.of(72, 105, 0, 1),
      'empty.txt': '',
      'latin.txt': Uint8Array.of(0xfc, 0x62, 0x65, 0x72),
      'paper.pdf': '%PDF-1.7',
      'used.md': '# Used\n\nText.',
    });
    const { code, stdout, stderr } = await stack.run(['ingest', folder, '--collection', 'mixed']);
    expect(stdout).toBe('mixed: 1 document in 1 chunk (1 added, 0 changed, 0 removed)\n');
    expect(stderr.trim().split('\n').sort()).toEqual([
      '4 files skipped',
      'skipped binary.md: binary: a NUL byte at offset 2; save it as UTF-8 text',
      'skipped empty.txt: empty',
      'skipped latin.txt: not valid UTF-8; save it as UTF-8 text',
      expect.stringMatching(/^skipped paper\.pdf: not a PDF that can be read: /),
    ]);
    expect(code).toBe(0);
    const strict = await stack.run(['ingest', folder, '--collection', 'mixed', '--strict']);
    expect(strict.stdout).toContain('nothing changed');
    expect(strict.stderr).toMatch(/--strict: not every file was used; what could be used is in mixed\n$/);
    expect(strict.code).toBe(1);
  });

  it('prints a line for each file that was skipped, however many there are', async () => {
    const empty = Object.fromEntries(Array.from({ length: 130 }, (_, n) => [`${n}.txt`, '']));
    const folder = documents('many', { ...empty, 'used.md': 'Used.' });
    const { code, stderr } = await stack.run(['ingest', folder, '--collection', 'many']);
    const lines = stderr.trim().split('\n');
    expect(lines.filter((line) => line.endsWith('.txt: empty'))).toHaveLength(130);
    expect(lines.at(-1)).toBe('130 files skipped');
    expect(code).toBe(0);
  });

  it('prints these lines also of a folder in which nothing can be used', async () => {
    const folder = documents('nothing', Object.fromEntries(Array.from({ length: 130 }, (_, n) => [`${n}.txt`, ''])));
    const { code, stdout, stderr } = await stack.run(['ingest', folder, '--collection', 'nothing']);
    expect(stdout).toMatch(/^failed: No document in \S+ can be used \(130 skipped, such as /);
    const lines = stderr.trim().split('\n');
    expect(lines.filter((line) => /^skipped \d+\.txt: empty$/.test(line))).toHaveLength(130);
    expect(lines.at(-1)).toBe('130 files skipped');
    expect(code).toBe(1);
    // A folder that is not there has none, whatever was skipped before.
    const gone = await stack.run(['ingest', `${folder}-gone`, '--collection', 'nothing']);
    expect(gone.stderr).toBe('');
  });

  it('refuses a collection name with capitals as wrong use', async () => {
    const { code, stdout, stderr } = await stack.run(['ingest', SAMPLE_DOCUMENTS, '--collection', 'Docs']);
    expect(stderr).toBe(
      'error: Cannot start: not a collection: Docs\nhint: Lower-case letters, digits, _ and -, at most 100.\n',
    );
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });
});

describe('ask', () => {
  beforeAll(async () => {
    expect((await stack.run(['ingest', SAMPLE_DOCUMENTS, '--collection', COLLECTION])).code).toBe(0);
  });

  it('prints the answer with its citation and the document, and exits 0', async () => {
    const { code, stdout, stderr } = await stack.run(['ask', QUESTION]);
    expect(stdout).toContain(`"${SENTENCE}" [1]\n\n[1] Refund policy › `);
    expect(stdout).toMatch(/^\[1\] Refund policy › [^(]+ \(refund-policy\.md, \d+–\d+\)$/m);
    expect(stderr).toMatch(/^\d+(\.\d)? m?s, default\/answer\/[0-9A-Z]{26}\n$/);
    expect(code).toBe(0);
  });

  it('prints with --json the reply, and nothing else', async () => {
    const { code, stdout, stderr } = await stack.run(['ask', QUESTION, '--json']);
    expect(JSON.parse(stdout)).toEqual({
      v: 1,
      runId: expect.stringMatching(/^default\/answer\/[0-9A-Z]{26}$/),
      releaseDigest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      kind: 'answered',
      text: `"${SENTENCE}" [1]`,
      citations: [
        {
          n: 1,
          passageId: expect.stringMatching(/^refund-policy\.md#\d+$/),
          docId: 'refund-policy.md',
          title: 'Refund policy',
          quote: SENTENCE,
          start: expect.any(Number),
          end: expect.any(Number),
          headings: ['Refund policy', expect.any(String)],
        },
      ],
      model: 'local/extractive',
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('prints with --format the text and its sources, each with section, place and quote', async () => {
    const { code, stdout } = await stack.run(['ask', QUESTION, '--format', 'markdown']);
    expect(stdout).toContain(`"${SENTENCE}" [1]\n\n1. Refund policy › `);
    expect(stdout).toMatch(/^ {3}> Refunds are paid/m);
    expect(code).toBe(0);
    expect(await stack.run(['ask', QUESTION, '--format', 'pdf'])).toMatchObject({
      code: 64,
      stderr: 'error: Not a format: pdf\nhint: There are plain, markdown, html.\n',
    });
  });

  it('says so and exits 1 when the documents do not answer', async () => {
    const { code, stdout } = await stack.run(['ask', 'Do you match the lower price of a competitor?']);
    expect(stdout).toBe(
      `refused (not-in-context): The documents in ${COLLECTION} do not support an answer to this question. Please contact support.\n`,
    );
    expect(code).toBe(1);
  });

  it('names the rule that refuses a suspended account', async () => {
    const { code, stdout } = await stack.run(['ask', QUESTION, '--as', 'suspended']);
    expect(stdout).toBe('refused (policy-denied): You may not ask here (suspended-accounts-may-not-do-anything).\n');
    expect(code).toBe(1);
  });

  it('gives the same run for the same idempotency key, and refuses the key for another question', async () => {
    const ask = async (question: string) =>
      await stack.run(['ask', question, '--json', '--idempotency-key', 'order-17']);
    const first = JSON.parse((await ask(QUESTION)).stdout) as { runId: string };
    const second = await ask(QUESTION);
    expect(JSON.parse(second.stdout)).toEqual(first);
    expect(second.code).toBe(0);
    const other = await ask('May I return an opened item?');
    expect(other).toMatchObject({ code: 1, stdout: '' });
    expect(other.stderr).toContain(`Idempotency key order-17 was used for another request, as run ${first.runId}`);
  });

  it.each([
    {
      name: 'an identity that does not exist, with those that do',
      args: [QUESTION, '--as', 'nobody'],
      code: 64,
      says: /^error: No development identity nobody\nhint: .*development-identities\.yaml has: customer, staff, manager, supervisor, operator, auditor, suspended, stranger\.\n$/,
    },
    {
      name: 'a version that was never published, with those that were',
      args: [QUESTION, '--release', 'support_refund_answer@9.9.9'],
      code: 1,
      says: /^error: No release support_refund_answer@9\.9\.9\nhint: There are: support_refund_answer@1\.4\.0, support_refund_answer@dev\.\n$/,
    },
    {
      name: 'a release that was never published, with those that were',
      args: [QUESTION, '--release', 'unheard_of'],
      code: 1,
      says: /^error: No release unheard_of@dev\nhint: Published are: rewrite_politely, support_agent, support_refund_answer\.\n$/,
    },
    {
      name: 'what is no release reference, with how one is written',
      args: [QUESTION, '--release', 'Bad Name'],
      code: 64,
      says: /^error: Not a release: Bad Name\nhint: Write NAME, NAME@VERSION or NAME@LABEL\.\n$/,
    },
    { name: 'an empty question', args: [''], code: 64, says: /^error: Cannot start: the question is empty\nhint: / },
  ])('names $name', async ({ args, code, says }) => {
    const ended = await stack.run(['ask', ...args]);
    expect(ended.stderr).toMatch(says);
    expect(ended).toMatchObject({ code, stdout: '' });
  });

  it('reads the question from standard input, and refuses one of ten megabytes with its size', async () => {
    expect(await stack.run(['ask', '-'], { stdin: `${QUESTION}\n` })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(SENTENCE),
    });
    const long = await stack.run(['ask', '-'], { stdin: 'x'.repeat(10 * 1024 * 1024) });
    expect(long.stderr).toBe(
      'error: Cannot start: the question has 10,485,760 bytes\nhint: At most 262,144 are taken. Ingest long texts as documents.\n',
    );
    expect(long).toMatchObject({ code: 64, stdout: '' });
  });

  it('says what cannot be reached when the database is down, without the password of its URL', async () => {
    const env = { DATABASE_URL: 'postgres://countersign_gateway:swordfish@127.0.0.1:1/countersign' };
    const { code, stdout, stderr } = await stack.run(['ask', QUESTION, '--debug'], { env });
    expect(stderr).toContain('ECONNREFUSED 127.0.0.1:1');
    expect(stdout + stderr).not.toContain('swordfish');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  it('names a Temporal server that cannot be reached, and the variables to check', async () => {
    const { code, stdout, stderr } = await stack.run(['ask', QUESTION], { env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } });
    expect(stderr).toContain('127.0.0.1:1');
    expect(stderr).toMatch(/hint: .*TEMPORAL_ADDRESS/);
    expect(stderr).not.toMatch(STACK_FRAME);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });
});

it('no command of this file printed a password of the database', () => {
  expect(stack.passwords()).toHaveLength(5);
  expect(stack.printed()).toContain('error:');
  for (const password of stack.passwords()) expect(stack.printed()).not.toContain(password);
});
