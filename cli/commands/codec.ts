// `countersign codec`: the server by which Temporal's own UI and CLI show payloads in clear, and tokens for it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Command } from 'commander';
import { z } from 'zod';
import type { Config } from '../../runtime/config.ts';
import { loadConfig } from '../../runtime/config.ts';
import { UserError } from '../../runtime/errors.ts';
import { DEFAULT_TENANT } from '../../workflows/protocol/index.ts';
import { settings } from '../context.ts';
import { note, print, printJson } from '../output.ts';

interface CommonOptions {
  readonly home?: string;
  readonly json?: boolean;
}

interface ServeOptions extends CommonOptions {
  readonly port: string;
  readonly host: string;
  readonly allowOrigin: readonly string[];
}

interface TokenOptions extends CommonOptions {
  readonly as?: string;
  readonly principal?: string;
  readonly tenant: string;
  readonly role: string;
  readonly expires: string;
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|::1)$/;

export function register(program: Command): void {
  const codec = program.command('codec').description("show payloads in clear in Temporal's UI and CLI");
  codec
    .command('serve')
    .description("serve Temporal's remote codec protocol, until Ctrl-C: decodes for those who have a token")
    .option('--port <n>', 'port to listen on; 0 takes a free one', '8235')
    .option('--host <address>', 'address to listen on; put TLS in front of any other than loopback', '127.0.0.1')
    .option(
      '--allow-origin <url>',
      'origin of a Temporal UI whose pages may ask; may be given several times',
      (url: string, before: readonly string[]) => [...before, originOf(url)],
      [],
    )
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print where it listens as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ npx countersign codec serve --port 8300 --allow-origin https://temporal.example.com',
    )
    .action(serve);
  codec
    .command('token')
    .description('make a token that the codec server takes; needs the key that signs assertions')
    .option('--as <id>', 'development identity that reads (local stacks only)')
    .option('--principal <id>', 'who reads, by the id that the security log will have')
    .option('--tenant <name>', 'with --principal: whose runs', DEFAULT_TENANT)
    .option('--role <name>', 'with --principal: auditor or operator', 'auditor')
    .option('--expires <time>', 'how long it holds: minutes or hours, at most 24h', '8h')
    .option('--home <dir>', 'data folder of the running stack')
    .option('--json', 'print the token, who it is for and when it ends as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npx countersign codec token --as auditor\n' +
        '  $ npx countersign codec token --principal ada@example.com --tenant acme --expires 30m',
    )
    .action(token);
}

async function serve(options: ServeOptions): Promise<void> {
  const { CODEC_ENTRY } = await import('../stack/codec-process.ts');
  const port = /^\d{1,5}$/.test(options.port) ? Number(options.port) : Number.NaN;
  if (!(port <= 65_535)) {
    throw new UserError(`Not a port: ${options.port}`, {
      hint: 'Give a whole number from 0 to 65535.',
      exitCode: 64,
    });
  }
  const { env } = settings(options.home);
  // Told here, without a log line around it.
  loadConfig({ role: 'gateway', env });
  const args = ['--port', String(port), '--host', options.host, ...options.allowOrigin.flatMap(allowOrigin)];
  const child = spawn(process.execPath, [CODEC_ENTRY, ...args], { env, stdio: ['ignore', 2, 2, 'ipc'] });
  const pass = (): boolean => child.kill('SIGTERM');
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, pass);
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const started = messageSchema.parse(await Promise.race([once(child, 'message').then(([said]) => said), exited]));
  if (Array.isArray(started)) throw new UserError('The codec server ended before it listened: see above');
  if (started.type === 'failed') {
    await exited;
    throw new UserError(`The codec server did not start: ${started.message}`, {
      ...(started.hint !== undefined && { hint: started.hint }),
    });
  }
  const url = `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${started.port}`;
  if (options.json) printJson({ url, pid: child.pid });
  else print(`The codec server listens at ${url}; \`countersign codec token\` makes tokens for it.`);
  if (!LOOPBACK.test(options.host)) note('Tokens and payloads travel in clear from here: put TLS in front of it.');
  const [code] = await exited;
  if (code !== 0) throw new UserError('The codec server ended unexpectedly: see above');
}

const allowOrigin = (origin: string): readonly string[] => ['--allow-origin', origin];

const messageSchema = z.union([
  z.object({ type: z.literal('ready'), port: z.number() }),
  z.object({ type: z.literal('failed'), message: z.string(), hint: z.string().optional() }),
  // What the end of a process says.
  z.array(z.unknown()),
]);

async function token(options: TokenOptions): Promise<void> {
  const { readAssertionKey } = await import('../../runtime/assertion.ts');
  const { signCodecToken } = await import('../../runtime/codec-token.ts');
  const seconds = secondsOf(options.expires);
  const config = loadConfig({ role: 'gateway', env: settings(options.home).env });
  const reader = await readerOf(config, options);
  const signer = await readAssertionKey(config.keyFiles.assertionPrivate);
  const expiresAt = new Date(Date.now() + seconds * 1000).toISOString();
  const made = await signCodecToken(signer, reader, seconds);
  if (options.json) return printJson({ token: made, ...reader, expiresAt });
  // Alone on its line: "Bearer $(npx countersign codec token --as auditor)".
  print(made);
  note(`for ${reader.id} of tenant ${reader.tenant}, until ${expiresAt}`);
}

async function readerOf(config: Config, { as, principal, tenant, role }: TokenOptions) {
  const { READER_ROLES } = await import('../../runtime/codec-token.ts');
  if ((as === undefined) === (principal === undefined)) {
    throw new UserError('Name who reads: either --as or --principal', { exitCode: 64 });
  }
  if (principal !== undefined) {
    if (!READER_ROLES.includes(role)) throw notAReader(`The role ${role}`, READER_ROLES);
    return { id: principal, tenant, roles: [role] };
  }
  const { developmentIdentity } = await import('../../policies/development-identities.ts');
  const { id, roles } = developmentIdentity(config, as ?? '', DEFAULT_TENANT);
  if (!roles.some((each) => READER_ROLES.includes(each))) throw notAReader(`The identity ${id}`, READER_ROLES);
  return { id, tenant: DEFAULT_TENANT, roles };
}

const notAReader = (who: string, roles: readonly string[]): UserError =>
  new UserError(`${who} may not read payloads`, { hint: `Roles that may: ${roles.join(', ')}.`, exitCode: 64 });

function secondsOf(text: string): number {
  const [, count = '', unit] = /^(\d{1,4})(m|h)$/.exec(text) ?? [];
  const seconds = Number(count) * (unit === 'h' ? 3600 : 60);
  if (unit !== undefined && seconds >= 60 && seconds <= 24 * 3600) return seconds;
  throw new UserError(`Not a time: ${text}`, {
    hint: 'Give minutes or hours, for example 30m or 8h; at most 24h.',
    exitCode: 64,
  });
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && [url.origin, `${url.origin}/`].includes(text))
    return url.origin;
  throw new UserError(`Not an origin: ${text}`, {
    hint: 'Give scheme, host and port as a browser has them, for example https://temporal.example.com.',
    exitCode: 64,
  });
}
