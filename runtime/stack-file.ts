// The file by which commands find the running local stack. Written by `countersign dev`, removed when it stops.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from './errors.ts';

export const stackSchema = z.object({
  v: z.literal(1),
  /** Process id of `countersign dev`. */
  pid: z.number().int().positive(),
  startedAt: z.string(),
  temporal: z.object({
    address: z.string(),
    namespace: z.string(),
    uiUrl: z.string().optional(),
    pid: z.number().int().optional(),
  }),
  database: z
    .object({ host: z.string(), port: z.number().int(), name: z.string(), pid: z.number().int().optional() })
    .optional(),
  worker: z.object({ pid: z.number().int() }),
  /** The sample shop; absent where the worker has tools of its user's own. */
  shop: z.object({ url: z.string(), pid: z.number().int() }).optional(),
  /** The codec server, without the path that its UI knows; absent where Temporal is not ours. */
  codec: z.object({ url: z.string(), pid: z.number().int() }).optional(),
  taskQueue: z.string(),
});

export type Stack = z.infer<typeof stackSchema>;

export const stackFilePath = (home: string): string => join(home, 'stack.json');

/** The stack recorded under `home`, or `undefined`. It says what was started, not that it still runs: see {@link isAlive}. */
export function readStackFile(home: string): Stack | undefined {
  const path = stackFilePath(home);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UserError(`Cannot read ${path}`, { hint: 'Check its owner and mode.', cause: error });
  }
  try {
    return stackSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new UserError(`${path} is not a stack file of this version`, {
      hint: 'Stop the other version of countersign that wrote it, or remove the file if none runs.',
      cause,
    });
  }
}

/** Whether a process with this id exists, also when it belongs to somebody else. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
