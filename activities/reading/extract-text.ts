// Makes a file of another format text. Runs in a thread of its own only: its libraries are loaded when the first file of their format
// comes, and may hang or fill the memory.
import { messageOf } from '../../runtime/errors.ts';
import { repackDocx } from './docx-archive.ts';
import type { ExtractedFormat } from './formats.ts';

const MAX_PDF_PAGES = 10_000;

export interface ExtractedText {
  readonly ok: true;
  /** Markdown for `html` and `docx`, plain text for `pdf`. */
  readonly text: string;
  /** As the file says it; empty when it does not. */
  readonly title: string;
}

export type Extracted = ExtractedText | { readonly ok: false; readonly reason: string };

/** What a file says, or why it cannot be used. Throws only what its library throws unforeseen. */
export async function extractText(format: ExtractedFormat, bytes: Buffer): Promise<Extracted> {
  const extracted = await EXTRACT[format](bytes);
  if (extracted.ok && extracted.text.trim() === '') return refused('empty: it has no text');
  return extracted;
}

const EXTRACT: Readonly<Record<ExtractedFormat, (bytes: Buffer) => Promise<Extracted>>> = {
  async html(bytes) {
    const html = decoded(bytes);
    if (html === undefined) return refused('not valid UTF-8; save it as UTF-8');
    const { htmlToText } = await import('./html-text.ts');
    try {
      return { ok: true, ...htmlToText(html) };
    } catch (cause) {
      return refused(`not a page that can be read: ${firstLine(cause)}`);
    }
  },

  async docx(bytes) {
    const repacked = repackDocx(bytes);
    if (!repacked.ok) return repacked;
    const [{ default: mammoth }, { htmlToText }] = await Promise.all([import('mammoth'), import('./html-text.ts')]);
    try {
      const { value } = await mammoth.convertToHtml(
        { buffer: repacked.archive },
        {
          convertImage: mammoth.images.imgElement(async () => ({ src: '' })),
          externalFileAccess: false,
          styleMap: ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => h2:fresh"],
        },
      );
      return { ok: true, ...htmlToText(value) };
    } catch (cause) {
      return refused(`not a DOCX: ${firstLine(cause)}`);
    }
  },

  async pdf(bytes) {
    if (!bytes.subarray(0, 1024).includes('%PDF-'))
      return refused('not a PDF: its first bytes are those of another format');
    const { extractText: textOf, getDocumentProxy } = await import('unpdf');
    try {
      const document = await getDocumentProxy(new Uint8Array(bytes), { verbosity: 0 });
      const { numPages } = document;
      if (numPages > MAX_PDF_PAGES) return refused(`${numPages} pages; ${MAX_PDF_PAGES} are taken`);
      const { text } = await textOf(document, { mergePages: false });
      const pages = text.map((page) => page.replaceAll('\0', '').trim());
      if (pages.every((page) => page === '')) {
        return refused(`no text in its ${numPages === 1 ? 'page' : `${numPages} pages`}: it needs OCR`);
      }
      return { ok: true, text: pages.filter((page) => page !== '').join('\n\n'), title: '' };
    } catch (cause) {
      if ((cause as { name?: string }).name === 'PasswordException') return refused('protected by a password');
      return refused(`not a PDF that can be read: ${firstLine(cause)}`);
    }
  },
};

/** A page may say another encoding than UTF-8; what the bytes are is what counts. */
function decoded(bytes: Buffer): string | undefined {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const refused = (reason: string): Extracted => ({ ok: false, reason });

/** Of a library's error, which may quote the file. */
function firstLine(cause: unknown): string {
  return (messageOf(cause).split('\n')[0] ?? '').replace(/[^\x20-\x7e]/g, '?').slice(0, 120);
}
