// `countersign/worker`: what a worker process of a user needs.

export type { Analyzer } from '../activities/sparse/analyzer.ts';
export type { Tool, ToolContext, ToolSpec } from '../activities/tools/index.ts';
export { defineTool, ToolFailure } from '../activities/tools/index.ts';
export type { CountersignWorker, CreateWorkerOptions } from './create-worker.ts';
export { createWorker } from './create-worker.ts';
export type { ActivityFunction, PureActivity } from './declare.ts';
export { pure } from './declare.ts';
