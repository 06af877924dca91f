// Where a module of ours lies: TypeScript in a clone, JavaScript in the package that is built of it.
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Path of a module that is run or bundled rather than imported: `siblingModule('../worker/main', import.meta.url)`. It has the
 * extension of the module that asks, since both were built alike.
 *
 * @param specifier relative, without an extension
 * @param from `import.meta.url` of the module that asks
 */
export function siblingModule(specifier: string, from: string): string {
  return fileURLToPath(new URL(`${specifier}${extname(fileURLToPath(from))}`, from));
}
