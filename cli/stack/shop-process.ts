// The sample shop of the local stack: a process of its own, on the same port when it is started again. Data in `shop.db`.
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../runtime/errors.ts';
import { siblingModule } from '../../runtime/sibling-module.ts';
import type { KeptProcess, KeptProcessOptions } from './kept-process.ts';
import { keepProcess } from './kept-process.ts';
import { LOOPBACK, pickPort, USUAL_PORTS } from './ports.ts';

const ENTRY = siblingModule('../../examples/shop/service', import.meta.url);

const READY_TIMEOUT_MS = 30_000;
export const SHOP_STOP = { signal: 'SIGTERM', graceMs: 5000 } as const;

const readySchema = z.object({ type: z.literal('ready'), port: z.number().int().positive() });

type ShopReady = z.infer<typeof readySchema>;

export type ShopOptions = Pick<KeptProcessOptions<ShopReady>, 'home' | 'onPid' | 'onLine'>;

export type ShopProcess = KeptProcess<ShopReady>;

/**
 * Starts the shop and returns once it listens.
 *
 * @throws UserError when it ends or stays silent before that
 */
export async function startShopProcess(options: ShopOptions, signal: AbortSignal): Promise<ShopProcess> {
  const start = async (port: number): Promise<ShopProcess> =>
    await keepProcess<ShopReady>(
      {
        ...options,
        name: 'shop',
        entry: ENTRY,
        // The worker was told where it is, so it stays there.
        args: (before) => ['--data', join(options.home, 'shop.db'), '--port', String(before?.port ?? port)],
        env: { PATH: '/usr/bin:/bin', TZ: 'UTC' },
        cwd: options.home,
        readySchema,
        readyTimeoutMs: READY_TIMEOUT_MS,
        stop: SHOP_STOP,
      },
      signal,
    );
  try {
    return await start(await pickPort(USUAL_PORTS.shop));
  } catch (error) {
    // Somebody took the port between the look and the start.
    if (messageOf(error).includes('EADDRINUSE')) return await start(0);
    throw error;
  }
}

export const shopUrl = ({ ready }: ShopProcess): string => `http://${LOOPBACK}:${ready.port}`;
