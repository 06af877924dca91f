// Where commands keep what can be made again.
import { expect, it } from 'vitest';
import { cacheDirOf, compiledDirOf } from '../../cli/cache-dir.ts';

it.each([
  ['what the variable names', { COUNTERSIGN_CACHE_DIR: '/own' }, '/own'],
  ['that from here, where it is relative', { COUNTERSIGN_CACHE_DIR: 'own' }, `${process.cwd()}/own`],
  ['the user’s cache folder, where it is empty', { COUNTERSIGN_CACHE_DIR: '', XDG_CACHE_HOME: '/c' }, '/c/countersign'],
  ['the user’s cache folder, where it is not there', { XDG_CACHE_HOME: '/c' }, '/c/countersign'],
])('is %s', (_, env, expected) => {
  expect(cacheDirOf(env)).toBe(expected);
  expect(compiledDirOf(env)).toBe(`${expected}/compiled`);
});
