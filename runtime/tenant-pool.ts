// Connections that act for one tenant at a time. PostgreSQL itself holds back the rows of others: its policies read the setting that
// is made here. A connection changes over to another tenant only while nothing runs on it, and knows when it was opened anew.
import type { Sql } from './database.ts';

/** What policies read (`current_setting`); without it every statement on a table of tenants fails. */
export const TENANT_SETTING = 'countersign.tenant';

interface Slot {
  readonly sql: Sql;
  tenant: string | undefined;
  /** Set while the connection changes over. */
  entering: Promise<void> | undefined;
  running: number;
  lastUsed: number;
}

interface Waiting {
  readonly tenant: string;
  readonly take: (slot: Slot) => void;
}

export interface TenantPool {
  /** Runs one statement for a tenant. The usual one, of the tenant before, costs no further round trip. */
  run<T>(tenant: string, statement: (sql: Sql) => PromiseLike<T>): Promise<T>;
  end(): Promise<void>;
}

/**
 * @param open makes a pool of one connection; calls `onClose` whenever that connection was lost or closed
 * @param size connections at most; each opens when it is first needed
 */
export function createTenantPool(open: (onClose: () => void) => Sql, size: number): TenantPool {
  const slots: Slot[] = [];
  const waiting: Waiting[] = [];
  let uses = 0;

  function add(): Slot {
    const slot: Slot = {
      sql: open(() => {
        slot.tenant = undefined;
        slot.entering = undefined;
      }),
      tenant: undefined,
      entering: undefined,
      running: 0,
      lastUsed: 0,
    };
    slots.push(slot);
    return slot;
  }

  /** One that is idle, of this tenant first; else a new one; else one that works for this tenant. */
  function free(tenant: string): Slot | undefined {
    const idle = slots.filter((slot) => slot.running === 0);
    const own = idle.find((slot) => slot.tenant === tenant);
    if (own !== undefined) return own;
    if (slots.length < size && slots.every((slot) => slot.running > 0 || slot.tenant !== undefined)) return add();
    const longestUnused = idle.sort((a, b) => a.lastUsed - b.lastUsed)[0];
    if (longestUnused !== undefined) return longestUnused;
    return slots.filter((slot) => slot.tenant === tenant).sort((a, b) => a.running - b.running)[0];
  }

  function take(slot: Slot, tenant: string): Slot {
    slot.running += 1;
    slot.lastUsed = ++uses;
    if (slot.tenant !== tenant) {
      slot.tenant = tenant;
      slot.entering = enter(slot, tenant);
    }
    return slot;
  }

  async function enter(slot: Slot, tenant: string): Promise<void> {
    try {
      await slot.sql`select set_config(${TENANT_SETTING}, ${tenant}, false)`;
      if (slot.tenant === tenant) slot.entering = undefined;
    } catch (error) {
      slot.tenant = undefined;
      slot.entering = undefined;
      throw error;
    }
  }

  function release(slot: Slot): void {
    slot.running -= 1;
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const found = free(next.tenant);
      if (found === undefined) return;
      waiting.shift();
      next.take(take(found, next.tenant));
    }
  }

  /** In turn: a busy tenant does not keep the others from their share. */
  function acquire(tenant: string): Slot | Promise<Slot> {
    const found = waiting.length === 0 ? free(tenant) : undefined;
    if (found !== undefined) return take(found, tenant);
    return new Promise((resolve) => {
      waiting.push({ tenant, take: resolve });
    });
  }

  return {
    async run(tenant, statement) {
      const acquired = acquire(tenant);
      const slot = acquired instanceof Promise ? await acquired : acquired;
      try {
        if (slot.entering !== undefined) await slot.entering;
        return await statement(slot.sql);
      } finally {
        release(slot);
      }
    },
    async end() {
      await Promise.all(slots.map(({ sql }) => sql.end({ timeout: 5 })));
    },
  };
}
