// The request of a call: its body is the canonical JSON of what was approved, byte for byte, and it goes to the host and below the
// path that whoever runs the worker named.
import { canonicalJson } from '../../../runtime/canonical.ts';
import type { Operation } from './operation.ts';

export interface BuiltRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

type Arguments = Readonly<Record<string, unknown>>;

/** What the schema cannot say: that a value stays in its place. */
export function wrongPlace({ parameters }: Operation, args: Arguments): string | undefined {
  for (const { name, in: where } of parameters) {
    const value = args[name];
    if (value === undefined || typeof value !== 'string') continue;
    if (where === 'path' && (/^\.{0,2}$/.test(value) || /[/\\]/.test(value))) {
      return `${name}: it must be one segment of a path, without slashes`;
    }
    if (where === 'header' && !/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value)) {
      return `${name}: a header takes printable ASCII only`;
    }
  }
  return undefined;
}

/** @throws Error when it would go elsewhere than below `baseUrl` */
export function buildRequest(operation: Operation, baseUrl: URL, args: Arguments): BuiltRequest {
  const { parameters, path, body } = operation;
  let filled = path;
  const query = new URLSearchParams();
  const headers: Record<string, string> = { accept: 'application/json' };
  for (const { name, in: where } of parameters) {
    const value = args[name];
    if (value === undefined) continue;
    if (where === 'path') filled = filled.replaceAll(`{${name}}`, () => encodeURIComponent(String(value)));
    else if (where === 'header') headers[name.toLowerCase()] = String(value);
    else for (const item of Array.isArray(value) ? value : [value]) query.append(name, String(item));
  }
  const pathname = `${baseUrl.pathname.replace(/\/$/, '')}${filled}`;
  const url = new URL(pathname, baseUrl.origin);
  if (url.origin !== baseUrl.origin || url.pathname !== pathname || /[{}]/.test(pathname)) {
    throw new Error(`the path ${path} does not lead below ${baseUrl.origin}${baseUrl.pathname}`);
  }
  url.search = query.toString();
  const content = body === 'arguments' ? args : body === 'member' ? args['body'] : undefined;
  if (content === undefined) return { url: url.href, headers };
  return {
    url: url.href,
    headers: { ...headers, 'content-type': 'application/json' },
    body: canonicalJson(content),
  };
}
