// Releases by digest, kept in memory: they never change.
import { ApplicationFailure } from '@temporalio/common';
import type { Release } from '../releases/release.ts';
import type { Digest } from '../workflows/protocol/index.ts';
import { Failure } from '../workflows/protocol/index.ts';

export interface Releases {
  find(tenant: string, digest: Digest): Promise<Release | undefined>;
  /** @throws ApplicationFailure ReleaseNotFound */
  require(tenant: string, digest: Digest): Promise<Release>;
}

/** @param capacity releases kept. @default 200 */
export function createReleases(
  load: (tenant: string, digest: Digest) => Promise<Release | undefined>,
  capacity = 200,
): Releases {
  const cache = new Map<string, Release>();
  const find: Releases['find'] = async (tenant, digest) => {
    const key = `${tenant}/${digest}`;
    const cached = cache.get(key);
    if (cached !== undefined) return cached;
    const release = await load(tenant, digest);
    if (release === undefined) return undefined;
    if (cache.size >= capacity) cache.delete(cache.keys().next().value ?? '');
    cache.set(key, release);
    return release;
  };
  return {
    find,
    async require(tenant, digest) {
      const release = await find(tenant, digest);
      if (release !== undefined) return release;
      throw ApplicationFailure.nonRetryable(`Release ${digest} is not in the registry`, Failure.ReleaseNotFound);
    },
  };
}
