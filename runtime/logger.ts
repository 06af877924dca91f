// One logger a process: pino, JSON lines on stderr, ids always, content never.
import type { DestinationStream, Logger } from 'pino';
import { destination, pino } from 'pino';
import type { Config } from './config.ts';
import { replaceInJson } from './detection/replace.ts';
import { scanAtOnce } from './detection/scan.ts';
import { loggableError } from './loggable-error.ts';

export type { Logger } from 'pino';

/** Fields that may hold content or secrets, wherever a careless caller puts them. */
const REDACTED = [
  'question',
  'text',
  'prompt',
  'passages',
  'request',
  'assertion',
  'password',
  'apiKey',
  'authorization',
  'databaseUrl',
  'headers',
];

export function createLogger(
  options: Pick<Config, 'logLevel'> & { readonly name: string },
  stream: DestinationStream = destination({ dest: 2, sync: false }),
): Logger {
  return pino(
    {
      name: options.name,
      level: options.logLevel,
      serializers: { err: loggableError, error: loggableError, cause: loggableError },
      // The last net, under the fields above and whatever a message says.
      hooks: { streamWrite: withoutFindings },
      redact: { paths: REDACTED.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[redacted]' },
    },
    stream,
  );
}

/** A line of JSON without the secrets and personal data that have a shape. Addresses of hosts stay: they are what logs are read for. */
function withoutFindings(line: string): string {
  const findings = scanAtOnce(line).filter(({ kind }) => kind !== 'ip');
  return findings.length === 0 ? line : replaceInJson(line, findings, ({ kind }) => `[redacted:${kind}]`);
}
