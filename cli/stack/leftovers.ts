// What a killed supervisor left running on a home: it holds ports and files, and goes before anybody else works there.
import { CODEC_STOP } from './codec-process.ts';
import { POSTGRES_STOP } from './embedded-postgres.ts';
import { stopLeftover } from './processes.ts';
import { SHOP_STOP } from './shop-process.ts';
import { TEMPORAL_STOP } from './temporal-server.ts';
import { WORKER_STOP } from './worker-process.ts';

/** In the order in which they are stopped. */
const LEFTOVERS = [
  ['worker', WORKER_STOP],
  ['shop', SHOP_STOP],
  ['codec', CODEC_STOP],
  ['temporal', TEMPORAL_STOP],
  ['postgres', POSTGRES_STOP],
] as const;

type Leftover = (typeof LEFTOVERS)[number][0];

/** Only for whoever holds the lock of the home: on a home that runs, this stops its stack. */
export async function stopLeftovers(home: string, onStopped: (name: Leftover) => void = () => {}): Promise<void> {
  for (const [name, how] of LEFTOVERS) if (await stopLeftover(home, name, how)) onStopped(name);
}
