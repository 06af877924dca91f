// `countersign/testing`: what tests of flows, tools and releases need beside a worker and a client.
export type { Approvers } from './approvers.ts';
export { decideNext, newApprover, nextApproval, writeApprovers } from './approvers.ts';
export type { Clock } from './clock.ts';
export { createClock } from './clock.ts';
export type { ReplayAssertion } from './replay.ts';
export { assertReplays } from './replay.ts';
export type { ScriptedCall, ScriptedModel, ScriptedReply, ScriptedTurn } from './scripted-model.ts';
export { scriptedModel } from './scripted-model.ts';
