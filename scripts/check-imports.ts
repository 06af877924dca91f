// Who may import whom: the rooms of the design, who reads the environment, and no cycles. Prints `file:line: what is wrong`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Import } from './imports.ts';
import { readEnvironmentUses, readImports } from './imports.ts';

const PROTOCOL = 'workflows/protocol';

/** What each room may import beside itself. A room that is not listed may import anything. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  workflows: [],
  runtime: [PROTOCOL],
  policies: [PROTOCOL, 'runtime'],
  releases: [PROTOCOL, 'policies', 'runtime'],
  activities: [PROTOCOL, 'policies', 'releases', 'runtime'],
  worker: [PROTOCOL, 'activities', 'notifications', 'policies', 'releases', 'runtime'],
  client: [PROTOCOL, 'releases', 'runtime'],
  audit: [PROTOCOL, 'runtime'],
  testing: [PROTOCOL, 'activities', 'audit', 'client', 'policies', 'releases', 'runtime'],
  evals: [PROTOCOL, 'activities', 'runtime', 'releases', 'client', 'audit'],
  privacy: [PROTOCOL, 'client', 'runtime'],
  notifications: [PROTOCOL, 'client', 'policies', 'runtime'],
  cli: [PROTOCOL, 'client', 'evals', 'notifications', 'privacy', 'runtime', 'releases', 'audit', 'policies'],
  gateway: [PROTOCOL, 'client', 'runtime', 'releases', 'audit', 'policies'],
  examples: [],
};

/** `dev` spawns them as processes: nobody imports them. */
const PROCESSES: ReadonlySet<string | undefined> = new Set(['cli', 'gateway', 'worker']);
const UNRESTRICTED: ReadonlySet<string | undefined> = new Set(['test', 'scripts', 'bench', 'attack']);
/** Values that deterministic code may use. */
const WORKFLOW_PACKAGES = /^(@temporalio\/(workflow|common)|@noble\/[^/]+)(\/|$)/;
const READS_ENVIRONMENT = new Set(['runtime/config.ts', 'cli/countersign.js']);

const SKIPPED = new Set(['node_modules', 'dist', 'coverage', '.git', '.countersign']);

export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
}

type Graph = ReadonlyMap<string, readonly { readonly target: string; readonly line: number }[]>;

/** What breaks a rule, by file and line. */
export function checkImports(root: string): readonly Problem[] {
  const exported = packageExports(root);
  const files = sourceFiles(root);
  const known = new Set(files);
  const problems: Problem[] = [];
  const graph = new Map<string, { target: string; line: number }[]>();
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8');
    const room = roomOf(file);
    const edges: { target: string; line: number }[] = [];
    for (const { specifier, line, kind } of readImports(text)) {
      const target = resolve(file, specifier, exported);
      const rule = brokenRule({ room, specifier, target, kind, own: exported.own });
      if (rule !== undefined) problems.push({ file, line, rule });
      if (target !== undefined && kind !== 'type' && known.has(target)) edges.push({ target, line });
    }
    graph.set(file, edges);
    if (READS_ENVIRONMENT.has(file) || UNRESTRICTED.has(room)) continue;
    for (const line of readEnvironmentUses(text)) {
      problems.push({ file, line, rule: 'only runtime/config.ts and cli/countersign.js read process.env' });
    }
  }
  return [...problems, ...findCycles(graph)].sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
}

interface Step extends Pick<Import, 'specifier' | 'kind'> {
  readonly room: string | undefined;
  readonly target: string | undefined;
  readonly own: string;
}

function brokenRule({ room, specifier, target, kind, own }: Step): string | undefined {
  if (UNRESTRICTED.has(room) || room === undefined) return undefined;
  const isOwnName = specifier === own || specifier.startsWith(`${own}/`);
  if (room === 'examples') {
    if (target === undefined || isOwnName || roomOf(target) === 'examples') return undefined;
    return `examples use the public names (${own}/…), not ${target}`;
  }
  if (target === undefined) {
    if (room !== 'workflows' || kind === 'type' || WORKFLOW_PACKAGES.test(specifier)) return undefined;
    return `workflows/ takes values only from itself, @temporalio/workflow, @temporalio/common and @noble/*, not ${specifier}`;
  }
  const targetRoom = roomOf(target);
  if (targetRoom === room) return undefined;
  if (PROCESSES.has(targetRoom))
    return `nobody imports from ${targetRoom}/ (${target}): it is a process, spawned and not imported`;
  if (UNRESTRICTED.has(targetRoom)) return `${room}/ may not import from ${targetRoom}/ (${target})`;
  if (room === 'workflows') {
    return kind === 'type'
      ? undefined
      : `workflows/ takes only types from ${targetRoom}/ (${target}): use \`import type\``;
  }
  const allowed = ALLOWED[room];
  if (allowed === undefined || allowed.some((each) => target.startsWith(`${each}/`))) return undefined;
  return `${room}/ may not import from ${targetRoom}/ (${target}); it may from ${[...allowed, room].join(', ')}`;
}

function roomOf(file: string): string | undefined {
  return file.includes('/') ? file.split('/', 1)[0] : undefined;
}

/** Path in the repository of what a specifier means, or `undefined` for a package. */
function resolve(file: string, specifier: string, exported: Exports): string | undefined {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(file), specifier));
  return exported.paths.get(specifier);
}

interface Exports {
  readonly own: string;
  readonly paths: ReadonlyMap<string, string>;
}

function packageExports(root: string): Exports {
  const file = join(root, 'package.json');
  const found = (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}) as {
    name?: string;
    exports?: Record<string, unknown>;
  };
  const { name = 'countersign', exports = {} } = found;
  const paths = Object.entries(exports).flatMap(([key, target]): [string, string][] =>
    typeof target === 'string' ? [[posix.join(name, key), posix.normalize(target)]] : [],
  );
  return { own: name, paths: new Map(paths) };
}

/** Cycles of imports that run code; each is told once, at its first file in alphabetical order. */
function findCycles(graph: Graph): readonly Problem[] {
  const problems: Problem[] = [];
  const told = new Set<string>();
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at !== -1) {
      const cycle = path.slice(at);
      const first = [...cycle].sort()[0] ?? file;
      const turn = cycle.indexOf(first);
      const ordered = [...cycle.slice(turn), ...cycle.slice(0, turn)];
      const key = ordered.join(' ');
      if (told.has(key)) return;
      told.add(key);
      const next = ordered[1] ?? first;
      const line = graph.get(first)?.find(({ target }) => target === next)?.line ?? 1;
      problems.push({ file: first, line, rule: `import cycle: ${[...ordered, first].join(' → ')}` });
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const { target } of graph.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of [...graph.keys()].sort()) visit(file);
  return problems;
}

function sourceFiles(root: string): readonly string[] {
  const list: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) walk(join(folder, entry.name));
      else if (entry.isFile() && /\.[cm]?[jt]s$/.test(entry.name)) list.push(relative(root, join(folder, entry.name)));
    }
  };
  walk(root);
  return list.map((file) => file.split(sep).join('/')).sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = process.argv[2] ?? dirname(dirname(fileURLToPath(import.meta.url)));
  const problems = checkImports(root);
  for (const { file, line, rule } of problems) console.log(`${file}:${line}: ${rule}`);
  console.log(problems.length === 0 ? 'imports: all as the rooms allow' : `imports: ${problems.length} broken`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
