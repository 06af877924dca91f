// Puts something else where findings stand. Everything beside them stays as it is, by the byte. Pure.
import type { Finding } from '../../workflows/protocol/index.ts';

type Span = Pick<Finding, 'start' | 'end'>;

/** @param spans by offset, without overlaps */
export function replaceSpans<S extends Span>(
  text: string,
  spans: readonly S[],
  replacement: (span: S) => string,
): string {
  let result = '';
  let at = 0;
  for (const span of spans) {
    result += text.slice(at, span.start) + replacement(span);
    at = span.end;
  }
  return result + text.slice(at);
}

/** In JSON: where a number was found, a string takes its place. */
export function replaceInJson<S extends Span>(
  json: string,
  spans: readonly S[],
  replacement: (span: S) => string,
): string {
  let inString = false;
  let at = 0;
  return replaceSpans(json, spans, (span) => {
    for (; at < span.start; at++) {
      if (json[at] === '\\') at += 1;
      else if (json[at] === '"') inString = !inString;
    }
    return inString ? replacement(span) : JSON.stringify(replacement(span));
  });
}
