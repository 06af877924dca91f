// The notifier of a worker: looks in the ledger every two seconds, and has a lane for each channel, so that a dead or slow receiver holds
// up no other. Runs know nothing of it: it reads what they have written.
import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Database } from '../runtime/database.ts';
import type { RunKeys } from '../runtime/keys/index.ts';
import type { Channel, Channels } from './channels.ts';
import { deliver } from './deliver.ts';
import { claim, tenantsToNotify, tidy, writeDue } from './outbox.ts';

export interface NotifierOptions extends Channels {
  readonly db: Database;
  readonly runKeys: RunKeys;
  readonly log?: Pick<Logger, 'warn' | 'error'>;
}

export interface Notifier {
  start(): void;
  /** Takes nothing new, and cuts off what is being sent: another worker sends it again. */
  stop(): Promise<void>;
}

const EVERY_MS = 2_000;
/** Between two looks at all approvals: for reminders, for what expired, and for what a short look missed. */
const FULL_EVERY_MS = 30_000;
/** How far a short look goes back: longer than a transaction or a pause takes. */
const SHORT_LOOK_MS = 5 * 60_000;
/** As long as an approval can wait, and a week. */
const FULL_LOOK_MS = 373 * 24 * 3_600_000;
/** Sent at once to one channel, by one worker. */
const AT_ONCE = 4;

export function createNotifier({ db, runKeys, link, channels, log }: NotifierOptions): Notifier {
  const stopping = new AbortController();
  const { signal } = stopping;
  const delivering = { runKeys, signal, ...(link !== undefined && { link }), ...(log !== undefined && { log }) };
  /** Lanes under way by channel, each with the tenants that it still goes through. */
  const lanes = new Map<string, { readonly tenants: Set<string>; readonly done: Promise<void> }>();
  let loop: Promise<void> | undefined;

  async function look(lookBackMs: number): Promise<void> {
    for (const tenant of await tenantsToNotify(db, lookBackMs)) {
      const hearing = channels.filter((channel) => hears(channel, tenant));
      if (hearing.length === 0) continue;
      await writeDue(db.of(tenant), { tenant, channels: hearing, lookBackMs });
      await tidy(db.of(tenant), tenant);
      for (const channel of hearing) openLane(channel, tenant);
    }
  }

  function openLane(channel: Channel, tenant: string): void {
    const { name } = channel;
    const open = lanes.get(name);
    if (open !== undefined) open.tenants.add(tenant);
    if (open !== undefined || signal.aborted) return;
    const tenants = new Set([tenant]);
    const done = drain(channel, tenants)
      .catch((error: unknown) => log?.error({ err: error, channel: name }, 'notifications not read'))
      .finally(() => lanes.delete(name));
    lanes.set(name, { tenants, done });
  }

  /** Until nothing is due. A tenant with much to tell takes turns with the others. */
  async function drain(channel: Channel, tenants: Set<string>): Promise<void> {
    // What is added meanwhile is reached by the same loop.
    for (const tenant of tenants) {
      if (signal.aborted) return;
      const sql = db.of(tenant);
      tenants.delete(tenant);
      const claimed = await claim(sql, { tenant, channel: channel.name, limit: AT_ONCE });
      // All of them are over before one that failed ends the lane.
      const ended = await Promise.allSettled(claimed.map((each) => deliver(sql, channel, each, delivering)));
      for (const each of ended) if (each.status === 'rejected') throw each.reason;
      if (claimed.length > 0) tenants.add(tenant);
    }
  }

  async function run(): Promise<void> {
    let fullAtMs = Number.NEGATIVE_INFINITY;
    let isAway = false;
    while (!signal.aborted) {
      const isFull = performance.now() - fullAtMs >= FULL_EVERY_MS;
      try {
        await look(isFull ? FULL_LOOK_MS : SHORT_LOOK_MS);
        if (isFull) fullAtMs = performance.now();
        isAway = false;
      } catch (error) {
        // Once an outage, not every two seconds.
        if (!isAway && !signal.aborted) log?.error({ err: error }, 'notifications not read');
        isAway = true;
      }
      await setTimeout(EVERY_MS, undefined, { signal }).catch(() => {});
    }
  }

  return {
    start() {
      loop ??= run();
    },
    async stop() {
      stopping.abort();
      await loop;
      await Promise.all([...lanes.values()].map(({ done }) => done));
    },
  };
}

const hears = ({ tenants }: Channel, tenant: string): boolean => tenants === 'all' || tenants.includes(tenant);
