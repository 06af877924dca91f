// Denials in the ledger, as the gateway role writes them: who, what, when, why, and until when.
import { beforeAll, describe, expect, it } from 'vitest';
import type { LedgeredDenial, NewDenial } from '../../policies/denial-ledger.ts';
import { liftDenial, listDenials, placeDenial } from '../../policies/denial-ledger.ts';
import { denialRules } from '../../policies/denials.ts';
import { UserError } from '../../runtime/errors.ts';
import { useDatabase } from '../support/services.ts';

const database = useDatabase();
const sql = () => database.db('gateway').of(TENANT);
const TENANT = 'default';

beforeAll(async () => {
  for (const version of ['1.0.0', '1.1.0']) {
    const body = { tools: [{ definition: { name: 'refund' } }] };
    await sql()`insert into releases (tenant, digest, name, version, body, published_by)
      values (${TENANT}, ${`sha256:${version}`}, 'desk', ${version}, ${sql().json(body)}, 'ada')`;
  }
  await database.sql('owner')`insert into releases (tenant, digest, name, version, body, published_by)
    values ('acme', 'sha256:a', 'theirs', '1.0.0', '{"tools": [{"definition": {"name": "their_tool"}}]}', 'eve')`;
  await sql()`insert into release_labels (tenant, name, label, stable, moved_by)
    values (${TENANT}, 'desk', 'production', 'sha256:1.0.0', 'ada')`;
});

const place = async (change: Partial<NewDenial> = {}): Promise<LedgeredDenial> =>
  await placeDenial(sql(), { tenant: TENANT, kind: 'tool', name: 'refund', reason: 'INC-7', by: 'ada', ...change });
const faultOf = async (act: Promise<unknown>): Promise<UserError> => {
  const error = await act.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
};
const standing = async () => (await listDenials(sql(), { tenant: TENANT, standing: true })).map(({ id }) => id);

describe('a denial', () => {
  it('stands with who, when and why, until it is lifted with who, when and why', async () => {
    const placed = await place();
    expect(placed).toMatchObject({ kind: 'tool', name: 'refund', reason: 'INC-7', deniedBy: 'ada', liftedAt: null });
    expect(await standing()).toEqual([placed.id]);
    await liftDenial(sql(), { tenant: TENANT, id: placed.id, reason: 'solved', by: 'bob' });
    expect(await standing()).toEqual([]);
    const [lifted] = await listDenials(sql(), { tenant: TENANT });
    expect(lifted).toMatchObject({ id: placed.id, reason: 'INC-7', liftedBy: 'bob', liftReason: 'solved' });
    expect(lifted?.liftedAt).toBeInstanceOf(Date);
  });

  it.each([
    ['desk', 'desk'],
    ['desk@1.1.0', 'desk@1.1.0'],
    ['desk@production', 'desk@1.0.0'],
  ])('of the release %s is one of %s', async (name, stored) => {
    expect((await place({ kind: 'release', name })).name).toBe(stored);
  });

  it('of a principal that nobody has seen yet is taken', async () => {
    expect((await place({ kind: 'principal', name: 'eve@example.com' })).name).toBe('eve@example.com');
  });

  it.each([
    ['tool', 'refnd', 'There are: refund.'],
    ['tool', 'their_tool', 'There are: refund.'],
    ['release', 'dsk', 'There are: desk, desk@1.0.0, desk@1.1.0, desk@production.'],
    ['release', 'desk@2.0.0', 'There are: desk, desk@1.0.0'],
    ['release', 'theirs', 'There are: desk'],
  ] as const)('of a %s that is a slip (%s) denies nothing, and says so', async (kind, name, hint) => {
    const before = await listDenials(sql(), { tenant: TENANT });
    const error = await faultOf(place({ kind, name }));
    expect(error.message).toBe(`No ${kind} ${name} in the releases of tenant default: nothing was denied`);
    expect(error.hint).toContain(hint);
    expect(await listDenials(sql(), { tenant: TENANT })).toEqual(before);
  });

  it.each([
    ['reason', { reason: ' ' }],
    ['reason', { reason: 'x'.repeat(501) }],
    ['name of who denies', { by: '' }],
    ['name of the principal', { kind: 'principal', name: '' }],
  ] as const)('needs a %s: %j', async (what, change) => {
    expect(await faultOf(place(change))).toMatchObject({ message: `A denial needs a ${what}`, exitCode: 64 });
  });

  it('is lifted once, in its own tenant, and with a reason', async () => {
    const { id } = await place();
    const lift = { tenant: TENANT, id, reason: 'solved', by: 'bob' };
    expect((await faultOf(liftDenial(sql(), { ...lift, reason: '' }))).message).toBe('A denial needs a reason');
    expect((await faultOf(liftDenial(sql(), { ...lift, tenant: 'acme' }))).message).toContain('stands in tenant acme');
    expect(await standing()).toContain(id);
    await liftDenial(sql(), lift);
    expect((await faultOf(liftDenial(sql(), lift))).message).toBe(`No denial ${id} stands in tenant default`);
  });

  it('is not there twice under one id, and no half of a lift can be written', async () => {
    const { id } = await place();
    const half = sql()`update access_denials set lifted_at = now() where tenant = ${TENANT} and id = ${id}`;
    await expect(half).rejects.toThrow('violates check constraint');
  });
});

describe('the rules of denials', () => {
  const denial = (id: string, kind: 'tool' | 'release' | 'principal', name: string) => ({ id, kind, name });
  it('are those that hit, in order, each by its kind', () => {
    const list = [
      denial('c', 'principal', 'ada'),
      denial('b', 'release', 'desk'),
      denial('a', 'tool', 'refund'),
      denial('d', 'tool', 'ada'),
      denial('e', 'release', 'desk@2.0.0'),
      denial('f', 'principal', 'refund'),
    ];
    const target = { tool: 'refund', release: 'desk@1.0.0', principals: ['bob', 'ada'] };
    expect(denialRules(list, target)).toEqual(['deny-now:a', 'deny-now:b', 'deny-now:c']);
    expect(denialRules(list, { principals: [] })).toEqual([]);
  });
});
