// Connects to a Temporal server, ours or another, for checks.
import { Connection } from '@temporalio/client';
import type { Config } from '../../runtime/config.ts';
import { messageOf } from '../../runtime/errors.ts';
import { temporalConnectionOptions } from '../../runtime/temporal.ts';
import { isListening } from './ports.ts';

/** What a connection needs to know. */
export type TemporalTarget = Omit<Config['temporal'], 'namespace' | 'uiUrl'>;

export async function connectTemporal(target: TemporalTarget, connectTimeoutMs = 5000): Promise<Connection> {
  const options = temporalConnectionOptions({ temporal: { namespace: 'default', ...target } });
  return await Connection.connect({ ...options, connectTimeout: connectTimeoutMs });
}

/** Connects once. @returns why it failed, or `undefined` */
export async function whyUnreachable(target: TemporalTarget, connectTimeoutMs = 2000): Promise<string | undefined> {
  const colon = target.address.lastIndexOf(':');
  const [host, port] = [target.address.slice(0, colon), Number(target.address.slice(colon + 1))];
  // gRPC would go on trying until its time is up.
  if (!(await isListening(port, host, connectTimeoutMs))) return 'nothing accepts connections there';
  try {
    const connection = await connectTemporal(target, connectTimeoutMs);
    await connection.close();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
