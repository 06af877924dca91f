// Names that both ends of a wire must agree on.

/** Task queue that workers poll unless told otherwise. */
export const DEFAULT_TASK_QUEUE = 'countersign';

/** Registered names of the engine's own activities. */
export const ENGINE_ACTIVITIES = [
  'admit',
  'retrieve',
  'embed',
  'rerank',
  'assemble',
  'generate',
  'validate',
  'checkRemotely',
  'moderate',
  'judgeAnswer',
  'record',
  'judgeCall',
  'requestApproval',
  'requestAnswer',
  'takeAnswer',
  'callTool',
  'closeApproval',
  'planCompensations',
  'openGeneration',
  'measureGeneration',
  'indexGeneration',
  'swapGeneration',
  'collectBlobs',
  'sweepStarts',
  'collectGenerations',
  'refreshCollection',
  'checkIndex',
  'dropCollection',
] as const;

/** In the metadata of a payload: it is part of a failure. */
export const FAILURE_MARK = 'countersign-failure';

/** Prefixes that keep keyed hashes of different types apart. Each ends in a NUL byte when hashed. */
export const HashPrefix = {
  StepInput: 'countersign/step-input/v1',
  StartRequest: 'countersign/start-request/v1',
  ModelCall: 'countersign/model-call/v1',
  ReusableReply: 'countersign/reusable-reply/v1',
  MaskToken: 'countersign/mask-token/v1',
  ToolArguments: 'countersign/tool-arguments/v1',
  ToolResult: 'countersign/tool-result/v1',
  ApprovalRequest: 'countersign/approval/v1',
  ApprovalPreview: 'countersign/approval-preview/v1',
  Subject: 'countersign/subject/v1',
  IdempotencyKey: 'countersign/idempotency-key/v1',
} as const;

export type HashPrefix = (typeof HashPrefix)[keyof typeof HashPrefix];
