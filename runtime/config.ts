// One configuration for every process, and the only reader of the environment.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { DEFAULT_TASK_QUEUE } from '../workflows/protocol/index.ts';
import { UserError } from './errors.ts';
import type { VaultSettings } from './keys/vault-provider.ts';
import type { S3Settings } from './payloads/s3-blobs.ts';
import { isAlive, readStackFile } from './stack-file.ts';

/** Roles of the database. Each process connects as one and can do no more than it. */
export type DatabaseRole = 'owner' | 'worker' | 'gateway' | 'exporter';

const boolish = z.enum(['true', 'false', '1', '0']).transform((value) => value === 'true' || value === '1');

const environmentSchema = z.object({
  COUNTERSIGN_HOME: z.string().min(1).optional(),
  COUNTERSIGN_ENV: z.enum(['development', 'production']).optional(),
  COUNTERSIGN_TASK_QUEUE: z.string().min(1).optional(),
  COUNTERSIGN_POLICIES: z.string().min(1).optional(),
  COUNTERSIGN_RELEASES: z.string().min(1).optional(),
  COUNTERSIGN_KEK_FILE: z.string().min(1).optional(),
  COUNTERSIGN_KEK: z.string().min(1).optional(),
  COUNTERSIGN_VAULT_KEY: z
    .string()
    .regex(/^[\w.-]+$/, 'expected the name of a transit key')
    .optional(),
  COUNTERSIGN_VAULT_MOUNT: z
    .string()
    .regex(/^[\w./-]+$/, 'expected the mount of a transit engine')
    .optional(),
  VAULT_ADDR: z.url({ protocol: /^https?$/ }).optional(),
  VAULT_TOKEN: z.string().min(1).optional(),
  VAULT_TOKEN_FILE: z.string().min(1).optional(),
  VAULT_NAMESPACE: z.string().min(1).optional(),
  COUNTERSIGN_BLOBS_S3_URL: z
    .url({ protocol: /^https?$/ })
    .refine((text) => /^https?:\/\/[^@?#]+$/i.test(text), 'expected an endpoint, without credentials or a query')
    .optional(),
  COUNTERSIGN_BLOBS_S3_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'expected the name of a bucket')
    .optional(),
  COUNTERSIGN_BLOBS_S3_REGION: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'expected a region')
    .optional(),
  COUNTERSIGN_BLOBS_S3_PREFIX: z
    .string()
    .regex(/^([\w-][\w.-]*\/)+$/, 'expected names of folders, each followed by /')
    .optional(),
  COUNTERSIGN_BLOBS_GRACE_HOURS: z
    .string()
    .regex(/^\d{1,5}$/, 'expected a number of hours')
    .transform(Number)
    .refine((hours) => hours >= 24, 'expected 24 hours or more')
    .optional(),
  AWS_ACCESS_KEY_ID: z.string().min(1).optional(),
  AWS_SECRET_ACCESS_KEY: z.string().min(1).optional(),
  AWS_SECRET_ACCESS_KEY_FILE: z.string().min(1).optional(),
  AWS_SESSION_TOKEN: z.string().min(1).optional(),
  COUNTERSIGN_ASSERTION_KEY_FILE: z.string().min(1).optional(),
  COUNTERSIGN_ASSERTION_PUBLIC_KEY_FILE: z.string().min(1).optional(),
  COUNTERSIGN_APPROVERS: z.string().min(1).optional(),
  COUNTERSIGN_APPROVERS_KEY_FILE: z.string().min(1).optional(),
  COUNTERSIGN_TOOLS: z.string().min(1).optional(),
  COUNTERSIGN_NOTIFICATIONS: z.string().min(1).optional(),
  COUNTERSIGN_CACHE_DIR: z.string().min(1).optional(),
  COUNTERSIGN_BUILD_ID: z.string().min(1).max(100).optional(),
  COUNTERSIGN_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).optional(),
  TEMPORAL_ADDRESS: z
    .string()
    .regex(/^[^\s/]+:\d+$/, 'expected host:port')
    .optional(),
  TEMPORAL_NAMESPACE: z.string().min(1).optional(),
  TEMPORAL_API_KEY: z.string().min(1).optional(),
  TEMPORAL_TLS: boolish.optional(),
  TEMPORAL_TLS_CLIENT_CERT_PATH: z.string().min(1).optional(),
  TEMPORAL_TLS_CLIENT_KEY_PATH: z.string().min(1).optional(),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: z.string().min(1).optional(),
  TEMPORAL_TLS_SERVER_NAME: z.string().min(1).optional(),
  TEMPORAL_CLI_PATH: z.string().min(1).optional(),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  COUNTERSIGN_PRESIDIO_URL: z
    .url({ protocol: /^https?$/ })
    .refine((text) => /^https?:\/\/[^@?#]+$/i.test(text), 'expected an endpoint, without credentials or a query')
    .optional(),
  COUNTERSIGN_PRESIDIO_LANGUAGE: z
    .string()
    .regex(/^[a-z]{2}$/, 'expected a language, for example en')
    .optional(),
  COUNTERSIGN_STREAM: z.enum(['postgres', 'redis', 'off']).optional(),
  COUNTERSIGN_STREAM_KEEP_MINUTES: z
    .string()
    .regex(/^\d{1,4}$/, 'expected a number of minutes')
    .transform(Number)
    .refine((minutes) => minutes >= 1 && minutes <= 1440, 'expected 1 to 1440 minutes')
    .optional(),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional(),
  QDRANT_URL: z.url({ protocol: /^https?$/ }).optional(),
  QDRANT_API_KEY: z.string().min(1).optional(),
});

export type Environment = z.infer<typeof environmentSchema>;

/** The environment, checked. An empty variable counts as absent. Errors name the variable, never its value. */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = environmentSchema.safeParse(present);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new UserError(`The environment is mis-set: ${issues.join('; ')}`, {
    hint: 'Correct or unset the variables named.',
    exitCode: 64,
  });
}

export interface TemporalTls {
  readonly clientCertPath?: string;
  readonly clientKeyPath?: string;
  readonly serverRootCaPath?: string;
  readonly serverName?: string;
}

export interface Config {
  /** `development` allows unsigned shortcuts such as `--as`; anything not started by `countersign dev` is `production`. */
  readonly mode: 'development' | 'production';
  /** Absolute path of the data folder. */
  readonly home: string;
  readonly taskQueue: string;
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    readonly apiKey?: string;
    readonly tls?: TemporalTls;
    readonly uiUrl?: string;
  };
  readonly databaseUrl: string;
  readonly databaseRole: DatabaseRole;
  readonly qdrant?: { readonly url: string; readonly apiKey?: string };
  /** An analyzer that looks for names and places, beside the built-in detector. @default none */
  readonly presidio?: { readonly url: string; readonly language?: string };
  /** Absolute paths. */
  readonly policiesDir: string;
  readonly releasesDir: string;
  readonly keyFiles: { readonly kek: string; readonly assertionPrivate: string; readonly assertionPublic: string };
  /** Who holds the key-encryption keys. @default the file `keyFiles.kek` */
  readonly keyProvider?:
    | { readonly kind: 'environment'; readonly keys: string }
    | ({ readonly kind: 'vault' } & VaultSettings);
  /**
   * Where streams of runs are kept: workers and clients must name the same place.
   * @default the database, for an hour
   */
  readonly streams?: StreamSettings;
  /** Where big payloads are put. @default the database */
  readonly s3?: S3Settings;
  /** Big payloads younger than this are not collected. @default 24 */
  readonly blobsGraceHours?: number;
  /** The approver registry, absolute: `policies/approvers.json`, on a local stack the one of its home. */
  readonly approversFile: string;
  /** Public half of the key that signs the registry's entries. */
  readonly approversKeyFile: string;
  /** Module whose exports are the tools of this worker, absolute; absent for a worker without tools. */
  readonly toolsModule?: string;
  /** Absolute path of the folder of what can be made again. @default nothing is kept */
  readonly cacheDir?: string;
  /** Settings of tools: every `TOOL_*` variable, by name. */
  readonly toolSettings: Readonly<Record<string, string>>;
  /**
   * The file of channels that hear of approvals, absolute, and every `NOTIFY_*` variable by name: their secrets.
   * @default nobody hears of them
   */
  readonly notifications?: { readonly file: string; readonly settings: Readonly<Record<string, string>> };
  /** Keys of model providers by variable name: every `*_API_KEY` in the environment but those of our own services. */
  readonly providerKeys: Readonly<Record<string, string>>;
  /** Names what this worker runs in traces and histories. @default a digest of the workflow bundle */
  readonly buildId?: string;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

export interface StreamSettings {
  readonly kind: 'postgres' | 'redis' | 'off';
  /** With `redis`: redis://… or rediss://…, credentials included. */
  readonly url?: string;
  /** How long a stream is kept after its last event. @default 60 */
  readonly keepMinutes?: number;
}

export interface LoadConfigOptions {
  readonly role: DatabaseRole;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Absolute path of the data folder: COUNTERSIGN_HOME, else `.countersign` in the working directory. */
export function homeOf(environment: Environment, cwd: string = process.cwd()): string {
  return resolve(cwd, environment.COUNTERSIGN_HOME ?? '.countersign');
}

/**
 * The configuration of this process: the environment first, then the running local stack.
 *
 * @throws UserError when neither says where Temporal or the database is.
 */
export function loadConfig(options: LoadConfigOptions): Config {
  const cwd = options.cwd ?? process.cwd();
  const environment = readEnvironment(options.env);
  const home = homeOf(environment, cwd);
  const recorded = readStackFile(home);
  const stack = recorded !== undefined && isAlive(recorded.pid) ? recorded : undefined;

  const address = environment.TEMPORAL_ADDRESS ?? stack?.temporal.address;
  const databaseUrl = environment.DATABASE_URL ?? embeddedUrl(home, stack?.database, options.role);
  if (address === undefined || databaseUrl === undefined) {
    const missing = address === undefined ? 'Temporal server' : 'database';
    throw new UserError(`No ${missing}: no local stack runs on ${home}, and the environment names none`, {
      hint: 'Start one with `npx countersign dev`, or set TEMPORAL_ADDRESS and DATABASE_URL.',
    });
  }

  const external = environment.TEMPORAL_ADDRESS !== undefined;
  return {
    mode: environment.COUNTERSIGN_ENV ?? (stack === undefined ? 'production' : 'development'),
    home,
    taskQueue: environment.COUNTERSIGN_TASK_QUEUE ?? stack?.taskQueue ?? DEFAULT_TASK_QUEUE,
    temporal: {
      address,
      namespace: environment.TEMPORAL_NAMESPACE ?? (external ? 'default' : (stack?.temporal.namespace ?? 'default')),
      ...(environment.TEMPORAL_API_KEY !== undefined && { apiKey: environment.TEMPORAL_API_KEY }),
      ...tlsOf(environment),
      ...(!external && stack?.temporal.uiUrl !== undefined && { uiUrl: stack.temporal.uiUrl }),
    },
    databaseUrl,
    databaseRole: options.role,
    ...qdrantOf(environment),
    ...presidioOf(environment),
    policiesDir: resolve(cwd, environment.COUNTERSIGN_POLICIES ?? 'policies'),
    releasesDir: resolve(cwd, environment.COUNTERSIGN_RELEASES ?? 'releases'),
    keyFiles: {
      kek: environment.COUNTERSIGN_KEK_FILE ?? join(home, 'keys', 'kek.json'),
      assertionPrivate: environment.COUNTERSIGN_ASSERTION_KEY_FILE ?? join(home, 'keys', 'assertion-private.json'),
      assertionPublic: environment.COUNTERSIGN_ASSERTION_PUBLIC_KEY_FILE ?? join(home, 'keys', 'assertion-public.json'),
    },
    ...keyProviderOf(environment),
    ...s3Of(environment),
    ...streamsOf(environment),
    ...(environment.COUNTERSIGN_BLOBS_GRACE_HOURS !== undefined && {
      blobsGraceHours: environment.COUNTERSIGN_BLOBS_GRACE_HOURS,
    }),
    approversFile: approversFileOf(environment, cwd, stack === undefined ? undefined : home),
    approversKeyFile: environment.COUNTERSIGN_APPROVERS_KEY_FILE ?? join(home, 'keys', 'approvers-admin-public.json'),
    ...(environment.COUNTERSIGN_TOOLS !== undefined && { toolsModule: resolve(cwd, environment.COUNTERSIGN_TOOLS) }),
    toolSettings: settingsOf(options.env ?? process.env, 'TOOL_'),
    ...(environment.COUNTERSIGN_NOTIFICATIONS !== undefined && {
      notifications: {
        file: resolve(cwd, environment.COUNTERSIGN_NOTIFICATIONS),
        settings: settingsOf(options.env ?? process.env, NOTIFY_PREFIX),
      },
    }),
    providerKeys: providerKeysOf(options.env ?? process.env),
    ...(environment.COUNTERSIGN_CACHE_DIR !== undefined && {
      cacheDir: resolve(cwd, environment.COUNTERSIGN_CACHE_DIR),
    }),
    ...(environment.COUNTERSIGN_BUILD_ID !== undefined && { buildId: environment.COUNTERSIGN_BUILD_ID }),
    logLevel: environment.COUNTERSIGN_LOG_LEVEL ?? 'info',
  };
}

function keyProviderOf(environment: Environment): Pick<Config, 'keyProvider'> {
  const { COUNTERSIGN_KEK: keys, COUNTERSIGN_KEK_FILE: file, COUNTERSIGN_VAULT_KEY: key } = environment;
  const named = Object.entries({ COUNTERSIGN_KEK: keys, COUNTERSIGN_KEK_FILE: file, COUNTERSIGN_VAULT_KEY: key });
  const set = named.filter(([, value]) => value !== undefined).map(([name]) => name);
  if (set.length > 1) {
    throw new UserError(`Several key providers are set: ${set.join(', ')}`, { hint: 'Set one of them.', exitCode: 64 });
  }
  if (keys !== undefined) return { keyProvider: { kind: 'environment', keys } };
  if (key === undefined) return {};
  const { VAULT_ADDR: address, VAULT_TOKEN: token, VAULT_TOKEN_FILE: tokenFile } = environment;
  if (address === undefined || (token ?? tokenFile) === undefined) {
    throw new UserError('COUNTERSIGN_VAULT_KEY needs VAULT_ADDR, and VAULT_TOKEN or VAULT_TOKEN_FILE', {
      exitCode: 64,
    });
  }
  return {
    keyProvider: {
      kind: 'vault',
      address,
      token: token ?? readSecret(tokenFile ?? '', 'VAULT_TOKEN_FILE'),
      key,
      ...(environment.COUNTERSIGN_VAULT_MOUNT !== undefined && { mount: environment.COUNTERSIGN_VAULT_MOUNT }),
      ...(environment.VAULT_NAMESPACE !== undefined && { namespace: environment.VAULT_NAMESPACE }),
    },
  };
}

function streamsOf(environment: Environment): Pick<Config, 'streams'> {
  const { COUNTERSIGN_STREAM: kind, COUNTERSIGN_STREAM_KEEP_MINUTES: keepMinutes, REDIS_URL: url } = environment;
  // A Redis alone says nothing: it may be there for something else.
  if (kind === undefined && keepMinutes === undefined) return {};
  if (kind === 'redis' && url === undefined) {
    throw new UserError('COUNTERSIGN_STREAM=redis needs REDIS_URL', {
      hint: 'Set it, or unset COUNTERSIGN_STREAM to keep streams in the database.',
      exitCode: 64,
    });
  }
  return {
    streams: {
      kind: kind ?? 'postgres',
      ...(kind === 'redis' && url !== undefined && { url }),
      ...(keepMinutes !== undefined && { keepMinutes }),
    },
  };
}

function presidioOf(environment: Environment): Pick<Config, 'presidio'> {
  const { COUNTERSIGN_PRESIDIO_URL: url, COUNTERSIGN_PRESIDIO_LANGUAGE: language } = environment;
  return url === undefined ? {} : { presidio: { url, ...(language !== undefined && { language }) } };
}

function s3Of(environment: Environment): Pick<Config, 's3'> {
  const { COUNTERSIGN_BLOBS_S3_URL: url, COUNTERSIGN_BLOBS_S3_BUCKET: bucket } = environment;
  // Credentials alone say nothing: they may be there for something else.
  if (url === undefined && bucket === undefined) return {};
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secret,
    AWS_SECRET_ACCESS_KEY_FILE: file,
  } = environment;
  if (url === undefined || bucket === undefined || accessKeyId === undefined || (secret ?? file) === undefined) {
    const needed = {
      COUNTERSIGN_BLOBS_S3_URL: url,
      COUNTERSIGN_BLOBS_S3_BUCKET: bucket,
      AWS_ACCESS_KEY_ID: accessKeyId,
      'AWS_SECRET_ACCESS_KEY or AWS_SECRET_ACCESS_KEY_FILE': secret ?? file,
    };
    const missing = Object.entries(needed).flatMap(([name, value]) => (value === undefined ? [name] : []));
    throw new UserError(`Payloads in S3 need ${missing.join(', ')}`, {
      hint: 'Set what is missing, or unset COUNTERSIGN_BLOBS_S3_URL and COUNTERSIGN_BLOBS_S3_BUCKET to keep them in the database.',
      exitCode: 64,
    });
  }
  const { COUNTERSIGN_BLOBS_S3_PREFIX: prefix, AWS_SESSION_TOKEN: sessionToken } = environment;
  const secretAccessKey = secret ?? readSecret(file ?? '', 'AWS_SECRET_ACCESS_KEY_FILE');
  const credentials = {
    AWS_ACCESS_KEY_ID: accessKeyId,
    [secret === undefined ? 'AWS_SECRET_ACCESS_KEY_FILE' : 'AWS_SECRET_ACCESS_KEY']: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  };
  for (const [name, value] of Object.entries(credentials)) {
    // In a header, a line break would be refused by an error that shows the header.
    if (value !== undefined && !/^[!-~]+$/.test(value)) {
      throw new UserError(`${name} is empty, or has spaces or line breaks in it`, { exitCode: 64 });
    }
  }
  return {
    s3: {
      url,
      bucket,
      region: environment.COUNTERSIGN_BLOBS_S3_REGION ?? 'us-east-1',
      ...(prefix !== undefined && { prefix }),
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== undefined && { sessionToken }),
    },
  };
}

function readSecret(path: string, variable: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new UserError(`Cannot read ${path}`, { hint: `It is named by ${variable}.`, cause });
  }
}

function approversFileOf(environment: Environment, cwd: string, stackHome: string | undefined): string {
  if (environment.COUNTERSIGN_APPROVERS !== undefined) return resolve(cwd, environment.COUNTERSIGN_APPROVERS);
  if (stackHome !== undefined) return join(stackHome, 'approvers.json');
  return resolve(cwd, environment.COUNTERSIGN_POLICIES ?? 'policies', 'approvers.json');
}

/** Every `TOOL_*` variable of the environment, by name: what tools made while a module is loaded may read. */
export const readToolSettings = (): Readonly<Record<string, string>> => settingsOf(process.env, 'TOOL_');

const NOTIFY_PREFIX = 'NOTIFY_';

function settingsOf(env: NodeJS.ProcessEnv, prefix: string): Record<string, string> {
  const entries = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[0].startsWith(prefix) && entry[1] !== undefined && entry[1] !== '',
  );
  return Object.fromEntries(entries);
}

/** Keys that must never reach a URL that a release names. */
const OWN_KEYS: ReadonlySet<string> = new Set(['TEMPORAL_API_KEY', 'QDRANT_API_KEY']);

/** Keys of model providers in `env`, by variable name. */
export function providerKeysOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const keys: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (name.startsWith(NOTIFY_PREFIX) || OWN_KEYS.has(name)) continue;
    if (name.endsWith('_API_KEY') && value !== undefined && value !== '') keys[name] = value;
  }
  return keys;
}

function tlsOf(environment: Environment): { tls?: TemporalTls } {
  const tls: TemporalTls = {
    ...(environment.TEMPORAL_TLS_CLIENT_CERT_PATH !== undefined && {
      clientCertPath: environment.TEMPORAL_TLS_CLIENT_CERT_PATH,
    }),
    ...(environment.TEMPORAL_TLS_CLIENT_KEY_PATH !== undefined && {
      clientKeyPath: environment.TEMPORAL_TLS_CLIENT_KEY_PATH,
    }),
    ...(environment.TEMPORAL_TLS_SERVER_CA_CERT_PATH !== undefined && {
      serverRootCaPath: environment.TEMPORAL_TLS_SERVER_CA_CERT_PATH,
    }),
    ...(environment.TEMPORAL_TLS_SERVER_NAME !== undefined && { serverName: environment.TEMPORAL_TLS_SERVER_NAME }),
  };
  if (environment.TEMPORAL_TLS === false && environment.TEMPORAL_API_KEY !== undefined) {
    throw new UserError('TEMPORAL_TLS is off and TEMPORAL_API_KEY is set: the key would be sent in the clear', {
      hint: 'Unset one of the two.',
      exitCode: 64,
    });
  }
  if (environment.TEMPORAL_TLS === false) return {};
  // An API key is only ever sent over TLS.
  const wanted = environment.TEMPORAL_TLS === true || environment.TEMPORAL_API_KEY !== undefined;
  return wanted || Object.keys(tls).length > 0 ? { tls } : {};
}

function qdrantOf(environment: Environment): Pick<Config, 'qdrant'> {
  if (environment.QDRANT_URL === undefined) return {};
  return {
    qdrant: {
      url: environment.QDRANT_URL,
      ...(environment.QDRANT_API_KEY !== undefined && { apiKey: environment.QDRANT_API_KEY }),
    },
  };
}

/** Passwords of the embedded PostgreSQL's login roles, in `secrets.json` (0600) under home. */
export const databaseSecretsSchema = z.object({
  v: z.literal(1),
  database: z.object({
    superuser: z.string(),
    owner: z.string(),
    worker: z.string(),
    gateway: z.string(),
    exporter: z.string(),
  }),
});

export const secretsPath = (home: string): string => join(home, 'secrets.json');

/** Login name of a role in the embedded PostgreSQL, and the name of the role itself. */
export const roleName = (role: DatabaseRole): string => `countersign_${role}`;

function embeddedUrl(
  home: string,
  database: { host: string; port: number; name: string } | undefined,
  role: DatabaseRole,
): string | undefined {
  if (database === undefined || !existsSync(secretsPath(home))) return undefined;
  const secrets = databaseSecretsSchema.parse(JSON.parse(readFileSync(secretsPath(home), 'utf8')));
  const password = encodeURIComponent(secrets.database[role]);
  return `postgres://${roleName(role)}:${password}@${database.host}:${database.port}/${database.name}`;
}
