// Who is measured: each contender is a worker process, and a way to run one request and to see that its reply is right.
import type { CountersignClient, Principal, Reply } from '../client/index.ts';
import type { NaiveClient } from './naive/client.ts';
import type { BenchWorker } from './workers.ts';

export interface Contender {
  readonly name: string;
  /** What it is compared with: contenders of one flow run the same verbs. */
  readonly flow: 'answer' | 'agent' | 'nothing';
  readonly kind: 'engine' | 'clear' | 'naive' | 'floor';
  readonly worker: BenchWorker;
  /** Runs the `n`th request to its end; gives its workflow id. @throws Error for a reply that is not right */
  request(n: number): Promise<string>;
}

const RELEASE = 'support_refund_answer';
const AGENT_RELEASE = 'bench_agent';
/** One tool call, then a sentence. */
const taskOf = (n: number): string => `Look order A-${(n % 6) + 1} up`;
const CUSTOMER: Principal = {
  id: 'customer',
  tenant: 'default',
  groups: ['customers'],
  roles: [],
  clearance: 'public',
};
/** All are answered from the sample documents. */
const QUESTIONS = [
  'Can I return most items within 30 days of delivery?',
  'When is my refund paid after the return is checked?',
  'When do I report a damaged or wrong item?',
  'How long is a gift card valid?',
  'What does express delivery cost?',
  'Until when can I cancel an order for free?',
];

export interface ContenderParts {
  readonly client: CountersignClient;
  /** Of the engine without codec. */
  readonly clear: CountersignClient;
  readonly naive: NaiveClient;
  readonly workers: {
    readonly engine: BenchWorker;
    readonly clear: BenchWorker;
    readonly naive: BenchWorker;
    readonly floor: BenchWorker;
  };
  readonly queues: { readonly naive: string; readonly floor: string };
}

export function contendersOf({ client, clear, naive, workers, queues }: ContenderParts): readonly Contender[] {
  const expected = new Map<string, string>();
  const questionOf = (n: number): string => QUESTIONS[n % QUESTIONS.length] ?? '';
  return [
    {
      name: 'answer, engine',
      flow: 'answer',
      kind: 'engine',
      worker: workers.engine,
      async request(n) {
        const question = questionOf(n);
        const run = await client.answer({ question }, { release: RELEASE, principal: CUSTOMER });
        requireSame(expected, question, await run.result());
        return run.id;
      },
    },
    {
      name: 'answer, engine in clear',
      flow: 'answer',
      kind: 'clear',
      worker: workers.clear,
      async request(n) {
        const question = questionOf(n);
        const run = await clear.answer({ question }, { release: RELEASE, principal: CUSTOMER });
        requireSame(expected, question, await run.result());
        return run.id;
      },
    },
    {
      name: 'answer, naive',
      flow: 'answer',
      kind: 'naive',
      worker: workers.naive,
      async request(n) {
        const question = questionOf(n);
        const start = { workflow: 'naiveAnswer', request: { question }, release: RELEASE, principal: CUSTOMER };
        const { runId, reply } = await naive.execute(start, queues.naive);
        requireSame(expected, question, reply);
        return runId;
      },
    },
    {
      name: 'agent, engine',
      flow: 'agent',
      kind: 'engine',
      worker: workers.engine,
      async request(n) {
        const task = taskOf(n);
        const run = await client.agent({ task }, { release: AGENT_RELEASE, principal: CUSTOMER });
        requireSame(expected, task, await run.result());
        return run.id;
      },
    },
    {
      name: 'agent, naive',
      flow: 'agent',
      kind: 'naive',
      worker: workers.naive,
      async request(n) {
        const task = taskOf(n);
        const start = { workflow: 'naiveAgent', request: { task }, release: AGENT_RELEASE, principal: CUSTOMER };
        const { runId, reply } = await naive.execute(start, queues.naive);
        requireSame(expected, task, reply);
        return runId;
      },
    },
    {
      name: 'six no-op activities',
      flow: 'nothing',
      kind: 'floor',
      worker: workers.floor,
      request: () => naive.executeBare('sixNothings', queues.floor),
    },
    {
      name: 'empty workflow',
      flow: 'nothing',
      kind: 'floor',
      worker: workers.floor,
      request: () => naive.executeBare('nothing', queues.floor),
    },
  ];
}

/** Whoever answers a question first sets its text; everybody else must say the same. */
function requireSame(expected: Map<string, string>, question: string, reply: Reply): void {
  if (reply.kind !== 'answered') throw new Error(`"${question}" was not answered: ${reply.kind} (run ${reply.runId})`);
  const text = expected.get(question) ?? reply.text;
  if (reply.text !== text) throw new Error(`"${question}" got another text than before (run ${reply.runId})`);
  expected.set(question, text);
}
