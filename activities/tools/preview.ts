// The preview of a tool that writes none of its own: its name, and each argument on a line.
import { canonicalJson } from '../../runtime/canonical.ts';

/**
 * What will be called with what, for a person who decides. An argument cannot pretend to be a further line: line ends, control
 * characters and invisible ones are shown escaped.
 *
 * @param order names of the arguments, in the order to show them; others follow by name
 */
export function defaultPreview(tool: string, args: unknown, order: readonly string[]): string {
  if (typeof args !== 'object' || args === null) return `${tool}\n  ${shown(args)}`;
  const values = new Map<string, unknown>(Object.entries(args));
  const first = order.filter((name) => values.has(name));
  const rest = [...values.keys()].filter((name) => !order.includes(name)).sort();
  return [tool, ...[...first, ...rest].map((name) => `  ${visible(name)}: ${shown(values.get(name))}`)].join('\n');
}

const shown = (value: unknown): string => visible(typeof value === 'string' ? value : canonicalJson(value));

/** Control characters, format characters (direction marks among them) and line separators, as `\u…`. */
export const visible = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
