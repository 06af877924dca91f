// What is said while a run waits for something that is away.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { awaitRun } from '../../cli/await-run.ts';
import type { RunProgress } from '../../client/index.ts';

afterEach(() => void vi.restoreAllMocks());

it('says on stderr why a step is tried again, each reason once, and gives the result', async () => {
  const written = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  const looks: (RunProgress | Error | undefined)[] = [
    undefined,
    { step: 'retrieve', attempt: 1, details: {} },
    { step: 'retrieve', attempt: 2, details: {}, lastFailure: 'Qdrant is away.' },
    new Error('cannot be told now'),
    { step: 'retrieve', attempt: 3, details: {}, lastFailure: 'Qdrant is away.' },
    { step: 'retrieve', attempt: 4, details: {}, lastFailure: 'Qdrant\u001b is slow' },
  ];
  let end: (result: string) => void = () => {};
  const result = awaitRun(
    {
      result: () => new Promise<string>((resolve) => (end = resolve)),
      async progress() {
        const next = looks.shift();
        if (looks.length === 0) setTimeout(() => end('found'), 5);
        if (next instanceof Error) throw next;
        return next;
      },
    },
    1,
  );
  expect(await result).toBe('found');
  const said = written.mock.calls.map(([text]) => String(text).trimEnd());
  expect(said[0]).toBe('retrieve, attempt 1: Qdrant is away. It is tried again.');
  expect(said[1]).toMatch(/^retrieve, attempt 3: Qdrant.+ is slow\. It is tried again\.$/);
  expect(said).toHaveLength(2);
});

it('looks no more at a run that failed', async () => {
  const progress = vi.fn(async () => undefined);
  await expect(awaitRun({ result: () => Promise.reject(new Error('gone')), progress }, 1)).rejects.toThrow('gone');
  await sleep(20);
  expect(progress).not.toHaveBeenCalled();
});
