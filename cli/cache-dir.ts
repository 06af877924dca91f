// Where the user's system keeps what can be made again.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/** Of the user alone; need not exist. Absolute. An empty variable counts as absent. */
export const cacheDirOf = (env: Env): string =>
  env['COUNTERSIGN_CACHE_DIR'] ? resolve(env['COUNTERSIGN_CACHE_DIR']) : join(userCacheDir(env), 'countersign');

/** Of Node's compiled code. */
export const compiledDirOf = (env: Env): string => join(cacheDirOf(env), 'compiled');

/** XDG Base Directory Specification, and what macOS and Windows have for it. */
function userCacheDir(env: Env): string {
  const home = env['HOME'] ?? homedir();
  if (env['XDG_CACHE_HOME']) return env['XDG_CACHE_HOME'];
  if (process.platform === 'darwin') return join(home, 'Library', 'Caches');
  if (process.platform === 'win32') return env['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local');
  return join(home, '.cache');
}
