// Temporal's own encoding of a payload as bytes. The package is CommonJS, whose names Node cannot see.
import proto from '@temporalio/proto';

export const PayloadProto = proto.temporal.api.common.v1.Payload;
