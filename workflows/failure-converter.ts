// How failures travel: message and stack trace in a payload, which the codec encrypts; only the type stays in clear. Loaded by path
// into the sandbox and outside of it. Histories whose failures are in clear are read, too.
import { DefaultFailureConverter } from '@temporalio/common';

export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
