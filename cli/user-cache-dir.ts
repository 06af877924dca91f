// Where the user's system keeps what can be made again.
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Of the user alone; need not exist. XDG Base Directory Specification, and what macOS and Windows have for it. */
export function userCacheDir(env: Readonly<Record<string, string | undefined>>): string {
  const home = env['HOME'] ?? homedir();
  if (env['XDG_CACHE_HOME']) return env['XDG_CACHE_HOME'];
  if (process.platform === 'darwin') return join(home, 'Library', 'Caches');
  if (process.platform === 'win32') return env['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local');
  return join(home, '.cache');
}
