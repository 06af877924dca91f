// The codec server of the local stack: a process of its own, through which the stack's UI shows payloads in clear. It knows its UI
// by a secret path, made anew with each start; the file that holds it goes with the stack.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../runtime/errors.ts';
import { siblingModule } from '../../runtime/sibling-module.ts';
import { writeFileAtomic } from '../../runtime/write-file-atomic.ts';
import type { KeptProcess, KeptProcessOptions } from './kept-process.ts';
import { keepProcess } from './kept-process.ts';
import { LOOPBACK, pickPort, USUAL_PORTS } from './ports.ts';

export const CODEC_ENTRY = siblingModule('../../gateway/codec-main', import.meta.url);

const READY_TIMEOUT_MS = 30_000;
export const CODEC_STOP = { signal: 'SIGTERM', graceMs: 5000 } as const;
const SECRET_BYTES = 32;

const readySchema = z.object({ type: z.literal('ready'), port: z.number().int().positive() });

type CodecReady = z.infer<typeof readySchema>;

export interface CodecOptions extends Pick<KeptProcessOptions<CodecReady>, 'home' | 'cwd' | 'onPid' | 'onLine'> {
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface CodecProcess {
  /** Where others than the UI ask, with a token. */
  readonly url: string;
  /** With the secret path: for the UI alone, and never logged. */
  readonly uiEndpoint: string;
  readonly pid: number;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts it and returns once it listens. It finds the servers of the stack by itself, once they are recorded.
 *
 * @throws UserError when it ends or stays silent before that
 */
export async function startCodecProcess({ env, ...options }: CodecOptions, signal: AbortSignal): Promise<CodecProcess> {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const secretFile = join(options.home, 'keys', 'codec-path');
  writeFileAtomic(secretFile, `${secret}\n`);
  const start = async (port: number): Promise<KeptProcess<CodecReady>> =>
    await keepProcess<CodecReady>(
      {
        ...options,
        name: 'codec',
        entry: CODEC_ENTRY,
        // The UI was told where it is, so it stays there.
        args: (before) => ['--port', String(before?.port ?? port), '--secret-file', secretFile],
        env: codecEnvironment(env, options.home),
        readySchema,
        readyTimeoutMs: READY_TIMEOUT_MS,
        stop: CODEC_STOP,
      },
      signal,
    );
  try {
    const kept = await start(await pickPort(USUAL_PORTS.codec)).catch(async (error: unknown) => {
      // Somebody took the port between the look and the start.
      if (messageOf(error).includes('EADDRINUSE')) return await start(0);
      throw error;
    });
    const url = `http://${LOOPBACK}:${kept.ready.port}`;
    return {
      url,
      uiEndpoint: `${url}/${secret}`,
      get pid() {
        return kept.pid;
      },
      async stop() {
        await kept.stop();
        rmSync(secretFile, { force: true });
      },
    };
  } catch (error) {
    rmSync(secretFile, { force: true });
    throw error;
  }
}

const PASSED =
  /^(PATH|HOME|USERPROFILE|SYSTEMROOT|TMPDIR|TMP|TEMP|TZ|DATABASE_URL|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|(HTTPS?|NO|ALL)_PROXY|(COUNTERSIGN|TEMPORAL|VAULT)_\w+)$/i;

/** What it needs to run, our settings, and those of the key provider. No keys of model providers, nothing of tools. */
export function codecEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): Record<string, string> {
  const passed = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && PASSED.test(entry[0]),
  );
  return { ...Object.fromEntries(passed), COUNTERSIGN_HOME: home };
}
