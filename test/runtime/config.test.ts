// The configuration: the environment before the stack file, and errors that name a variable but never its value.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Config } from '../../runtime/config.ts';
import { loadConfig, readEnvironment, secretsPath } from '../../runtime/config.ts';
import { UserError } from '../../runtime/errors.ts';
import type { Stack } from '../../runtime/stack-file.ts';
import { isAlive, stackFilePath } from '../../runtime/stack-file.ts';
import { temporalConnectionOptions } from '../../runtime/temporal.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const temp = useTempFolder();
const CANARY = 'canary-value-4711';
const OWN = { TEMPORAL_ADDRESS: 'temporal.example:7233', DATABASE_URL: 'postgres://u:p@db.example/ledger' };

/** Above every pid that Linux and macOS give out. */
const DEAD_PID = 2 ** 22 + 1;

function homeWithStack(change: Partial<Stack> = {}): string {
  const home = mkdtempSync(join(temp.path, 'home-'));
  const stack: Stack = {
    v: 1,
    pid: process.pid,
    startedAt: '2026-03-01T10:00:00Z',
    temporal: { address: '127.0.0.1:7999', namespace: 'local', uiUrl: 'http://127.0.0.1:8999' },
    database: { host: '127.0.0.1', port: 5999, name: 'countersign' },
    worker: { pid: process.pid },
    taskQueue: 'local-queue',
    ...change,
  };
  writeFileSync(stackFilePath(home), JSON.stringify(stack));
  const passwords = { superuser: 's', owner: 'o', worker: 'w/@:', gateway: 'g', exporter: 'e' };
  writeFileSync(secretsPath(home), JSON.stringify({ v: 1, database: passwords }));
  return home;
}

const load = (env: NodeJS.ProcessEnv, role: Config['databaseRole'] = 'worker'): Config =>
  loadConfig({ role, env, cwd: temp.path });

function problemOf(act: () => unknown): UserError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error('nothing was thrown');
}

describe('the environment', () => {
  it.each([
    ['TEMPORAL_ADDRESS', `http://${CANARY}:7233/`],
    ['TEMPORAL_TLS', CANARY],
    ['DATABASE_URL', `mysql://u:${CANARY}@host/x`],
    ['DATABASE_URL', CANARY],
    ['QDRANT_URL', `ftp://${CANARY}`],
    ['COUNTERSIGN_ENV', CANARY],
    ['COUNTERSIGN_LOG_LEVEL', CANARY],
    ['COUNTERSIGN_BUILD_ID', CANARY.repeat(10)],
    ['COUNTERSIGN_BLOBS_S3_URL', `s3://${CANARY}`],
    ['COUNTERSIGN_BLOBS_S3_URL', `https://id:${CANARY}@s3.example`],
    ['COUNTERSIGN_BLOBS_S3_URL', `https://s3.example?token=${CANARY}`],
    ['COUNTERSIGN_BLOBS_S3_BUCKET', `${CANARY}/x`],
    ['COUNTERSIGN_BLOBS_S3_REGION', `${CANARY} x`],
    ['COUNTERSIGN_BLOBS_S3_PREFIX', CANARY],
    ['COUNTERSIGN_BLOBS_S3_PREFIX', `/${CANARY}/`],
    ['COUNTERSIGN_BLOBS_S3_PREFIX', `${CANARY}/../`],
    ['COUNTERSIGN_STREAM', CANARY],
    ['COUNTERSIGN_STREAM_KEEP_MINUTES', CANARY],
    ['COUNTERSIGN_STREAM_KEEP_MINUTES', '0'],
    ['COUNTERSIGN_STREAM_KEEP_MINUTES', '1441'],
    ['REDIS_URL', `https://:${CANARY}@redis:6379`],
    ['COUNTERSIGN_BLOBS_GRACE_HOURS', CANARY],
    ['COUNTERSIGN_BLOBS_GRACE_HOURS', '23'],
    ['COUNTERSIGN_BLOBS_GRACE_HOURS', '-24'],
  ])('that mis-sets %s is refused by its name, without its value: %s', (name, value) => {
    const error = problemOf(() => readEnvironment({ [name]: value }));
    expect(error.message).toContain(`${name}: `);
    expect(`${error.message} ${error.hint}`).not.toContain('canary');
    expect(error.exitCode).toBe(64);
  });

  it('names all variables at fault at once', () => {
    const { message } = problemOf(() => readEnvironment({ TEMPORAL_TLS: 'x', COUNTERSIGN_ENV: 'x' }));
    expect(message).toMatch(/COUNTERSIGN_ENV: .*TEMPORAL_TLS: |TEMPORAL_TLS: .*COUNTERSIGN_ENV: /);
  });

  it('takes an empty variable for none', () => {
    expect(readEnvironment({ TEMPORAL_ADDRESS: '', COUNTERSIGN_ENV: '', DATABASE_URL: '' })).toEqual({});
  });

  it.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ])('reads TEMPORAL_TLS=%s', (text, value) => {
    expect(readEnvironment({ TEMPORAL_TLS: text }).TEMPORAL_TLS).toBe(value);
  });
});

describe('without a local stack', () => {
  it('the environment says where everything is, and the mode is production', () => {
    expect(load(OWN)).toMatchObject({
      mode: 'production',
      home: join(temp.path, '.countersign'),
      taskQueue: 'countersign',
      temporal: { address: 'temporal.example:7233', namespace: 'default' },
      databaseUrl: OWN.DATABASE_URL,
      databaseRole: 'worker',
      policiesDir: join(temp.path, 'policies'),
      releasesDir: join(temp.path, 'releases'),
      logLevel: 'info',
    });
  });

  it.each([
    ['Temporal server', { DATABASE_URL: OWN.DATABASE_URL }],
    ['database', { TEMPORAL_ADDRESS: OWN.TEMPORAL_ADDRESS }],
  ])('and without a %s it says how to start or name one', (what, env) => {
    const error = problemOf(() => load(env));
    expect(error.message).toContain(`No ${what}: no local stack runs on ${join(temp.path, '.countersign')}`);
    expect(error.hint).toMatch(/countersign dev.*TEMPORAL_ADDRESS and DATABASE_URL/);
  });

  it('a stack file whose process is gone counts for nothing', () => {
    expect(isAlive(DEAD_PID)).toBe(false);
    const home = homeWithStack({ pid: DEAD_PID });
    expect(problemOf(() => load({ COUNTERSIGN_HOME: home })).message).toContain('No Temporal server');
    expect(load({ COUNTERSIGN_HOME: home, ...OWN })).toMatchObject({ mode: 'production', taskQueue: 'countersign' });
  });

  it.each([
    ['of another version', '{"v":2}'],
    ['that is no JSON', '{'],
  ])('a stack file %s is an error that names it', (_, text) => {
    const home = mkdtempSync(join(temp.path, 'home-'));
    writeFileSync(stackFilePath(home), text);
    expect(problemOf(() => load({ COUNTERSIGN_HOME: home, ...OWN })).message).toContain(stackFilePath(home));
  });
});

describe('beside a local stack', () => {
  it('the stack says where everything is, and the mode is development', () => {
    expect(load({ COUNTERSIGN_HOME: homeWithStack() })).toMatchObject({
      mode: 'development',
      taskQueue: 'local-queue',
      temporal: { address: '127.0.0.1:7999', namespace: 'local', uiUrl: 'http://127.0.0.1:8999' },
    });
  });

  it('each role logs in as itself, its password escaped', () => {
    const home = homeWithStack();
    expect(load({ COUNTERSIGN_HOME: home }, 'worker').databaseUrl).toBe(
      'postgres://countersign_worker:w%2F%40%3A@127.0.0.1:5999/countersign',
    );
    expect(load({ COUNTERSIGN_HOME: home }, 'gateway').databaseUrl).toContain('//countersign_gateway:g@');
  });

  it('the environment goes before the stack', () => {
    const config = load({
      COUNTERSIGN_HOME: homeWithStack(),
      ...OWN,
      TEMPORAL_NAMESPACE: 'mine',
      COUNTERSIGN_TASK_QUEUE: 'my-queue',
      COUNTERSIGN_ENV: 'production',
    });
    expect(config).toMatchObject({
      mode: 'production',
      taskQueue: 'my-queue',
      temporal: { address: 'temporal.example:7233', namespace: 'mine' },
      databaseUrl: OWN.DATABASE_URL,
    });
  });

  it("another server does not get the stack's namespace or UI", () => {
    const { temporal } = load({ COUNTERSIGN_HOME: homeWithStack(), TEMPORAL_ADDRESS: OWN.TEMPORAL_ADDRESS });
    expect(temporal).toEqual({ address: 'temporal.example:7233', namespace: 'default' });
  });

  it('a relative home is read from the working directory', () => {
    mkdirSync(join(temp.path, 'sub'), { recursive: true });
    expect(load({ COUNTERSIGN_HOME: 'sub', ...OWN }).home).toBe(resolve(temp.path, 'sub'));
  });
});

describe('TLS to Temporal', () => {
  it('is off without a word about it', () => {
    expect(load(OWN).temporal).not.toHaveProperty('tls');
  });

  it.each([
    ['TEMPORAL_TLS', { TEMPORAL_TLS: 'true' }, {}],
    ['an API key', { TEMPORAL_API_KEY: 'k' }, {}],
    ['a server name', { TEMPORAL_TLS_SERVER_NAME: 'x' }, { serverName: 'x' }],
    ['a CA', { TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/ca.pem' }, { serverRootCaPath: '/ca.pem' }],
  ])('is on with %s', (_, env, tls) => {
    expect(load({ ...OWN, ...env }).temporal.tls).toEqual(tls);
  });

  it('is off when TEMPORAL_TLS says so, as for a server behind a proxy of its own', () => {
    expect(load({ ...OWN, TEMPORAL_TLS: 'false', TEMPORAL_TLS_SERVER_NAME: 'x' }).temporal).not.toHaveProperty('tls');
  });

  it('off together with an API key is refused: the key would be sent in the clear', () => {
    const error = problemOf(() => load({ ...OWN, TEMPORAL_TLS: 'false', TEMPORAL_API_KEY: CANARY }));
    expect(error.message).toMatch(/TEMPORAL_API_KEY/);
    expect(error.message).not.toContain('canary');
    expect(error.exitCode).toBe(64);
  });

  it('reads certificate and key, which come together or not at all', () => {
    writeFileSync(temp.file('crt.pem'), 'CRT');
    writeFileSync(temp.file('key.pem'), 'KEY');
    const cert = { TEMPORAL_TLS_CLIENT_CERT_PATH: temp.file('crt.pem') };
    const key = { TEMPORAL_TLS_CLIENT_KEY_PATH: temp.file('key.pem') };
    expect(temporalConnectionOptions(load({ ...OWN, ...cert, ...key })).tls).toEqual({
      clientCertPair: { crt: Buffer.from('CRT'), key: Buffer.from('KEY') },
    });
    for (const half of [cert, key]) {
      const { message } = problemOf(() => temporalConnectionOptions(load({ ...OWN, ...half })));
      expect(message).toContain('TEMPORAL_TLS_CLIENT_KEY_PATH must be set together');
    }
  });

  it('names a certificate that cannot be read', () => {
    const config = load({ ...OWN, TEMPORAL_TLS_SERVER_CA_CERT_PATH: temp.file('no-ca.pem') });
    expect(problemOf(() => temporalConnectionOptions(config)).message).toContain(temp.file('no-ca.pem'));
  });
});

describe('Qdrant', () => {
  it('is used when it is named, with its key', () => {
    expect(load(OWN)).not.toHaveProperty('qdrant');
    expect(load({ ...OWN, QDRANT_URL: 'http://q:6333', QDRANT_API_KEY: 'k' }).qdrant).toEqual({
      url: 'http://q:6333',
      apiKey: 'k',
    });
  });
});

describe('streams', () => {
  const REDIS_URL = 'rediss://:secret@redis.example:6379';

  it('are kept in the database where nothing is said, also with a Redis that is there for something else', () => {
    expect(load(OWN)).not.toHaveProperty('streams');
    expect(load({ ...OWN, REDIS_URL })).not.toHaveProperty('streams');
    const kept = load({ ...OWN, REDIS_URL, COUNTERSIGN_STREAM_KEEP_MINUTES: '5' }).streams;
    expect(kept).toEqual({ kind: 'postgres', keepMinutes: 5 });
  });

  it('are kept in Redis, or nowhere, where that is said', () => {
    expect(load({ ...OWN, REDIS_URL, COUNTERSIGN_STREAM: 'redis' }).streams).toEqual({ kind: 'redis', url: REDIS_URL });
    expect(load({ ...OWN, REDIS_URL, COUNTERSIGN_STREAM: 'off' }).streams).toEqual({ kind: 'off' });
    const error = problemOf(() => load({ ...OWN, COUNTERSIGN_STREAM: 'redis' }));
    expect(error.message).toBe('COUNTERSIGN_STREAM=redis needs REDIS_URL');
    expect(error.exitCode).toBe(64);
  });
});

describe('a bucket for payloads', () => {
  it('may give big payloads more than a day before they are collected', () => {
    expect(load(OWN)).not.toHaveProperty('blobsGraceHours');
    expect(load({ ...OWN, COUNTERSIGN_BLOBS_GRACE_HOURS: '72' })).toMatchObject({ blobsGraceHours: 72 });
  });

  const BUCKET = { COUNTERSIGN_BLOBS_S3_URL: 'https://s3.example', COUNTERSIGN_BLOBS_S3_BUCKET: 'blobs' };
  const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: CANARY };

  it('is used when it is named, and not for credentials that lie about', () => {
    expect(load({ ...OWN, ...CREDENTIALS })).not.toHaveProperty('s3');
    expect(load({ ...OWN, ...BUCKET, ...CREDENTIALS }).s3).toEqual({
      url: 'https://s3.example',
      bucket: 'blobs',
      region: 'us-east-1',
      accessKeyId: 'id',
      secretAccessKey: CANARY,
    });
  });

  it('has a region, a prefix and a session token where they are set', () => {
    const more = {
      COUNTERSIGN_BLOBS_S3_REGION: 'eu-north-1',
      COUNTERSIGN_BLOBS_S3_PREFIX: 'countersign/blobs/',
      AWS_SESSION_TOKEN: 'token',
    };
    expect(load({ ...OWN, ...BUCKET, ...CREDENTIALS, ...more }).s3).toMatchObject({
      region: 'eu-north-1',
      prefix: 'countersign/blobs/',
      sessionToken: 'token',
    });
  });

  it('has its secret in a file where one is named, without the line break at its end', () => {
    const file = temp.file('s3-secret');
    writeFileSync(file, `${CANARY}\n`);
    const env = { ...OWN, ...BUCKET, AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY_FILE: file };
    expect(load(env).s3?.secretAccessKey).toBe(CANARY);
    const error = problemOf(() => load({ ...env, AWS_SECRET_ACCESS_KEY_FILE: temp.file('no-secret') }));
    expect(error.message).toContain(temp.file('no-secret'));
    expect(error.hint).toContain('AWS_SECRET_ACCESS_KEY_FILE');
  });

  it.each([
    ['a bucket', { COUNTERSIGN_BLOBS_S3_BUCKET: '' }, ['COUNTERSIGN_BLOBS_S3_BUCKET']],
    ['a URL', { COUNTERSIGN_BLOBS_S3_URL: '' }, ['COUNTERSIGN_BLOBS_S3_URL']],
    ['an access key', { AWS_ACCESS_KEY_ID: '' }, ['AWS_ACCESS_KEY_ID']],
    [
      'credentials',
      { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' },
      ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY or AWS_SECRET_ACCESS_KEY_FILE'],
    ],
  ])('without %s is refused by the names of what is missing', (_, change, missing) => {
    const error = problemOf(() => load({ ...OWN, ...BUCKET, ...CREDENTIALS, ...change }));
    expect(error.message).toBe(`Payloads in S3 need ${missing.join(', ')}`);
    expect(error.hint).not.toContain('canary');
    expect(error.exitCode).toBe(64);
  });

  it.each(['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'])(
    'with a line break in %s is refused, without its value',
    (name) => {
      const error = problemOf(() => load({ ...OWN, ...BUCKET, ...CREDENTIALS, [name]: `${CANARY}\nx` }));
      expect(error.message).toContain(`${name} `);
      expect(`${error.message} ${error.hint}`).not.toContain('canary');
      expect(error.exitCode).toBe(64);
    },
  );
});
