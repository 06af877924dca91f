// What the sample shop keeps, in one SQLite file: orders, refunds, mails, and a line for each request that could have an effect.
// What was answered is on disk: a kill -9 takes none of it back.
import type { DatabaseSync } from 'node:sqlite';
import type { OrderItem, OrderSeed } from './orders.ts';
import { CURRENCY, ORDERS } from './orders.ts';
import { inTransaction, openDatabase } from './sqlite.ts';

export interface Order extends Omit<OrderSeed, 'items'> {
  readonly items: readonly OrderItem[];
  readonly currency: string;
  readonly totalCents: number;
  /** So far. */
  readonly refundedCents: number;
}

export interface RefundRequest {
  readonly orderId: string;
  readonly amountCents: number;
  readonly currency: string;
  readonly reason: string;
}

export interface Refund extends RefundRequest {
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
}

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly body: string;
}

export interface Counts {
  /** Well-formed requests for a refund, repeated and refused ones included. */
  readonly refundRequests: number;
  /** Distinct keys among them. */
  readonly refundKeys: number;
  readonly refunds: number;
  readonly refundedCents: number;
  readonly mails: number;
}

export type RefundOutcome =
  | { readonly kind: 'made' | 'repeated'; readonly refund: Refund }
  | { readonly kind: 'no-order' | 'other-body' | 'not-refundable'; readonly message: string };

export interface ShopStore {
  order(id: string): Order | undefined;
  /** A new order with the customer and the items of an earlier one, nothing of it refunded. */
  orderLike(id: string): Order | undefined;
  refund(key: string, request: RefundRequest): RefundOutcome;
  mail(mail: Mail): string;
  refunds(): readonly Refund[];
  mails(): readonly (Mail & { readonly id: string; readonly at: string })[];
  counts(): Counts;
  close(): void;
}

const SCHEMA = `
  create table if not exists orders (
    id text primary key, customer_name text not null, customer_email text not null, items text not null,
    total_cents integer not null, currency text not null, delivered_at text, status text not null
  ) strict;
  create table if not exists refunds (
    id text primary key, idempotency_key text not null unique, order_id text not null references orders (id),
    amount_cents integer not null check (amount_cents > 0), currency text not null, reason text not null, at text not null
  ) strict;
  create table if not exists mails (
    id text primary key, recipient text not null, subject text not null, body text not null, at text not null
  ) strict;
  create table if not exists requests (
    id integer primary key, route text not null, idempotency_key text, at text not null
  ) strict;`;

const REFUND_COLUMNS = 'id, order_id as "orderId", amount_cents as "amountCents", currency, reason, at';

/** @param file made when missing, for its owner only */
export function openStore(file: string): ShopStore {
  const db = openDatabase(file, SCHEMA);
  seed(db);
  const all = <T>(sql: string, ...values: readonly (string | number)[]): readonly T[] =>
    db.prepare(sql).all(...values) as unknown as readonly T[];
  const one = <T>(sql: string, ...values: readonly (string | number)[]): T | undefined => all<T>(sql, ...values)[0];
  const now = (): string => new Date().toISOString();
  const noteRequest = (route: string, key: string | null): void => {
    db.prepare('insert into requests (route, idempotency_key, at) values (?, ?, ?)').run(route, key, now());
  };
  const nextId = (prefix: string, table: 'refunds' | 'mails'): string =>
    `${prefix}-${5001 + (one<{ n: number }>(`select count(*) as n from ${table}`)?.n ?? 0)}`;

  const store: ShopStore = {
    order(id) {
      const row = one<OrderRow>('select * from orders where id = ?', id);
      return row === undefined ? undefined : { ...toOrder(row), refundedCents: refundedOf(id) };
    },
    orderLike(id) {
      return inTransaction(db, () => {
        if (store.order(id) === undefined) return undefined;
        const { last } = one<{ last: number }>('select max(cast(substr(id, 3) as integer)) as last from orders') ?? {
          last: 0,
        };
        const next = `A-${last + 1}`;
        db.prepare(
          `insert into orders (id, customer_name, customer_email, items, total_cents, currency, delivered_at, status)
           select ?, customer_name, customer_email, items, total_cents, currency, delivered_at, status from orders where id = ?`,
        ).run(next, id);
        return store.order(next);
      });
    },
    refund(key, request) {
      return inTransaction(db, () => {
        noteRequest('POST /refunds', key);
        const earlier = one<Refund>(`select ${REFUND_COLUMNS} from refunds where idempotency_key = ?`, key);
        if (earlier !== undefined) {
          if (isSame(earlier, request)) return { kind: 'repeated', refund: earlier };
          return { kind: 'other-body', message: 'This idempotency key was used for another refund.' };
        }
        const order = store.order(request.orderId);
        if (order === undefined) return { kind: 'no-order', message: `There is no order ${request.orderId}.` };
        const left = order.totalCents - order.refundedCents;
        if (request.currency !== order.currency)
          return { kind: 'not-refundable', message: `Order ${order.id} was paid in ${order.currency}.` };
        if (request.amountCents > left)
          return { kind: 'not-refundable', message: `Of order ${order.id} only ${left} cents are left to refund.` };
        const refund: Refund = { id: nextId('R', 'refunds'), ...request, at: now() };
        db.prepare(
          `insert into refunds (id, idempotency_key, order_id, amount_cents, currency, reason, at) values (?, ?, ?, ?, ?, ?, ?)`,
        ).run(refund.id, key, refund.orderId, refund.amountCents, refund.currency, refund.reason, refund.at);
        return { kind: 'made', refund };
      });
    },
    mail({ to, subject, body }) {
      return inTransaction(db, () => {
        noteRequest('POST /mails', null);
        const id = nextId('M', 'mails');
        db.prepare('insert into mails (id, recipient, subject, body, at) values (?, ?, ?, ?, ?)').run(
          ...[id, to, subject, body, now()],
        );
        return id;
      });
    },
    refunds: () => all(`select ${REFUND_COLUMNS} from refunds order by rowid`),
    mails: () => all('select id, recipient as "to", subject, body, at from mails order by rowid'),
    counts: () =>
      one<Counts>(`select
        (select count(*) from requests where route = 'POST /refunds') as "refundRequests",
        (select count(distinct idempotency_key) from requests where route = 'POST /refunds') as "refundKeys",
        (select count(*) from refunds) as refunds,
        (select coalesce(sum(amount_cents), 0) from refunds) as "refundedCents",
        (select count(*) from mails) as mails`) as Counts,
    close: () => db.close(),
  };

  function refundedOf(id: string): number {
    return one<{ n: number }>('select coalesce(sum(amount_cents), 0) as n from refunds where order_id = ?', id)?.n ?? 0;
  }
  return store;
}

interface OrderRow {
  readonly id: string;
  readonly customer_name: string;
  readonly customer_email: string;
  /** JSON. */
  readonly items: string;
  readonly total_cents: number;
  readonly currency: string;
  readonly delivered_at: string | null;
  readonly status: Order['status'];
}

const toOrder = (row: OrderRow): Omit<Order, 'refundedCents'> => ({
  id: row.id,
  customer: { name: row.customer_name, email: row.customer_email },
  items: JSON.parse(row.items) as readonly OrderItem[],
  totalCents: row.total_cents,
  currency: row.currency,
  status: row.status,
  deliveredAt: row.delivered_at,
});

function seed(db: DatabaseSync): void {
  const insert = db.prepare(
    `insert into orders (id, customer_name, customer_email, items, total_cents, currency, delivered_at, status)
     values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
  );
  inTransaction(db, () => {
    for (const { id, customer, items, status, deliveredAt } of ORDERS) {
      const total = items.reduce((sum, { cents }) => sum + cents, 0);
      insert.run(id, customer.name, customer.email, JSON.stringify(items), total, CURRENCY, deliveredAt, status);
    }
  });
}

function isSame(refund: Refund, request: RefundRequest): boolean {
  const fields = ['orderId', 'amountCents', 'currency', 'reason'] as const;
  return fields.every((field) => refund[field] === request[field]);
}
