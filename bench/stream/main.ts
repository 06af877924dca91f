// `npm run bench:stream`: what the engine adds between the byte that begins a provider's first token, on HTTP, and the client, and whether 200 streams at once lose a
// token or its order; through PostgreSQL and through Redis, in turns. Options: --json, --quick.
// A bare pipe between provider and client, on which each first token is told as well, is what the machine itself takes at that moment.
// Exit 0 when it stays within the limits below, 1 when not. Redis is left out, and said to be, where there is no server on PATH.
import { parseArgs } from 'node:util';
import { alignTable, note, print, printJson } from '../../cli/output.ts';
import type { CountersignClient } from '../../client/index.ts';
import { createClient } from '../../client/index.ts';
import type { StreamSettings } from '../../runtime/config.ts';
import { bundleWorkflows } from '../../runtime/workflow-bundle.ts';
import { startStack } from '../stack.ts';
import { percentile } from '../statistics.ts';
import type { BenchWorker } from '../workers.ts';
import { startWorker } from '../workers.ts';
import { startProvider } from './provider.ts';
import { startRedis } from './redis.ts';
import type { Tick, Wanted } from './ticks.ts';
import { askFor, nowMs, readTicks } from './ticks.ts';

const MAX_FIRST_TOKEN_MS = 10;
const STREAMS = 200;
const RELEASE = 'bench_stream';
const WHO = { id: 'bench', tenant: 'default', groups: ['staff'], roles: [], clearance: 'internal' } as const;

const { values } = parseArgs({ options: { json: { type: 'boolean' }, quick: { type: 'boolean' } } });
const quick = values.quick === true;
const ROUNDS = quick ? 20 : 100;
const WARM_UP = quick ? 5 : 20;
/** 40 tokens a second, as the fast models of today. */
const MANY: Wanted = { tokens: quick ? 80 : 400, everyMs: 25, afterMs: 500 };
const FEW: Wanted = { tokens: 3, everyMs: 25, afterMs: 60 };

interface Contender {
  readonly name: 'postgres' | 'redis';
  readonly client: CountersignClient;
  readonly worker: BenchWorker;
  /** From each first token's coming to its being told on the pipe. */
  readonly pipeMs: number[];
}

interface Watched {
  /** From a token's coming to its being there, for each. */
  readonly delaysMs: readonly number[];
  readonly lost: number;
  readonly reordered: number;
  readonly streamed: boolean;
}

async function watch(client: CountersignClient, wanted: Wanted): Promise<Watched> {
  const run = await client.answer({ question: askFor(wanted) }, { release: RELEASE, principal: WHO });
  const delaysMs: number[] = [];
  const seen: Tick[] = [];
  let streamed = false;
  for await (const event of run.stream()) {
    if (event.type === 'token') {
      const hereMs = nowMs();
      for (const tick of readTicks(event.data.text)) {
        seen.push(tick);
        delaysMs.push(hereMs - tick.atMs);
      }
    } else if (event.type === 'final') streamed = event.data.streamed;
  }
  const numbers = new Set(seen.map(({ n }) => n));
  const lost = wanted.tokens - numbers.size;
  const reordered = seen.filter(({ n }, i) => i > 0 && n !== (seen[i - 1]?.n ?? 0) + 1).length;
  return { delaysMs, lost, reordered, streamed };
}

interface Figures {
  readonly store: Contender['name'];
  readonly firstTokenMs: { readonly p50: number; readonly p95: number };
  readonly pipeMs: { readonly p50: number; readonly p95: number };
  readonly streams: number;
  readonly tokens: number;
  readonly tokenMs: { readonly p50: number; readonly p95: number };
  readonly lost: number;
  readonly reordered: number;
}

let current: Contender | undefined;
const provider = await startProvider((atMs) => current?.pipeMs.push(nowMs() - atMs));
const stack = await startStack(provider.url);
const redis = await startRedis();
const contenders: Contender[] = [];
try {
  if (redis === undefined) note('Redis is left out: there is neither valkey-server nor redis-server on PATH');
  const bundle = await bundleWorkflows();
  for (const name of redis === undefined ? (['postgres'] as const) : (['postgres', 'redis'] as const)) {
    const streams: StreamSettings =
      name === 'redis' && redis !== undefined ? { kind: name, url: redis.url } : { kind: name };
    const taskQueue = `bench-stream-${name}`;
    const config = { ...stack.config('worker', taskQueue), streams };
    const worker = await startWorker({ kind: 'streaming', config, bundle });
    const client = await createClient({ ...stack.config('gateway', taskQueue), streams });
    contenders.push({ name, worker, client, pipeMs: [] });
  }
  const firsts = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  note(`the first token, ${ROUNDS} runs one after the other`);
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const contender of contenders) {
      const { name, client } = contender;
      current = contender;
      const [first] = (await watch(client, FEW)).delaysMs;
      if (first === undefined) throw new Error(`No token came through ${name}`);
      if (round >= 0) firsts.get(name)?.push(first);
    }
  }
  const figures: Figures[] = [];
  for (const { name, client, pipeMs } of contenders) {
    note(`${STREAMS} streams at once through ${name}`);
    const watched = await Promise.all(Array.from({ length: STREAMS }, () => watch(client, MANY)));
    const delays = watched.flatMap(({ delaysMs }) => delaysMs);
    const own = firsts.get(name) ?? [];
    const pipe = pipeMs.slice(WARM_UP, WARM_UP + ROUNDS);
    figures.push({
      store: name,
      firstTokenMs: { p50: percentile(own, 0.5), p95: percentile(own, 0.95) },
      pipeMs: { p50: percentile(pipe, 0.5), p95: percentile(pipe, 0.95) },
      streams: STREAMS,
      tokens: delays.length,
      tokenMs: { p50: percentile(delays, 0.5), p95: percentile(delays, 0.95) },
      lost: watched.reduce((total, { lost }) => total + lost, 0),
      reordered: watched.reduce((total, { reordered }) => total + reordered, 0),
    });
    const unlike = watched.filter(({ streamed }) => !streamed).length;
    if (unlike > 0) throw new Error(`${unlike} streams through ${name} are not the text of their reply`);
  }
  const held = figures.every(
    ({ firstTokenMs, lost, reordered }) => firstTokenMs.p50 <= MAX_FIRST_TOKEN_MS && lost === 0 && reordered === 0,
  );
  if (values.json === true) printJson({ figures, held });
  else {
    const ms = (value: number): string => value.toFixed(1);
    const rows = figures.map((each) => [
      each.store,
      ms(each.firstTokenMs.p50),
      ms(each.firstTokenMs.p95),
      ms(each.pipeMs.p50),
      ms(each.pipeMs.p95),
      String(each.streams),
      String(each.tokens),
      ms(each.tokenMs.p50),
      ms(each.tokenMs.p95),
      String(each.lost),
      String(each.reordered),
    ]);
    const head = [
      'store',
      'first token p50 ms',
      'p95 ms',
      'bare pipe p50 ms',
      'p95 ms',
      'streams at once',
      'tokens',
      'p50 ms',
      'p95 ms',
      'lost',
      'reordered',
    ];
    print(alignTable([head, ...rows]));
    print(
      held ? 'within the limits' : `not within the limits: ${MAX_FIRST_TOKEN_MS} ms at p50, nothing lost or reordered`,
    );
  }
  process.exitCode = held ? 0 : 1;
} finally {
  for (const { client, worker } of contenders) {
    await client.close();
    await worker.stop();
  }
  await redis?.stop();
  await stack.stop();
  await provider.stop();
}
