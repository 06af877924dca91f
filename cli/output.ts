// What commands print: results on stdout, progress and remarks on stderr; colours only for a person at a terminal.
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { env } from './context.ts';

export type Style = Parameters<typeof styleText>[0];

interface Terminal extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

function wantsColour(stream: Terminal): boolean {
  return stream.isTTY === true && !env()['NO_COLOR'] && env()['TERM'] !== 'dumb';
}

/** `text` in a style, if `stream` is a terminal that wants colours. */
export function paint(style: Style, text: string, stream: Terminal = process.stdout): string {
  return wantsColour(stream) ? styleText(style, text, { validateStream: false }) : text;
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function print(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** A remark beside the result: a log line, a warning. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Rows as columns of equal width, two spaces apart; the last column is as wide as it is. */
export function alignTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows
    .map((row) =>
      row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  '),
    )
    .join('\n');
}

export interface ProgressLine {
  /** Says where it stands. `fraction` is 0–1 when known. */
  update(text: string, fraction?: number): void;
  /** Ends the line; later updates begin a new one. */
  done(): void;
}

/**
 * One line that rewrites itself at a terminal; elsewhere plain lines, at most one each tenth of the way and for each new text
 * without a fraction.
 */
export function progressLine(label: string, stream: Terminal = process.stderr): ProgressLine {
  const live = stream.isTTY === true;
  let open = false;
  let printed = '';
  return {
    update(text, fraction) {
      const percent = fraction === undefined ? '' : ` (${Math.floor(fraction * 100)} %)`;
      if (live) {
        const line = `${label}: ${text}${percent}`.slice(0, Math.max(20, (stream.columns ?? 80) - 1));
        stream.write(`\r\u001b[2K${line}`);
        open = true;
        return;
      }
      const step = fraction === undefined ? text : `tenth ${Math.floor(fraction * 10)}`;
      if (step === printed) return;
      printed = step;
      stream.write(`${label}: ${text}${percent}\n`);
    },
    done() {
      if (open) stream.write('\n');
      open = false;
      printed = '';
    },
  };
}
