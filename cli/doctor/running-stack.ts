// The local stack that really runs on a home folder: recorded, and its supervisor alive.
import type { Stack } from '../../runtime/stack-file.ts';
import { isAlive, readStackFile } from '../../runtime/stack-file.ts';

export function readRunningStack(home: string): Stack | undefined {
  const stack = readStackFile(home);
  return stack !== undefined && isAlive(stack.pid) ? stack : undefined;
}
