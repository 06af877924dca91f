// The figures of a bench run, computed from its slices: as JSON for machines and as a table for people. Pure.
import { alignTable } from '../cli/output.ts';
import type { Contender } from './contenders.ts';
import type { HistoryFigures } from './histories.ts';
import type { Phase, Slice } from './measure.ts';
import type { Spread } from './statistics.ts';
import { median, percentile, spreadOf, sum } from './statistics.ts';

export interface Machine {
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
  readonly node: string;
}

export interface Load {
  readonly concurrency: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly perSecond: number;
  /** Processor time a request. */
  readonly cpuMs: { readonly worker: number; readonly driver: number; readonly temporal: number | null };
  /** Against the naive contender of the same flow, under the same load; absent for itself and where there is none. */
  readonly toNaive?: {
    /** Ratio of the medians: below 1 is faster. */
    readonly p50: number;
    /** The same ratio in each round: how far it can be trusted. */
    readonly p50ByRound: Spread;
    readonly perSecond: number;
  };
}

export interface Figures {
  readonly name: string;
  readonly flow: Contender['flow'];
  readonly kind: Contender['kind'];
  readonly history: HistoryFigures;
  readonly loads: readonly Load[];
}

export interface Report {
  readonly v: 1;
  readonly machine: Machine;
  readonly quick: boolean;
  readonly seconds: number;
  /** What was checked before these numbers were given out. */
  readonly checks: { readonly runs: number; readonly traces: number; readonly replayed: number };
  readonly contenders: readonly Figures[];
}

export interface Measured {
  readonly contender: Contender;
  readonly history: HistoryFigures;
  readonly phases: readonly { readonly phase: Phase; readonly slices: readonly Slice[] }[];
}

export function figuresOf(all: readonly Measured[]): readonly Figures[] {
  return all.map(({ contender, history, phases }) => {
    const naive = all.find((other) => other.contender.flow === contender.flow && other.contender.kind === 'naive');
    const loads = phases.map(({ phase, slices }): Load => {
      const load = loadOf(phase, slices);
      const theirs = naive?.phases.find((other) => other.phase === phase)?.slices;
      if (naive === undefined || naive.contender === contender || theirs === undefined) return load;
      const baseline = loadOf(phase, theirs);
      const byRound = slices.map(
        (slice, round) => median(slice.latenciesMs) / median(theirs[round]?.latenciesMs ?? []),
      );
      const toNaive = {
        p50: load.p50Ms / baseline.p50Ms,
        p50ByRound: spreadOf(byRound),
        perSecond: load.perSecond / baseline.perSecond,
      };
      return { ...load, toNaive };
    });
    const { name, flow, kind } = contender;
    return { name, flow, kind, history, loads };
  });
}

function loadOf({ concurrency }: Phase, slices: readonly Slice[]): Load {
  const latencies = slices.flatMap((slice) => slice.latenciesMs);
  const requests = latencies.length;
  const each = (of: (slice: Slice) => number): number => sum(slices.map(of)) / requests;
  const temporal = slices.some((slice) => slice.cpuMs.temporal === null)
    ? null
    : each((slice) => slice.cpuMs.temporal ?? 0);
  return {
    concurrency,
    requests,
    p50Ms: percentile(latencies, 0.5),
    p95Ms: percentile(latencies, 0.95),
    perSecond: (requests * 1000) / sum(slices.map((slice) => slice.wallMs)),
    cpuMs: { worker: each((slice) => slice.cpuMs.worker), driver: each((slice) => slice.cpuMs.driver), temporal },
  };
}

export function tablesOf(contenders: readonly Figures[]): string {
  const concurrencies = contenders[0]?.loads.map((load) => load.concurrency) ?? [];
  const tables = concurrencies.map((concurrency) => {
    const rows = contenders.flatMap((figures) => {
      const load = figures.loads.find((each) => each.concurrency === concurrency);
      return load === undefined ? [] : [rowOf(figures.name, load)];
    });
    const head = [
      `${concurrency} at a time`,
      'p50 ms',
      'p95 ms',
      'p50 to naive',
      'by round',
      'a second',
      'CPU ms: worker',
    ];
    return alignTable([[...head, 'driver', 'server'], ...rows]);
  });
  const histories = contenders.map(({ name, history }) =>
    [
      name,
      history.events,
      history.workflowTasks,
      history.activities,
      history.localActivities,
      (history.bytes / 1024).toFixed(1),
    ].map(String),
  );
  const head = ['history', 'events', 'workflow tasks', 'activities', 'local', 'KiB'];
  return [...tables, alignTable([head, ...histories])].join('\n\n');
}

function rowOf(name: string, { p50Ms, p95Ms, perSecond, cpuMs, toNaive }: Load): string[] {
  const ratio = toNaive === undefined ? ['', ''] : [toNaive.p50.toFixed(2), spreadText(toNaive.p50ByRound)];
  const cpu = [cpuMs.worker, cpuMs.driver, cpuMs.temporal].map((ms) => (ms === null ? '?' : ms.toFixed(1)));
  return [name, p50Ms.toFixed(1), p95Ms.toFixed(1), ...ratio, perSecond.toFixed(1), ...cpu];
}

const spreadText = ({ min, max }: Spread): string => `${min.toFixed(2)}–${max.toFixed(2)}`;
