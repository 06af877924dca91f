// Which files are documents, by the ending of their names, and what each kind takes.

/** `markdown` and `text` are read as they are; `jsonl` holds many documents; the others are made text in a thread of their own. */
export type Format = 'markdown' | 'text' | 'jsonl' | ExtractedFormat;
export type ExtractedFormat = 'html' | 'pdf' | 'docx';

const FORMATS: Readonly<Record<string, Format>> = {
  '.md': 'markdown',
  '.markdown': 'markdown',
  '.txt': 'text',
  '.jsonl': 'jsonl',
  '.html': 'html',
  '.htm': 'html',
  '.xhtml': 'html',
  '.pdf': 'pdf',
  '.docx': 'docx',
};

/** For people: what a folder may hold. */
export const FORMAT_NAMES = 'Markdown, text, HTML, PDF, DOCX or JSONL';

/** `undefined` for a file that is no document. */
export function formatOf(path: string): Format | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  return dot < 0 ? undefined : FORMATS[name.slice(dot).toLowerCase()];
}

export const isExtracted = (format: Format): format is ExtractedFormat =>
  format === 'html' || format === 'pdf' || format === 'docx';

/** Part of the key under which a text is kept: another version makes other texts. */
export const extractorId = (format: ExtractedFormat): string => `${format}/1`;

/** Held in memory as a whole, about three times, while it is cut. */
export const MAX_FILE_BYTES = 32 * 1024 * 1024;
/** Read line by line, so far more than one document may have. */
export const MAX_RECORDS_BYTES = 4 * 1024 * 1024 * 1024;
/** One line of JSONL. */
export const MAX_RECORD_BYTES = 4 * 1024 * 1024;
