// Types of ApplicationFailure that cross processes. Workflows and clients match on these, never on messages.

export const Failure = {
  /** The input breaks its contract; retrying cannot help. */
  InvalidInput: 'countersign.input.Invalid',
  /** The run was started without a row in the start ledger, or with another run's. */
  NotInLedger: 'countersign.start.NotInLedger',
  /** The start event says another principal, release, collection, request or workflow type than the ledger's row. */
  NotAsLedgered: 'countersign.start.NotAsLedgered',
  /** The principal assertion does not verify. */
  AssertionInvalid: 'countersign.principal.AssertionInvalid',
  ReleaseNotFound: 'countersign.release.NotFound',
  CollectionNotFound: 'countersign.retrieval.CollectionNotFound',
  /** Vectors of another embedding than the one asked for, or none: what is compared must be of one space. */
  EmbeddingMismatch: 'countersign.retrieval.EmbeddingMismatch',
  /** A source file changed between being measured and being indexed. */
  SourceChanged: 'countersign.ingest.SourceChanged',
  SourceUnreadable: 'countersign.ingest.SourceUnreadable',
  /** Each file of the folder was skipped; the ledger says why. */
  NothingUsable: 'countersign.ingest.NothingUsable',
  ModelUnauthorized: 'countersign.model.Unauthorized',
  ModelBadRequest: 'countersign.model.BadRequest',
  ModelRateLimited: 'countersign.model.RateLimited',
  ModelUnavailable: 'countersign.model.Unavailable',
  ModelMalformedReply: 'countersign.model.MalformedReply',
  /** Longer than is taken. Not asked for again: it was paid, and would be as long. */
  ModelReplyTooLong: 'countersign.model.ReplyTooLong',
  /** Begun, and without an end in its time. Not asked for again of the same model: it was paid, and would take as long. */
  ModelReplyUnfinished: 'countersign.model.ReplyUnfinished',
  /** Its provider failed several times in a row, and is left alone for a while. Nothing was sent. */
  ModelCircuitOpen: 'countersign.model.CircuitOpen',
  /** The prompt does not fit into the context of a model of the release, with no passage, or not even with the best. Nothing was sent. */
  ModelContextExceeded: 'countersign.model.ContextExceeded',
  ModelNotConfigured: 'countersign.model.NotConfigured',
  /** A flow scheduled an activity that its worker does not declare, or called an engine step directly. */
  UndeclaredActivity: 'countersign.flow.UndeclaredActivity',
  /** A flow did something that would leave the engine's sight: a child workflow, a Nexus operation. */
  Unsupported: 'countersign.flow.Unsupported',
  /** A flow returned something that is not a reply made by its run. */
  UnmintedReply: 'countersign.flow.UnmintedReply',
  /** A decision that does not count; `details[0]` is the DecisionRefusal. */
  DecisionRefused: 'countersign.approval.DecisionRefused',
  /** Nobody but the requester could approve: the registry has too few approvers of the groups that are asked for. */
  NoApprovers: 'countersign.approval.NoApprovers',
  /** An effect, or the step after an answer, was asked for without a receipt that holds. Nothing happened. */
  ReceiptRefused: 'countersign.tool.ReceiptRefused',
  /** The policy that holds now does not allow the call. Nothing happened. */
  CallDenied: 'countersign.tool.Denied',
  /** The worker's tool differs from the one that the release pins. Nothing happened. */
  ToolChanged: 'countersign.tool.DefinitionChanged',
  /** The effect was undone in this run, or is being undone by another call. Nothing happened. */
  EffectUndone: 'countersign.tool.Undone',
  /** The funnel was asked for a call that was never judged, or another run's. Nothing happened. */
  CallNotJudged: 'countersign.tool.NotJudged',
  /** An attempt slept past its lease and may not start the effect any more. */
  LeaseLost: 'countersign.tool.LeaseLost',
  /** The tool threw, or took too long; whether its effect happened is not known yet. */
  ToolUncertain: 'countersign.tool.Uncertain',
  /** `local/scripted` has no script for what it was asked. */
  ModelNotScripted: 'countersign.model.NotScripted',
  /** The access policy does not let the request go to the model; `details[0]` is the Verdict. Nothing was sent. */
  ModelDenied: 'countersign.model.Denied',
  /** What looks for personal data does not answer, so nothing is taken for clean; it is tried again. */
  DetectorUnavailable: 'countersign.detector.Unavailable',
  /** It does not accept the request: a setting is wrong. */
  DetectorRefused: 'countersign.detector.Refused',
  /** A hard limit was reached; `details[0]` is the BudgetLimit. The run ends as budget-exhausted. */
  BudgetExhausted: 'countersign.budget.Exhausted',
  /** A soft limit of a day was reached; `details[0]` is the SpentBudget. Nothing was sent. */
  BudgetAsks: 'countersign.budget.Asks',
  /** The provider of key-encryption keys does not answer; it is tried again. */
  KeyUnavailable: 'countersign.key.Unavailable',
  /** The provider does not have the key that something is wrapped by. */
  KeyUnknown: 'countersign.key.Unknown',
  /** A wrapped key was changed or swapped. */
  KeyDamaged: 'countersign.key.Damaged',
  /** The key was destroyed: on request of the subject, or because it was kept long enough. The content is gone for good. */
  Erased: 'countersign.key.Erased',
  /** A payload that does not open under its run's key, or is none of ours. */
  PayloadUnreadable: 'countersign.payload.Unreadable',
  /** A payload whose content is not where it was put. */
  BlobMissing: 'countersign.payload.BlobMissing',
  /** A run ended as failed; `details[0]` is the Reply. */
  RunFailed: 'countersign.run.Failed',
} as const;
