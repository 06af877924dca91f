// Moves labels on people's word: forward, when a gate has let the release pass, and back at once. The access policy is asked each time. Open
// runs stay with the release that they were admitted with, and no worker is restarted.
import { listDenials } from '../policies/denial-ledger.ts';
import { denialRules } from '../policies/denials.ts';
import { judgeRelease } from '../policies/judge-release.ts';
import type { AccessPolicy } from '../policies/load.ts';
import type { Database, Sql, Transaction } from '../runtime/database.ts';
import { UserError } from '../runtime/errors.ts';
import type { Digest, Principal } from '../workflows/protocol/index.ts';
import type { GateReport } from './gate-reports.ts';
import { listGateReports } from './gate-reports.ts';
import type { LabelState } from './labels.ts';
import { labelState, listMoves, movedMeanwhile, moveLabel, requireLabel, requireReason, wayTo } from './labels.ts';
import { findRelease, resolveRelease } from './registry.ts';
import type { Release } from './release.ts';
import { refOf } from './release.ts';

export interface MoveOptions {
  readonly db: Database;
  readonly tenant: string;
  /** Judged by the access policy, and noted. */
  readonly principal: Principal;
  readonly policy: AccessPolicy;
  readonly reason: string;
}

export interface PromoteOptions extends MoveOptions {
  /** `NAME@VERSION` or `NAME@LABEL`; a bare name is what `dev` points to. */
  readonly ref: string;
  readonly label: string;
  /** The release, as `NAME@VERSION` or a version, that the label is thought to be at. @default wherever it is */
  readonly expect?: string;
  /** Without a gate report that passed; noted as that. @default false */
  readonly unmeasured?: boolean;
}

export interface Moved {
  readonly name: string;
  readonly label: string;
  /** `null` where it pointed nowhere. */
  readonly from: string | null;
  readonly to: string;
  readonly digest: Digest;
  readonly revision: number;
  readonly gateReport: string | null;
  /** False when it was there already: nothing was written then. */
  readonly moved: boolean;
}

/** The label that releases are published to, and that nobody but their makers asks by. */
const UNGATED = 'dev';
/** The label that a gate compares with, where it is told no other. */
const COMPARED = 'production';

/**
 * @throws UserError for a release that is not there, that policy or a denial keeps back, or that no gate let pass; and when the label was
 *   moved meanwhile, or is not where `expect` says. It is unmoved then
 */
export async function promote(options: PromoteOptions): Promise<Moved> {
  const { db, tenant, ref, expect, unmeasured = false } = options;
  const label = requireLabel(options.label);
  const sql = db.of(tenant);
  const release = await resolveRelease(sql, tenant, ref, UNGATED);
  const { name } = release.body;
  requireReason(options.reason);
  const from = await labelState(sql, { tenant, name, label });
  const before = from.stable === undefined ? undefined : await findRelease(sql, tenant, from.stable);
  requireExpected(expect, before, `${name}@${label}`);
  const moved = { name, label, from: before === undefined ? null : refOf(before), to: refOf(release) };
  if (before?.digest === release.digest) {
    return { ...moved, digest: release.digest, revision: from.revision, gateReport: null, moved: false };
  }
  const { revision, gateReport } = await sql.begin(async (tx) => {
    await requireAllowed(tx, release, label, options);
    const latest = label === UNGATED ? undefined : await latestReport(tx, release, options);
    const gate = latest === undefined || whyNot(latest, label, from) !== undefined ? undefined : latest.id;
    if (gate === undefined && label !== UNGATED && !unmeasured) throw notMeasured(release, latest, label, from);
    const past = latest === undefined ? 'without a gate report' : `past gate report ${latest.id} (${latest.outcome})`;
    const reason = gate === undefined && label !== UNGATED ? `${past}: ${options.reason.trim()}` : options.reason;
    const move = { tenant, name, label, from, reason, kind: 'promote', to: release.digest } as const;
    const report = gate === undefined ? {} : { gateReport: gate };
    return { revision: await moveLabel(tx, { ...move, by: options.principal.id, ...report }), gateReport: gate };
  });
  return { ...moved, digest: release.digest, revision, gateReport: gateReport ?? null, moved: true };
}

export interface RollbackOptions extends MoveOptions {
  readonly name: string;
  readonly label: string;
  /** A version. @default where the label was before */
  readonly to?: string;
  /** The release, as `NAME@VERSION` or a version, that the label is thought to be at. @default wherever it is */
  readonly expect?: string;
}

/**
 * Needs no gate: what it goes back to has been there.
 *
 * @throws UserError when there is nothing to go back to, and as {@link promote}
 */
export async function rollback(options: RollbackOptions): Promise<Moved> {
  const { db, tenant, name } = options;
  const label = requireLabel(options.label);
  const sql = db.of(tenant);
  const [from, moves] = await Promise.all([
    labelState(sql, { tenant, name, label }),
    listMoves(sql, { tenant, name, label, limit: 10_000 }),
  ]);
  if (from.stable === undefined) {
    // Says which there are.
    await resolveRelease(sql, tenant, `${name}@${label}`, label);
  }
  // The two are read one after the other.
  if (moves[0] !== undefined && moves[0].revision !== from.revision)
    throw await movedMeanwhile(sql, { tenant, name, label });
  const way = wayTo(moves);
  const back = options.to === undefined ? way.at(-2) : await wasThere(sql, options, options.to, way);
  const release = back === undefined ? undefined : await findRelease(sql, tenant, back);
  if (release === undefined || from.stable === undefined) {
    throw new UserError(`There is nothing further back that ${name}@${label} could go to`, {
      hint: `\`countersign release history ${name} --label ${label}\` shows its moves. Promote another version instead.`,
    });
  }
  const before = await findRelease(sql, tenant, from.stable);
  const moved = { name, label, from: before === undefined ? null : refOf(before), to: refOf(release) };
  requireExpected(options.expect, before, `${name}@${label}`);
  const { digest } = release;
  if (digest === from.stable) return { ...moved, digest, revision: from.revision, gateReport: null, moved: false };
  await requireAllowed(sql, release, label, options);
  const { reason, principal } = options;
  const revision = await sql.begin(
    async (tx) =>
      await moveLabel(tx, { tenant, name, label, from, reason, kind: 'rollback', to: digest, by: principal.id }),
  );
  return { ...moved, digest, revision, gateReport: null, moved: true };
}

async function wasThere(
  sql: Sql,
  { tenant, name, label }: RollbackOptions,
  version: string,
  way: readonly Digest[],
): Promise<Digest> {
  const release = await resolveRelease(sql, tenant, version.includes('@') ? version : `${name}@${version}`, label);
  if (release.body.name === name && way.includes(release.digest)) return release.digest;
  throw new UserError(`${refOf(release)} is not on the way that ${name}@${label} came, so that is no rollback`, {
    hint: `\`countersign release promote ${refOf(release)} --to ${label}\` moves it there, past the gate.`,
  });
}

function requireExpected(expect: string | undefined, before: Release | undefined, what: string): void {
  if (expect === undefined) return;
  const is = before === undefined ? 'nowhere' : refOf(before);
  if (before !== undefined && (expect === is || expect === before.body.version || expect === before.digest)) return;
  if (before === undefined && expect === 'nowhere') return;
  throw new UserError(`${what} is at ${is}, not at ${expect}. It was left there.`, {
    hint: 'Somebody moved it. Look at its history, and move it again if that is still right.',
  });
}

async function requireAllowed(
  sql: Sql | Transaction,
  release: Release,
  label: string,
  { policy, principal, tenant }: MoveOptions,
): Promise<void> {
  const standing = await listDenials(sql, { tenant, standing: true });
  const denied = denialRules(standing, { release: refOf(release), principals: [principal.id] });
  const { decision, rules } = judgeRelease(policy, { principal, tenant, release: release.body, label }, denied);
  if (decision !== 'deny') return;
  const why = rules.length > 0 ? rules.join(', ') : 'no policy allows it';
  throw new UserError(`${principal.id} may not move ${label} to ${refOf(release)} (${why})`, {
    hint: 'docs/policies.md says who may release.',
  });
}

/** The latest of those that count: one that passed before counts no more once a later one did not. */
async function latestReport(
  tx: Transaction,
  release: Release,
  { tenant }: MoveOptions,
): Promise<GateReport | undefined> {
  const [latest] = await listGateReports(tx, { tenant, release: release.digest, limit: 1, counting: true });
  return latest;
}

/** Why a report does not let a label move; `undefined` when it does. */
function whyNot({ outcome, verdict }: GateReport, label: string, from: LabelState): string | undefined {
  if (outcome === 'failed') return 'did not let it pass';
  if (outcome === 'undecided') return 'is undecided';
  // What users have now must be what it was compared with.
  const { baselineDigest = null } = (verdict ?? {}) as { readonly baselineDigest?: string | null };
  if (label !== COMPARED || from.stable === undefined || baselineDigest === from.stable) return undefined;
  return `was not made against what ${label} points to now`;
}

function notMeasured(release: Release, latest: GateReport | undefined, label: string, from: LabelState): UserError {
  const ref = refOf(release);
  const said =
    latest === undefined
      ? 'no gate has measured it'
      : `its latest gate report, ${latest.id}, ${whyNot(latest, label, from)}`;
  return new UserError(`${ref} was not promoted: ${said}`, {
    hint: `Run \`countersign check release ${ref}\`. With --unmeasured it is moved all the same, and the history says so.`,
  });
}
