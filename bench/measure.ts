// Runs contenders in turns and times them at the driver, from the start to the result in hand.
import { readFileSync } from 'node:fs';
import type { Contender } from './contenders.ts';
import { sum } from './statistics.ts';

export interface Phase {
  /** Requests under way at a time. */
  readonly concurrency: number;
  /** Turns of each contender, interleaved, so that a machine that slows down slows all alike. */
  readonly rounds: number;
  /** Requests of one contender in one round. */
  readonly requests: number;
}

/** One contender's turn. */
export interface Slice {
  readonly latenciesMs: readonly number[];
  readonly wallMs: number;
  /** Processor time of all requests together. `null` where it cannot be read. */
  readonly cpuMs: { readonly worker: number; readonly driver: number; readonly temporal: number | null };
  readonly workflowIds: readonly string[];
}

export interface MeasureOptions {
  readonly contenders: readonly Contender[];
  readonly phase: Phase;
  readonly temporalPid: number;
  readonly onSlice?: (round: number, contender: Contender, slice: Slice) => void;
}

/** By contender, a slice a round. The one that begins changes from round to round. */
export async function measure(options: MeasureOptions): Promise<ReadonlyMap<Contender, readonly Slice[]>> {
  const { contenders, phase, temporalPid, onSlice } = options;
  const slices = new Map<Contender, Slice[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < phase.rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length];
      if (contender === undefined) continue;
      const slice = await runSlice(contender, phase, temporalPid);
      slices.get(contender)?.push(slice);
      onSlice?.(round, contender, slice);
    }
  }
  return slices;
}

async function runSlice(contender: Contender, phase: Phase, temporalPid: number): Promise<Slice> {
  const { requests, concurrency } = phase;
  const latenciesMs: number[] = [];
  const workflowIds: string[] = [];
  const before = await cpuNow(contender, temporalPid);
  const began = performance.now();
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < requests) {
      const n = next++;
      const started = performance.now();
      workflowIds.push(await contender.request(n));
      latenciesMs.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  const wallMs = performance.now() - began;
  const after = await cpuNow(contender, temporalPid);
  const temporal = before.temporal === null || after.temporal === null ? null : after.temporal - before.temporal;
  const cpuMs = { worker: after.worker - before.worker, driver: after.driver - before.driver, temporal };
  return { latenciesMs, wallMs, cpuMs, workflowIds };
}

async function cpuNow(contender: Contender, temporalPid: number): Promise<Slice['cpuMs']> {
  const { user, system } = process.cpuUsage();
  return {
    worker: (await contender.worker.usage()).cpuMs,
    driver: (user + system) / 1000,
    temporal: cpuOf(temporalPid),
  };
}

const MS_PER_TICK = 10;

/** User and system time of another process, on Linux. */
function cpuOf(pid: number): number | null {
  try {
    // After the command's name, which may hold spaces: state, then the fields from the fourth on. 14 and 15 are the times.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const ticks = sum([Number(fields[11]), Number(fields[12])]);
    return Number.isFinite(ticks) ? ticks * MS_PER_TICK : null;
  } catch {
    return null;
  }
}
