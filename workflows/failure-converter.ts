// How failures travel: message and stack trace in a payload, which the codec encrypts; only the type stays in clear. Loaded by path
// into the sandbox and outside of it. Histories whose failures are in clear are read, too.
import type { Payload, PayloadConverter, ProtoFailure } from '@temporalio/common';
import { DefaultFailureConverter } from '@temporalio/common';
import type { SerializationContext } from '@temporalio/common/lib/converter/serialization-context.js';
import { FAILURE_MARK } from './protocol/index.ts';

/**
 * Marks the payloads of a failure. A failure must be told even when the run's key is not to be had: an error in telling it would end
 * the worker. The codec leaves the words out then; of any other payload it may leave out nothing.
 */
class MarkingFailureConverter extends DefaultFailureConverter {
  override errorToFailure(error: unknown, converter: PayloadConverter, context?: SerializationContext): ProtoFailure {
    const failure = super.errorToFailure(error, converter, context);
    const { encodedAttributes, applicationFailureInfo: application, canceledFailureInfo: canceled } = failure;
    return {
      ...failure,
      ...(encodedAttributes != null && { encodedAttributes: marked(encodedAttributes) }),
      ...(application != null && { applicationFailureInfo: { ...application, ...markedDetails(application) } }),
      ...(canceled != null && { canceledFailureInfo: { ...canceled, ...markedDetails(canceled) } }),
    };
  }
}

export const failureConverter = new MarkingFailureConverter({ encodeCommonAttributes: true });

interface WithDetails {
  readonly details?: { payloads?: Payload[] | null } | null;
}

const markedDetails = ({ details }: WithDetails): WithDetails =>
  details?.payloads == null ? {} : { details: { payloads: details.payloads.map(marked) } };

const marked = (payload: Payload): Payload => ({
  ...payload,
  metadata: { ...payload.metadata, [FAILURE_MARK]: Uint8Array.of(1) },
});
