// The result of a call that never got as far as its tool. Workflow code only.
import type { CallResult, CallStatus, Digest, Sensitivity } from './protocol/index.ts';
import { WIRE_VERSION } from './protocol/index.ts';

/** @param more `sensitivity`: of the message. @default public: it is the engine's own */
export function without(
  tool: string,
  status: CallStatus,
  message: string,
  effectKey?: Digest,
  sensitivity: Sensitivity = 'public',
): CallResult {
  return {
    v: WIRE_VERSION,
    tool,
    status,
    message,
    ...(effectKey !== undefined && { effectKey }),
    bytes: 0,
    sensitivity,
    docIds: [],
    durationMs: 0,
  };
}
