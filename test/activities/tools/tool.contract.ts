// What every kind of tool keeps: what the outside received is what was approved, byte for byte; what cannot be told is not said to
// have failed. Call with tools that are joined to a real service.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Tool } from '../../../activities/ports/tool.ts';
import { ToolArgumentsError } from '../../../activities/tools/tool-failure.ts';
import { canonicalJson, digestOf } from '../../../runtime/canonical.ts';
import { callTool } from './call-tool.ts';

export interface ToolUnderTest {
  /** Takes `{order, cents, note?}` and gives back `{refundId: 're-ORDER', cents}`. */
  refund(): Tool;
  /** Never answers. */
  hang(): Tool;
  /** Gives back ten megabytes. */
  big(): Tool;
  /** JSON of the arguments of each refund as the service received them, oldest first. */
  received(): readonly string[];
  /** Idempotency keys of each refund. */
  keys(): readonly unknown[];
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export function itIsATool(kind: string, tools: ToolUnderTest): void {
  describe(`a tool of kind ${kind}`, () => {
    it('hands over exactly the arguments that were approved', async () => {
      const tool = tools.refund();
      const before = tools.received().length;
      // Not in canonical order, and with what encoders like to write in another way.
      const args = { order: 'A-1 é \u2028 <&>', note: '"\\/\u0000😀', cents: 1e3 };
      const approved = tool.parse(args);
      expect(await callTool(tool, args)).toEqual({ refundId: `re-${args.order}`, cents: 1000 });
      const received = tools.received().slice(before);
      expect(received.map(sha256)).toEqual([sha256(canonicalJson(approved))]);
      expect(tools.keys().at(-1)).toBe('key-1');
    });

    it('refuses arguments that break its schema, before anything is sent', async () => {
      const before = tools.received().length;
      for (const args of [{ order: 'A-1' }, { order: 'A-1', cents: 0 }, { order: 'A-1', cents: 1, to: 'me' }, [], 2n]) {
        await expect(callTool(tools.refund(), args)).rejects.toThrow(ToolArgumentsError);
      }
      expect(tools.received().length).toBe(before);
    });

    it('has a definition that its hash covers, and the same one each time', () => {
      const { definition, definitionHash } = tools.refund();
      expect(digestOf(definition)).toBe(definitionHash);
      expect(definition).toMatchObject({ risk: 'high', inputSchema: { type: 'object' } });
    });

    it('ends with its signal where the service does not answer', async () => {
      const signal = AbortSignal.timeout(500);
      const error = await callTool(tools.hang(), { order: 'A-1' }, { signal }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Error);
      // Nobody can tell whether it happened.
      expect((error as Error).name).not.toBe('ToolFailure');
    });

    it('gives back megabytes', async () => {
      expect(JSON.stringify(await callTool(tools.big(), { order: 'A-1' })).length).toBeGreaterThan(10 * 1024 * 1024);
    });
  });
}
