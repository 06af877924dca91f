// Connects to the configured Temporal server, ours or another, for checks.
import { readFileSync } from 'node:fs';
import type { ConnectionOptions, TLSConfig } from '@temporalio/client';
import { Connection } from '@temporalio/client';
import type { Config } from '../../runtime/config.ts';
import { messageOf } from '../../runtime/errors.ts';

export type TemporalTarget = Pick<Config['temporal'], 'address' | 'apiKey' | 'tls'>;

export async function connectTemporal(target: TemporalTarget, connectTimeoutMs = 5000): Promise<Connection> {
  return await Connection.connect({ ...connectionOptions(target), connectTimeout: connectTimeoutMs });
}

/** Connects once. @returns why it failed, or `undefined` */
export async function whyUnreachable(target: TemporalTarget, connectTimeoutMs = 2000): Promise<string | undefined> {
  try {
    const connection = await connectTemporal(target, connectTimeoutMs);
    await connection.close();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function connectionOptions({ address, apiKey, tls }: TemporalTarget): ConnectionOptions {
  if (tls === undefined) return { address, tls: false };
  const config: TLSConfig = {
    ...(tls.serverName !== undefined && { serverNameOverride: tls.serverName }),
    ...(tls.serverRootCaPath !== undefined && { serverRootCACertificate: readFileSync(tls.serverRootCaPath) }),
    ...(tls.clientCertPath !== undefined &&
      tls.clientKeyPath !== undefined && {
        clientCertPair: { crt: readFileSync(tls.clientCertPath), key: readFileSync(tls.clientKeyPath) },
      }),
  };
  return { address, tls: config, ...(apiKey !== undefined && { apiKey }) };
}
