// Reading a folder: every file is used or named with its reason, and nothing outside is touched.
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_FILE_BYTES } from '../../../activities/reading/formats.ts';
import { findSource, listSource, readSource } from '../../../activities/reading/source-files.ts';
import { sha256 } from '../../../runtime/canonical.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-source-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function write(path: string, content: string | Uint8Array = 'text'): Promise<void> {
  await mkdir(join(folder, path, '..'), { recursive: true });
  await writeFile(join(folder, path), content);
}
const listed = async (): Promise<string[]> =>
  (await listSource(folder)).map((entry) => (entry.ok ? entry.docId : `${entry.path}: ${entry.reason}`));
const reasonFor = async (content: string | Uint8Array): Promise<string | undefined> => {
  await write('a.md', content);
  const read = await readSource({ docId: 'a.md', path: join(folder, 'a.md'), format: 'markdown' });
  return read.ok ? undefined : read.reason;
};

describe('a source folder', () => {
  it('is listed with its subfolders, sorted by path', async () => {
    for (const path of ['b.md', 'a/z.txt', 'a.MARKDOWN', 'a/b/c.md', 'Z.md']) await write(path);
    expect(await listed()).toEqual(['Z.md', 'a.MARKDOWN', 'a/b/c.md', 'a/z.txt', 'b.md']);
  });

  it('is listed without dot files, dot folders and node_modules', async () => {
    for (const path of ['.git/a.md', '.hidden.md', 'node_modules/b/readme.md', 'c.md']) await write(path);
    expect(await listed()).toEqual(['c.md']);
  });

  it('names files of other kinds', async () => {
    await write('a.odt');
    await write('noextension');
    const reason = 'not Markdown, text, HTML, PDF, DOCX or JSONL';
    expect(await listed()).toEqual([`a.odt: ${reason}`, `noextension: ${reason}`]);
  });

  it('names files whose names move cursors, break lines or turn text around', async () => {
    for (const path of ['a\u001b[2K.md', 'b\n.md', 'c\u202egnp.md', 'sub\r/d.md', 'fine ü.md']) await write(path);
    await writeFile(Buffer.concat([Buffer.from(`${folder}/e`), Buffer.from([0xff]), Buffer.from('.md')]), 'text');
    const reason = 'its name has control characters, or is not UTF-8';
    expect(await listed()).toEqual([
      `a\\u{1b}[2K.md: ${reason}`,
      `b\\u{a}.md: ${reason}`,
      `c\\u{202e}gnp.md: ${reason}`,
      `e\\u{fffd}.md: ${reason}`,
      'fine ü.md',
      `sub\\u{d}: ${reason}`,
    ]);
  });

  it('follows a link to a file inside, and no other', async () => {
    await write('real.md');
    await mkdir(join(folder, 'sub'));
    await symlink(join(folder, 'real.md'), join(folder, 'alias.md'));
    await symlink('/etc/passwd', join(folder, 'out.md'));
    await symlink('/etc', join(folder, 'out'));
    await symlink(folder, join(folder, 'sub', 'loop'));
    await symlink(join(folder, 'nowhere.md'), join(folder, 'broken.md'));
    expect(await listed()).toEqual([
      'alias.md',
      'broken.md: link to nothing',
      'out: link out of the folder',
      'out.md: link out of the folder',
      'real.md',
      'sub/loop: link to a folder',
    ]);
    expect(await findSource(folder, '../../../../../etc/passwd')).toMatchObject({ ok: false });
  });

  it('must be there, be a folder and be named absolutely', async () => {
    await write('a.md');
    const failure = { type: 'countersign.ingest.SourceUnreadable', nonRetryable: true };
    for (const [path, message] of [
      [join(folder, 'none'), /none does not exist\. Name a folder/],
      [join(folder, 'a.md'), /a\.md is not a folder\. Name a folder/],
      ['relative', /relative is not an absolute path/],
    ] as const) {
      await expect(listSource(path)).rejects.toMatchObject(failure);
      await expect(listSource(path)).rejects.toThrow(message);
    }
  });
});

describe('a source file', () => {
  it('comes as text without its byte order mark, with the hash of its bytes', async () => {
    const bytes = Buffer.from('\ufeffGrüße\r\n');
    await write('a.md', bytes);
    expect(await readSource({ docId: 'a.md', path: join(folder, 'a.md'), format: 'markdown' })).toEqual({
      ok: true,
      text: 'Grüße\r\n',
      contentHash: sha256(bytes),
      bytes: bytes.length,
    });
  });

  it('is refused when it is binary, broken, empty or huge, with the reason', async () => {
    expect(await reasonFor(Buffer.from([0x50, 0x4b, 0, 1]))).toBe(
      'binary: a NUL byte at offset 2; save it as UTF-8 text',
    );
    expect(await reasonFor(Buffer.from([0x47, 0xfc, 0x6e]))).toBe('not valid UTF-8; save it as UTF-8 text');
    expect(await reasonFor('')).toBe('empty');
    expect(await reasonFor(' \r\n\t')).toBe('empty: only white space');
    expect(await reasonFor('x'.repeat(MAX_FILE_BYTES))).toBeUndefined();
    expect(await reasonFor('x'.repeat(MAX_FILE_BYTES + 1))).toBe('larger than 32 MiB (32.0 MiB)');
  });

  it('is refused when it has gone, or a link has taken its place', async () => {
    expect(await readSource({ docId: 'a.md', path: join(folder, 'a.md'), format: 'markdown' })).toEqual({
      ok: false,
      reason: 'cannot be read (ENOENT)',
    });
    await symlink('/etc/passwd', join(folder, 'b.md'));
    expect(await readSource({ docId: 'b.md', path: join(folder, 'b.md'), format: 'markdown' })).toEqual({
      ok: false,
      reason: 'cannot be read (ELOOP)',
    });
  });

  // Root may read everything; ELOOP above takes the same path.
  const itAsUser = process.getuid?.() === 0 ? () => {} : it;
  itAsUser('is refused when it may not be read', async () => {
    await write('a.md');
    await chmod(join(folder, 'a.md'), 0);
    expect(await readSource({ docId: 'a.md', path: join(folder, 'a.md'), format: 'markdown' })).toEqual({
      ok: false,
      reason: 'cannot be read (EACCES)',
    });
  });
});
