// The thread that checks a long draft, for check-draft.ts.
import { parentPort, workerData } from 'node:worker_threads';
import type { DraftToCheck } from './check-draft.ts';
import { checkHere } from './check-draft.ts';

parentPort?.postMessage(await checkHere(workerData as DraftToCheck));
