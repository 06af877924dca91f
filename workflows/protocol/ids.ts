// Ids: `tenant/kind/ulid`, without user data, usable as Temporal workflow ids. Pure; safe in the workflow sandbox.

/** A run's id and its Temporal workflow id: `tenant/kind/ulid`, for example `default/answer/01JD…`. */
export type RunId = `${string}/${string}/${string}`;

/** Content digest: lower-case hex SHA-256 with its algorithm in front, for example `sha256:9f86…`. */
export type Digest = `sha256:${string}`;

/** Keyed hash of content: HMAC-SHA-256 under the run's key, hex, with its algorithm in front. */
export type KeyedHash = `hmac-sha256:${string}`;

/** Place of a step in its run: parent path / step name # ordinal, for example `answer/retrieve#1`. */
export type StepPath = string;

export const DEFAULT_TENANT = 'default';

const TENANT = /^[a-z0-9][a-z0-9-]{0,62}$/;
const KIND = /^[A-Za-z][A-Za-z0-9-]{0,62}$/;
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

export function isTenant(value: string): boolean {
  return TENANT.test(value);
}

/** Whether the text can be a workflow type, and so the kind in a run id. */
export function isKind(value: string): boolean {
  return KIND.test(value);
}

export interface RunIdParts {
  readonly tenant: string;
  readonly kind: string;
  readonly ulid: string;
}

export function formatRunId(parts: RunIdParts): RunId {
  const id: RunId = `${parts.tenant}/${parts.kind}/${parts.ulid}`;
  if (parseRunId(id) === undefined) throw new TypeError(`Not a run id: ${id}. Expected tenant/kind/ulid.`);
  return id;
}

/** The parts of a run id, or `undefined` if the text is not one. */
export function parseRunId(text: string): RunIdParts | undefined {
  const [tenant, kind, ulid, ...rest] = text.split('/');
  if (tenant === undefined || kind === undefined || ulid === undefined || rest.length > 0) return undefined;
  if (!TENANT.test(tenant) || !KIND.test(kind) || !ULID.test(ulid)) return undefined;
  return { tenant, kind, ulid };
}

/** Stands for the tenant of what belongs to none: no tenant can be called so. */
export const NO_TENANT = '-';

/** The tenant of an id `tenant/kind/ulid`; {@link NO_TENANT} for a text that is no such id. */
export const tenantOf = (id: string): string => parseRunId(id)?.tenant ?? NO_TENANT;
