// `countersign/workflow`: what a user's workflow file imports, and the engine's own workflows for it to re-export.
export { agent } from './agent.ts';
export { answer } from './answer.ts';
export { checkIndex, dropCollection } from './collections.ts';
export type {
  CallHandle,
  CallOutcome,
  CallStatus,
  Citation,
  Compensation,
  CompensationStatus,
  Draft,
  GenerateOptions,
  Passage,
  Passages,
  Principal,
  Reply,
  Run,
} from './flow.ts';
export { flow } from './flow.ts';
export { ingest } from './ingest.ts';
export { maintain } from './maintain.ts';
export { search } from './search.ts';
