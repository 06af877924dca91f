// YAML that others wrote: plain values, few aliases, and why it cannot be read in one line.
import { parse } from 'yaml';

export type ParsedYaml =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string };

export function parseYaml(text: string): ParsedYaml {
  try {
    return { ok: true, value: parse(text, { schema: 'core', maxAliasCount: 10, logLevel: 'error' }) as unknown };
  } catch (cause) {
    return { ok: false, reason: firstLine(cause) };
  }
}

function firstLine(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return (message.split('\n')[0] ?? '').replace(/:$/, '');
}
