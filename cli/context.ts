// What the command's door hands over: the environment (runtime/config.ts reads settings; this is for passing it on) and flags.
import { resolve } from 'node:path';
import type { Environment } from '../runtime/config.ts';
import { homeOf, readEnvironment } from '../runtime/config.ts';

export type Env = Readonly<Record<string, string | undefined>>;

let given: Env = {};

export function setEnv(env: Env): void {
  given = env;
}

/** The environment of this command, as it was when the command started. */
export const env = (): Env => given;

/** The settings in the environment, with `--home` over COUNTERSIGN_HOME. */
export function settings(home?: string): {
  readonly environment: Environment;
  readonly env: Env;
  readonly home: string;
} {
  const merged = home === undefined ? given : { ...given, COUNTERSIGN_HOME: resolve(home) };
  const environment = readEnvironment(merged);
  return { environment, env: merged, home: homeOf(environment) };
}
