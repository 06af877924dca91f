// The entry of the Temporal bundle: re-exports workflow functions only. An export's name is its workflow type.
export { agent } from './agent.ts';
export { answer } from './answer.ts';
export { checkIndex, dropCollection } from './collections.ts';
export { ingest } from './ingest.ts';
export { maintain } from './maintain.ts';
export { search } from './search.ts';
