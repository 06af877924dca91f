// Reads a Dockerfile and carries its steps out without an engine: same commands, same files, in folders that stand in for the image's.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

const KNOWN = ['FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'HEALTHCHECK', 'CMD'] as const;

export interface Instruction {
  readonly word: (typeof KNOWN)[number];
  readonly rest: string;
}

/** Comments dropped, continued lines joined. @throws Error for an instruction that nobody carries out here */
export function readDockerfile(path: string): readonly Instruction[] {
  const text = readFileSync(path, 'utf8').replace(/^#.*\n/gm, '');
  const lines = text.replace(/\\\n/g, ' ').split('\n');
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', ...words] = line.split(' ');
      const word = KNOWN.find((known) => known === name);
      if (word === undefined) throw new Error(`${path}: ${name} is not carried out by this reader`);
      return { word, rest: words.join(' ') };
    });
}

/** The words of the exec form, `["node", "main.js"]`, behind options. */
export function execForm(rest: string): readonly string[] {
  return JSON.parse(rest.slice(rest.indexOf('['))) as string[];
}

/** Whether .dockerignore lets a file of the context through: the last pattern that matches decides. */
export function contextFilter(path: string): (file: string) => boolean {
  const rules = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ keep: line.startsWith('!'), pattern: patternOf(line.replace(/^!/, '')) }));
  return (file) => rules.findLast(({ pattern }) => pattern.test(file))?.keep ?? true;
}

/** A pattern matches a file, and everything in a folder. */
function patternOf(glob: string): RegExp {
  const source = glob
    .replace(/[.+^$()|[\]{}]/g, '\\$&')
    .replaceAll('**/', '<any>')
    .replaceAll('*', '[^/]*')
    .replaceAll('<any>', '(?:.*/)?');
  return new RegExp(`^${source}(?:/.*)?$`);
}

export interface Image {
  /** Where commands of the last stage run. */
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
}

export interface BuildOptions {
  readonly instructions: readonly Instruction[];
  readonly context: string;
  /** Takes the place of the image's root folder. */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws Error with the last words of a step that fails */
export async function carryOut({ instructions, context, root, env }: BuildOptions): Promise<Image> {
  const mayCopy = contextFilter(join(context, '.dockerignore'));
  const inRoot = (path: string): string => join(root, path);
  let image: Image = { workdir: root, env: {}, user: 'root', command: [], healthCheck: [] };
  for (const { word, rest } of instructions) {
    if (word === 'FROM') image = { workdir: root, env: {}, user: 'root', command: [], healthCheck: [] };
    else if (word === 'WORKDIR') {
      image = { ...image, workdir: inRoot(rest) };
      mkdirSync(image.workdir, { recursive: true });
    } else if (word === 'ENV') {
      const [name = '', value = ''] = rest.split('=');
      image = { ...image, env: { ...image.env, [name]: value } };
    } else if (word === 'USER') image = { ...image, user: rest };
    else if (word === 'CMD') image = { ...image, command: execForm(rest) };
    else if (word === 'HEALTHCHECK') image = { ...image, healthCheck: execForm(rest) };
    // Both stages share one root here: what a stage leaves is there already.
    else if (word === 'COPY' && rest.startsWith('--from=')) continue;
    else if (word === 'COPY') {
      const paths = rest.split(' ');
      const target = join(image.workdir, paths.at(-1) ?? '.');
      for (const path of paths.slice(0, -1)) {
        const filter = (file: string): boolean => {
          const name = relative(context, file).split(sep).join('/');
          return name === '' || mayCopy(name);
        };
        cpSync(join(context, path), path === '.' ? target : join(target, path), { recursive: true, filter });
      }
    } else {
      // The image's absolute folders, where a word begins with one.
      const script = rest.replace(/(?<=^|\s)\/(?=\w)/g, `${root}/`);
      const options = { cwd: image.workdir, env: { ...env, ...image.env }, maxBuffer: 64 * 1024 * 1024 };
      await execute('sh', ['-ec', script], options).catch((cause: Error & { stderr?: string }) => {
        throw new Error(`RUN ${rest} failed:\n${(cause.stderr ?? '').slice(-2000)}`, { cause });
      });
    }
  }
  return image;
}
