// Files of other formats become text in threads; a hostile one is skipped with a reason, and the process goes on.
import { describe, expect, it } from 'vitest';
import type { Extracted } from '../../../activities/reading/extract-text.ts';
import type { ExtractorOptions } from '../../../activities/reading/extractor.ts';
import { createExtractor } from '../../../activities/reading/extractor.ts';
import { siblingModule } from '../../../runtime/sibling-module.ts';
import { docxOf, pdfOf, zipOf } from '../../support/office-files.ts';

const extractor = createExtractor({ idleMs: 100 });
const htmlOf = (html: string): Promise<Extracted> => extractor.extract('html', Buffer.from(html));
const textOf = async (extracted: Promise<Extracted>): Promise<string> => {
  const made = await extracted;
  if (!made.ok) throw new Error(made.reason);
  return made.text;
};

describe('a page of HTML', () => {
  it('is read as what a reader sees: headings, paragraphs, lists, tables, code', async () => {
    const page = `<!doctype html><html><head><title>Refunds &amp; more</title><style>p { color: red }</style></head><body>
      <h1>Our <em>refunds</em></h1><p>A refund takes
      14 days.<br>Not more.</p><ul><li><p>goods</p></li><li>services</ul>
      <table><tr><th>What</th><th>Days</th></tr><tr><td><p>Cards</p></td><td>3</td></tr></table>
      <pre>refund(1)\n  .wait()</pre></body></html>`;
    expect(await htmlOf(page)).toEqual({
      ok: true,
      title: 'Refunds & more',
      text: [
        '# Our refunds',
        'A refund takes 14 days.\nNot more.',
        '- goods',
        '- services',
        'What | Days',
        'Cards | 3',
        '```\nrefund(1)\n  .wait()\n```',
      ].join('\n\n'),
    });
  });

  it.each([
    ['scripts', '<script>evil()</script>'],
    ['a script that looks closed', '<script>"</scrip" + "t>"; evil()</script>'],
    ['styles', '<style>.evil {}</style>'],
    ['navigation', '<nav><a href="/">evil</a></nav>'],
    ['what is marked as navigation', '<div role="navigation">evil</div>'],
    ['hidden elements, and what is in them', '<div hidden>evil<p>evil<br>evil</p></div>'],
    ['what is hidden by style', '<span style="color:red; display : none">evil</span>'],
    ['what is hidden from readers', '<p aria-hidden="true">evil</p>'],
    ['templates and comments', '<template>evil</template><!-- evil -->'],
    ['frames and pictures', '<iframe>evil</iframe><svg><text>evil</text></svg>'],
  ])('is read without %s', async (_, hidden) => {
    expect(await textOf(htmlOf(`<p>before</p>${hidden}<p>after</p>`))).toBe('before\n\nafter');
  });

  it('cannot make a heading of text, and may leave its head open', async () => {
    expect(await textOf(htmlOf('<head><meta charset=utf-8><p># not one</p><p>a<br>---</p>'))).toBe(
      '\\# not one\n\na\n\\---',
    );
  });

  it.each([
    ['broken UTF-8', Buffer.from([0x3c, 0x70, 0x3e, 0xff]), 'not valid UTF-8; save it as UTF-8'],
    ['no text', Buffer.from('<script>only()</script>'), 'empty: it has no text'],
    [
      'a million open elements',
      Buffer.from('<div>'.repeat(1_000_000)),
      'not a page that can be read: its elements are nested more than 2000 deep',
    ],
  ])('with %s is told apart', async (_, bytes, reason) => {
    expect(await extractor.extract('html', bytes)).toEqual({ ok: false, reason });
  });
});

describe('a PDF', () => {
  it('is read page by page, line by line', async () => {
    const file = pdfOf([['A refund takes', '14 days.'], ['Second page (of two)']]);
    expect(await textOf(extractor.extract('pdf', file))).toBe('A refund takes\n14 days.\n\nSecond page (of two)');
  });

  it('without text needs OCR', async () => {
    expect(await extractor.extract('pdf', pdfOf([[]]))).toEqual({
      ok: false,
      reason: 'no text in its page: it needs OCR',
    });
    expect(await extractor.extract('pdf', pdfOf([[], [], []]))).toEqual({
      ok: false,
      reason: 'no text in its 3 pages: it needs OCR',
    });
  });

  it('that is none, or damaged, is refused', async () => {
    expect(await extractor.extract('pdf', Buffer.from('<html>'))).toMatchObject({ reason: /^not a PDF: / });
    expect(await extractor.extract('pdf', pdfOf([['x']]).subarray(0, 120))).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^not a PDF that can be read: /) as string,
    });
  });
});

describe('a DOCX', () => {
  it('is read with its headings', async () => {
    const file = docxOf(['# Refunds', 'A refund takes 14 days.', 'Not more.']);
    expect(await textOf(extractor.extract('docx', file))).toBe('# Refunds\n\nA refund takes 14 days.\n\nNot more.');
  });

  it.each([
    ['is no archive', Buffer.from('plain'), 'not a DOCX: it is no ZIP archive'],
    ['is an archive of something else', zipOf([{ name: 'a.xml', content: '<a/>' }]), /^not a DOCX: /],
    [
      'has a password',
      Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1]),
      'protected by a password, or of an older Word; save it as DOCX without a password',
    ],
    ['is cut off', docxOf(['x']).subarray(60), /^not a DOCX: /],
    [
      'is a bomb of zeros',
      docxOf(['x'], [{ name: 'word/bomb.xml', content: Buffer.alloc(100 * 1024 * 1024) }]),
      'an archive that inflates more than 200 times',
    ],
    [
      'is a bomb that lies about its size',
      docxOf(['x'], [{ name: 'word/bomb.xml', content: Buffer.alloc(200 * 1024 * 1024), claimedBytes: 10 }]),
      'an archive that inflates to more than 128 MiB',
    ],
    [
      'is many small bombs',
      docxOf(
        ['x'],
        Array.from({ length: 60 }, (_, n) => ({ name: `word/${n}.xml`, content: Buffer.alloc(3 * 1024 * 1024) })),
      ),
      'an archive that inflates to more than 128 MiB',
    ],
  ])('that %s is refused', async (_, bytes, reason) => {
    const made = await extractor.extract('docx', bytes);
    expect(made).toMatchObject({ ok: false });
    if (!made.ok) expect(made.reason).toMatch(reason);
  });
});

describe('a parser', () => {
  const hostile = (options: ExtractorOptions = {}) =>
    createExtractor({
      module: siblingModule('../../support/hostile-parser-process', import.meta.url),
      maxThreads: 1,
      idleMs: 100,
      ...options,
    });

  it.each([
    ['hangs', 'hang', 'takes longer than 5 seconds to read'],
    ['fills the memory with objects', 'fill objects', 'takes more than 64 MiB of memory to read'],
    ['fills the memory with buffers', 'fill buffers', 'takes more than 64 MiB of memory to read'],
    ['ends its thread', 'exit', 'its parser ended'],
    ['throws', 'throw', 'its parser failed (TypeError)'],
  ])('that %s costs its file, and the next one is read', async (_, order, reason) => {
    // One that hangs has little time; one that fills the memory has as much as a busy machine takes.
    const { extract } = hostile({ maxMemoryMb: 64, timeoutMs: order === 'hang' ? 5000 : 60_000 });
    const [bad, good] = await Promise.all([
      extract('pdf', Buffer.from(order)),
      extract('pdf', Buffer.from('the next one')),
    ]);
    expect(bad).toEqual({ ok: false, reason });
    expect(good).toEqual({ ok: true, text: 'the next one', title: '' });
  });

  it('is given no environment', async () => {
    process.env['COUNTERSIGN_TEST_SECRET'] = 'secret';
    const { extract } = hostile({
      module: siblingModule('../../support/environment-parser-process', import.meta.url),
    });
    expect(await extract('pdf', Buffer.from('x'))).toEqual({ ok: true, text: '[]', title: '' });
  });
});
