// Where notifications may go: addresses of receivers and people, held to what the file of channels may name. Pure.

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);

/** Whether what is sent there stays on this machine. */
export const isLoopback = (host: string): boolean => LOOPBACK_NAMES.has(host.toLowerCase());

/** What is wrong with the URL of a receiver; `undefined` when nothing is. Never repeats it: for some, the URL is the secret. */
export function endpointFault(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return 'expected a URL';
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    return 'expected https; http is for loopback addresses';
  }
  if (url.username !== '' || url.password !== '') return 'expected a URL without a user and password';
  return url.hash === '' ? undefined : 'expected a URL without a fragment';
}

/** What is wrong with the template of links: whoever has a link can do nothing that they could not do without it. */
export function linkFault(template: string): string | undefined {
  if (template.split('{id}').length !== 2) return 'expected {id} once, where the id of the approval goes';
  const example = template.replace('{id}', 'id');
  const fault = endpointFault(example);
  if (fault !== undefined) return fault;
  const url = URL.parse(example);
  if (url?.search !== '') return 'expected a URL without a query: a link carries no power of its own';
  return url.pathname.includes('id') ? undefined : 'expected {id} in the path';
}

export const linkOf = (template: string, approvalId: string): string =>
  template.replace('{id}', () => approvalId.split('/').map(encodeURIComponent).join('/'));

const ADDRESS = /^[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9-]{1,63}$/;

/** A plain address of e-mail: no name, no list, nothing that a header or an SMTP command could take for something else. */
export const isAddress = (text: string): boolean => text.length <= 254 && ADDRESS.test(text);

/** The address of a requester by a template. What comes of an id that does not fit is no address. */
export const addressOf = (template: string, requester: string): string =>
  template.replace('{requester}', () => requester);
