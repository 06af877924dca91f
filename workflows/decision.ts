// Reads and verifies a decision inside the sandbox: a compact EdDSA JWS (RFC 7515, RFC 8037) by a key of the snapshot that was
// taken with the request. Pure. Nothing in a decision can name its own key or algorithm.
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { ApproverKey, DecisionClaims, DecisionRefusal } from './protocol/index.ts';
import {
  DECISION_KINDS,
  DECISION_TYPE,
  editedBytes,
  MAX_REASON_CHARS,
  MAX_TOOL_ARGUMENTS_BYTES,
  WIRE_VERSION,
} from './protocol/index.ts';

/** Longer ones are not looked at. */
const MAX_JWS_CHARS = 16 * 1024;

export interface ReadDecision {
  readonly claims: DecisionClaims;
  readonly kid: string;
  /** What was signed, and by what. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** The claims of a decision, unverified; `undefined` for anything that is not one. */
export function readDecision(jws: unknown): ReadDecision | undefined {
  if (typeof jws !== 'string' || jws.length > MAX_JWS_CHARS) return undefined;
  const [header, payload, signature, ...rest] = jws.split('.');
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) return undefined;
  const kid = kidOf(parse(header));
  const claims = claimsOf(parse(payload));
  const bytes = fromBase64Url(signature);
  if (kid === undefined || claims === undefined || bytes?.length !== 64) return undefined;
  return { claims, kid, signed: ascii(`${header}.${payload}`), signature: bytes };
}

/** Why the signature does not hold, or `undefined` if it does. */
export function signatureRefusal(decision: ReadDecision, keys: readonly ApproverKey[]): DecisionRefusal | undefined {
  const key = keys.find((each) => each.kid === decision.kid && each.approver === decision.claims.approver);
  const publicKey = key === undefined ? undefined : fromBase64Url(key.x);
  if (publicKey?.length !== 32) return 'unknown-approver';
  try {
    return ed25519.verify(decision.signature, decision.signed, publicKey) ? undefined : 'bad-signature';
  } catch {
    return 'bad-signature';
  }
}

/** Why what came with a decision is not what was signed, or `undefined` if it is. An edit comes with an object, a response may come with a value. */
export function bindingRefusal({ claims }: ReadDecision, edited: unknown): DecisionRefusal | undefined {
  if (claims.editedHash === undefined) return edited === undefined ? undefined : 'malformed';
  if (typeof edited !== 'string' || edited.length > MAX_TOOL_ARGUMENTS_BYTES) return 'malformed';
  const value = parseText(edited);
  if (claims.decision === 'edit' ? !isRecord(value) : value === undefined) return 'malformed';
  const hash = bytesToHex(sha256(utf8ToBytes(editedBytes(claims.jti, edited))));
  return claims.editedHash === `sha256:${hash}` ? undefined : 'not-bound';
}

/** Exactly `alg`, `kid` and `typ`: an embedded key, a critical extension or another algorithm is not looked at. */
function kidOf(header: unknown): string | undefined {
  if (!isRecord(header) || Object.keys(header).sort().join() !== 'alg,kid,typ') return undefined;
  const { alg, kid, typ } = header;
  return alg === 'EdDSA' && typ === DECISION_TYPE && isText(kid, 200) ? kid : undefined;
}

function claimsOf(value: unknown): DecisionClaims | undefined {
  if (!isRecord(value)) return undefined;
  const { v, requestHash, decision, approver, iat, exp, jti, reason, proof, editedHash, delegate } = value;
  const sound =
    v === WIRE_VERSION &&
    isText(requestHash, 200) &&
    requestHash.startsWith('hmac-sha256:') &&
    (DECISION_KINDS as readonly unknown[]).includes(decision) &&
    hasFittingHash(decision, editedHash) &&
    (decision === 'delegate' ? isText(delegate, 200) : delegate === undefined) &&
    isText(approver, 200) &&
    isTime(iat) &&
    isTime(exp) &&
    isText(jti, 200) &&
    typeof reason === 'string' &&
    reason.length <= MAX_REASON_CHARS &&
    (decision !== 'respond' || reason !== '' || editedHash !== undefined) &&
    isRecord(proof) &&
    (proof['kind'] === 'jws' || proof['kind'] === 'gateway');
  return sound ? (value as unknown as DecisionClaims) : undefined;
}

function hasFittingHash(decision: unknown, hash: unknown): boolean {
  if (decision === 'edit') return isText(hash, 200);
  return hash === undefined || (decision === 'respond' && isText(hash, 200));
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isText = (value: unknown, max: number): value is string =>
  typeof value === 'string' && value !== '' && value.length <= max;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(base64Url: string): unknown {
  const bytes = fromBase64Url(base64Url);
  if (bytes === undefined) return undefined;
  try {
    return parseText(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const VALUES: ReadonlyMap<string, number> = new Map([...ALPHABET].map((character, value) => [character, value]));

/** Base64url without padding (RFC 4648, section 5); `undefined` for anything else. The sandbox has no decoder of its own. */
function fromBase64Url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of text) {
    const value = VALUES.get(character);
    if (value === undefined) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (held >> bits) & 0xff;
  }
  return bytes;
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0) & 0x7f);
