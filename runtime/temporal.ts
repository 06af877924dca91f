// How every process reaches Temporal: address, TLS and key come from the one configuration.
import { readFileSync } from 'node:fs';
import type { TLSConfig } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { Config, TemporalTls } from './config.ts';
import { UserError } from './errors.ts';

export interface TemporalConnectionOptions {
  readonly address: string;
  readonly tls?: TLSConfig;
  readonly apiKey?: string;
}

/** Options for `Connection.connect` and `NativeConnection.connect` alike. @throws UserError for a certificate that cannot be read */
export function temporalConnectionOptions({ temporal }: Pick<Config, 'temporal'>): TemporalConnectionOptions {
  return {
    address: temporal.address,
    ...(temporal.tls !== undefined && { tls: toTlsConfig(temporal.tls) }),
    ...(temporal.apiKey !== undefined && { apiKey: temporal.apiKey }),
  };
}

/** What to tell somebody whose server does not answer. */
export function temporalUnreachable(config: Pick<Config, 'temporal'>, cause: unknown): UserError {
  return new UserError(`Temporal does not answer at ${config.temporal.address}`, {
    hint: 'Start the local stack with `npx countersign dev`, or correct TEMPORAL_ADDRESS. `npx countersign doctor` tells more.',
    cause,
  });
}

function toTlsConfig(tls: TemporalTls): TLSConfig {
  const { clientCertPath, clientKeyPath, serverRootCaPath, serverName } = tls;
  if ((clientCertPath === undefined) !== (clientKeyPath === undefined)) {
    throw new UserError('TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH must be set together');
  }
  return {
    ...(clientCertPath !== undefined &&
      clientKeyPath !== undefined && {
        clientCertPair: { crt: readPem(clientCertPath), key: readPem(clientKeyPath) },
      }),
    ...(serverRootCaPath !== undefined && { serverRootCACertificate: readPem(serverRootCaPath) }),
    ...(serverName !== undefined && { serverNameOverride: serverName }),
  };
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new UserError(`Cannot read ${path}`, { hint: 'It is named by a TEMPORAL_TLS_* variable.', cause });
  }
}
