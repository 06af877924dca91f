// `countersign/worker`: what a worker process of a user needs.

export type { Analyzer } from '../activities/sparse/analyzer.ts';
export type { Tool, ToolContext, ToolSpec } from '../activities/tools/index.ts';
export { defineTool, ToolFailure } from '../activities/tools/index.ts';
export type { Finding } from '../activities/validation/check.ts';
export type { CheckSpec, OwnCheck } from '../activities/validation/define-check.ts';
export { defineCheck } from '../activities/validation/define-check.ts';
export type { CheckSubject } from '../activities/validation/draft.ts';
export type { CountersignWorker, CreateWorkerOptions } from './create-worker.ts';
export { createWorker } from './create-worker.ts';
export type { ActivityFunction, PureActivity } from './declare.ts';
export { pure } from './declare.ts';
