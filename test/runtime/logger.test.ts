// The log: JSON lines with ids, and nothing of content or secrets, also when a careless caller hands them over.
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import type { Logger } from '../../runtime/logger.ts';
import { createLogger } from '../../runtime/logger.ts';
import { Failure } from '../../workflows/protocol/index.ts';

const CANARY = 'canary-4711';
const FIELDS = [
  'question',
  'text',
  'prompt',
  'passages',
  'request',
  'assertion',
  'password',
  'apiKey',
  'authorization',
  'databaseUrl',
  'headers',
];

function logged(write: (logger: Logger) => void, logLevel: 'info' | 'debug' = 'info'): string[] {
  const lines: string[] = [];
  write(createLogger({ name: 'test', logLevel }, { write: (line) => void lines.push(line) }));
  return lines;
}

describe('a log line', () => {
  it('is JSON with name, message and ids as they are', () => {
    const [line = ''] = logged((logger) => logger.info({ runId: 'default/answer/01', step: 'admit' }, 'started'));
    expect(JSON.parse(line)).toMatchObject({
      name: 'test',
      msg: 'started',
      runId: 'default/answer/01',
      step: 'admit',
    });
  });

  it.each(FIELDS)('never shows %s, at the top, one deep or two deep', (field) => {
    for (const value of [
      { [field]: CANARY },
      { input: { [field]: CANARY } },
      { error: { input: { [field]: { deeper: CANARY } } } },
      { calls: [{ [field]: CANARY }] },
    ]) {
      const [line = ''] = logged((logger) => logger.info(value, 'x'));
      expect(line).toContain('[redacted]');
      expect(line).not.toContain('canary');
    }
  });

  it('of an error says what and where, and not its words', () => {
    const cause = Object.assign(new Error(CANARY), { code: 'ECONNREFUSED' });
    const failure = ApplicationFailure.create({
      message: CANARY,
      type: 'ShopError',
      details: [{ address: CANARY }],
      cause,
    });
    for (const key of ['err', 'error']) {
      const [line = ''] = logged((logger) => logger.warn({ [key]: failure }, 'x'));
      expect(line).not.toContain('canary');
      const { stack, ...error } = JSON.parse(line)[key];
      expect(error).toMatchObject({ name: 'ApplicationFailure', type: 'ShopError', cause: { code: 'ECONNREFUSED' } });
      expect(stack).toMatch(/^ +at .*logger\.test\.ts:\d+:\d+\)?$/m);
    }
  });

  it('of an error whose words are ours keeps them', () => {
    const failure = ApplicationFailure.nonRetryable('The content of run r was erased', Failure.Erased);
    const [line = ''] = logged((logger) => logger.warn({ err: failure }, 'x'));
    expect(JSON.parse(line).err.message).toBe('The content of run r was erased');
  });

  it.each([
    CANARY,
    7,
    null,
    { message: CANARY },
    { stack: `${CANARY}\n    at a (b.ts:1:1)` },
    new Error(`a\n    at ${CANARY}`),
  ])('of something thrown (%#) does not say what it was', (thrown) => {
    const [line = ''] = logged((logger) => logger.warn({ error: thrown }, 'x'));
    expect(line).not.toContain('canary');
  });

  it('of a child logger hides the same', () => {
    const [line = ''] = logged((logger) => logger.child({ runId: 'r', apiKey: CANARY }).info({ text: CANARY }, 'x'));
    expect(line).toContain('"runId":"r"');
    expect(line).not.toContain('canary');
  });

  it('does not change the object that was logged', () => {
    const input = { question: CANARY, input: { text: CANARY } };
    logged((logger) => logger.info(input, 'x'));
    expect(input).toEqual({ question: CANARY, input: { text: CANARY } });
  });

  it('has no secret and no personal data that has a shape, in whatever field or message a careless caller puts it', () => {
    const card = '4111 1111 1111 1111';
    const [line = ''] = logged((logger) =>
      logger.info(
        {
          runId: 'default/answer/01JD3X4Y5Z6A7B8C9D0E1F2G3H',
          deep: [{ note: `a\n${card}` }],
          n: 4111111111111111,
          at: '10.0.0.1',
        },
        'mail ada@example.com, DE89370400440532013000, password=hunter2x',
      ),
    );
    expect(line.endsWith('}\n')).toBe(true);
    expect(JSON.parse(line)).toMatchObject({
      runId: 'default/answer/01JD3X4Y5Z6A7B8C9D0E1F2G3H',
      deep: [{ note: 'a\n[redacted:card]' }],
      n: '[redacted:card]',
      at: '10.0.0.1',
      msg: 'mail [redacted:email], [redacted:iban], password=[redacted:secret]',
    });
  });

  it('costs little more for being looked through', () => {
    const lines = 2_000;
    const write = (line: string): void => void line;
    const logger = createLogger({ name: 'test', logLevel: 'info' }, { write });
    const usPerLine = (): number => {
      const before = process.cpuUsage();
      for (let i = 0; i < lines; i++) {
        logger.info({ runId: `default/answer/01JD3X4Y5Z6A7B8C9D0E1F${i}`, step: 'generate', attempt: i }, 'began');
      }
      return process.cpuUsage(before).user / lines;
    };
    usPerLine();
    const us = Math.min(usPerLine(), usPerLine(), usPerLine());
    process.stdout.write(`a log line: ${us.toFixed(1)} µs of processor time\n`);
    expect(us).toBeLessThan(1_000);
  });

  it('below the level is not written', () => {
    const write = (logger: Logger): void => {
      logger.debug('quiet');
      logger.warn('loud');
    };
    expect(logged(write)).toHaveLength(1);
    expect(logged(write, 'debug')).toHaveLength(2);
  });
});
