// The approver registry: who may decide, with which keys, and until when. Every entry is signed by the admin key, whose public
// half workers hold; a registry with one entry that does not verify is no registry.
import type { KeyObject } from 'node:crypto';
import { sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { canonicalJson } from '../runtime/canonical.ts';
import { messageOf, UserError } from '../runtime/errors.ts';
import { keyBytes, kidSchema } from './approver-keys.ts';
import { isName } from './names.ts';

const SIGNED_AS = 'countersign/approver/v1';
const SIGNATURE_CHARS = 86;

const name = z.string().refine(isName, 'letters, digits and . _ @ - only');
const instant = z.iso.datetime({ offset: true });

const approverSchema = z
  .strictObject({
    id: name,
    groups: z.array(name).min(1),
    keys: z.array(z.strictObject({ kid: kidSchema, x: keyBytes })).min(1),
    /** RFC 3339. */
    validFrom: instant,
    /** RFC 3339, exclusive. */
    validUntil: instant,
    /** Ed25519, base64url. */
    signature: z.string().length(SIGNATURE_CHARS),
  })
  .refine(({ validFrom, validUntil }) => Date.parse(validFrom) < Date.parse(validUntil), {
    path: ['validUntil'],
    message: 'not after validFrom',
  });

const registrySchema = z.strictObject({ v: z.literal(1), approvers: z.array(z.unknown()) });

export type Approver = Readonly<z.infer<typeof approverSchema>>;
export type UnsignedApprover = Omit<Approver, 'signature'>;

/** Signs an entry with the admin's private key. @throws UserError for an entry that no registry would take */
export function signApprover(adminKey: KeyObject, entry: UnsignedApprover): Approver {
  const { id, groups, keys, validFrom, validUntil } = entry;
  const body = { id, groups, keys, validFrom, validUntil };
  const signature = sign(null, signedBytes(body), adminKey).toString('base64url');
  return parseApprover({ ...body, signature }, `The approver ${id}`);
}

/** Whether the entry is as the holder of the admin key signed it. */
export function isSigned(adminKey: KeyObject, { signature, ...entry }: Approver): boolean {
  return verify(null, signedBytes(entry), adminKey, Buffer.from(signature, 'base64url'));
}

function signedBytes({ id, groups, keys, validFrom, validUntil }: UnsignedApprover): Buffer {
  return Buffer.from(`${SIGNED_AS}\0${canonicalJson({ id, groups, keys, validFrom, validUntil })}`);
}

/**
 * The entries of a registry file, expired ones included. A missing file is an empty registry.
 *
 * @param adminKey the admin's public key
 * @throws UserError naming file and entry for what is malformed, not signed, or there twice
 */
export function loadApprovers(file: string, adminKey: KeyObject): readonly Approver[] {
  const approvers = readApprovers(file) ?? [];
  for (const approver of approvers) {
    if (isSigned(adminKey, approver)) continue;
    throw new UserError(`${file}: the entry of ${approver.id} is not signed by the admin key`, {
      hint: 'It was edited, or signed by another key. Restore it, or remove it and make it anew with `npx countersign keys new`.',
    });
  }
  return approvers;
}

/** The entries as they stand, with no signature looked at; `undefined` without a file. @throws UserError as {@link loadApprovers} */
export function readApprovers(file: string): readonly Approver[] | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UserError(`Cannot read the approver registry ${file}: ${messageOf(cause)}`, { hint: RESTORE, cause });
  }
  const registry = registrySchema.safeParse(parseJson(text));
  if (!registry.success) {
    throw new UserError(`${file} is not an approver registry: ${issuesOf(registry.error)}`, { hint: RESTORE });
  }
  const approvers = registry.data.approvers.map((entry, index) =>
    parseApprover(entry, `${file}: entry ${labelOf(entry, index)}`),
  );
  requireDistinct(approvers, file);
  return approvers;
}

/** The text of a registry file. */
export function registryText(approvers: readonly Approver[]): string {
  return `${JSON.stringify({ v: 1, approvers }, null, 2)}\n`;
}

const RESTORE = 'Restore the file from where your team keeps it. Until then nobody can approve.';

function parseApprover(entry: unknown, what: string): Approver {
  const parsed = approverSchema.safeParse(entry);
  if (parsed.success) return parsed.data;
  throw new UserError(`${what} is malformed: ${issuesOf(parsed.error)}`, { hint: 'Correct the fields named.' });
}

/** One person must not count as two: ids, key ids and the keys themselves are there once. */
function requireDistinct(approvers: readonly Approver[], file: string): void {
  const seen = new Map<string, string>();
  const once = (kind: string, value: string, id: string): void => {
    const before = seen.get(`${kind} ${value}`);
    if (before !== undefined) {
      const owners = before === id ? `twice under ${id}` : `under ${before} and ${id}`;
      throw new UserError(`${file}: the ${kind} ${value} stands there ${owners}`, {
        hint: 'Every approver has an id and keys of their own. Remove one of the two.',
      });
    }
    seen.set(`${kind} ${value}`, id);
  };
  for (const { id, keys } of approvers) {
    once('id', id, id);
    for (const { kid, x } of keys) {
      once('kid', kid, id);
      once('key', x, id);
    }
  }
}

function labelOf(entry: unknown, index: number): string {
  const id = typeof entry === 'object' && entry !== null ? (entry as { readonly id?: unknown }).id : undefined;
  return typeof id === 'string' && isName(id) ? `${index + 1} (${id})` : String(index + 1);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function issuesOf(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`).join('; ');
}
