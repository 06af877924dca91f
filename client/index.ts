// `countersign`: start runs, wait for replies, list, cancel, read histories, decide approvals, see effects.

export type { NeverStarted, Sweep, SweepOptions, Unledgered } from '../runtime/sweep-starts.ts';
export type {
  ApprovalId,
  Check,
  Citation,
  Principal,
  Reply,
  RunId,
  StreamData,
  StreamEnd,
  StreamEvent,
  StreamEventType,
  StreamKey,
  TraceRecord,
  WithdrawalReason,
} from '../workflows/protocol/index.ts';
export { parseRunId } from '../workflows/protocol/index.ts';
export type {
  ApprovalDetail,
  ApprovalSummary,
  Decided,
  DecideOptions,
  ListApprovalsOptions,
} from './approval-types.ts';
export type {
  CollectionDetail,
  CollectionDocument,
  CollectionOptions,
  CollectionSummary,
  Collections,
} from './collections.ts';
export type { Approvals, CollectionStart, CountersignClient, RunHandle, StartOptions } from './create-client.ts';
export { createClient } from './create-client.ts';
export type { RecordedDecision, Signer } from './decision.ts';
export { readSigner } from './decision.ts';
export type {
  CompensatingEffect,
  EffectAttempt,
  EffectDetail,
  EffectState,
  EffectSummary,
  ListEffectsOptions,
} from './effects.ts';
export { EFFECT_STATES } from './effects.ts';
export type { AnswerFormat, Source } from './format-answer.ts';
export { formatAnswer, sourcesOf } from './format-answer.ts';
export type { History } from './history.ts';
export { toHistoryJson } from './history.ts';
export type { Maintenance, MaintenanceRun, MaintenanceStatus } from './maintenance.ts';
export type { Resolution, ResolveOptions } from './resolution.ts';
export type { RunProgress } from './run-progress.ts';
export { endedWithReply } from './run-result.ts';
export type { RefusedAttempt } from './security-log.ts';
export type { StreamOptions } from './stream.ts';
export type { Timeline, TimelineStep } from './timeline.ts';
export type { ListOptions, RunStatus, RunSummary } from './transport.ts';
