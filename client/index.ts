// `countersign`: start runs, wait for replies, list, cancel, read histories.
export type { Citation, Principal, Reply, RunId, TraceRecord } from '../workflows/protocol/index.ts';
export { parseRunId } from '../workflows/protocol/index.ts';
export type { CountersignClient, RunHandle, StartOptions } from './create-client.ts';
export { createClient } from './create-client.ts';
export type { History } from './history.ts';
export { toHistoryJson } from './history.ts';
export type { Timeline, TimelineStep } from './timeline.ts';
export type { ListOptions, RunStatus, RunSummary } from './transport.ts';
