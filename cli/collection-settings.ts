// Settings of a collection, as commands read them: the catalogue of models, which embeddings are looked up in, is loaded by who needs it only.
import type { CollectionSettings } from '../releases/dense.ts';

/** @throws UserError as the function of the same name in releases/load.ts */
export async function collectionSettings(releasesDir: string, collection: string): Promise<CollectionSettings> {
  const { collectionSettings: read } = await import('../releases/load.ts');
  return read(releasesDir, collection);
}
