// Checks of an answer's form: that it is whole, and of the shape that its release wants. Pure.
import type { CompiledSchema } from '../../runtime/json-schema.ts';
import { MAX_DRAFT_BYTES, OUTPUT_SCHEMA } from '../../workflows/protocol/index.ts';
import type { BuiltIn } from './check.ts';

export const complete: BuiltIn = {
  name: 'complete',
  applies: () => true,
  look({ text, finishReason }) {
    const bytes = Buffer.byteLength(text);
    if (text.trim() === '') return { passed: false, reason: 'the answer is empty' };
    if (finishReason !== 'stop') return { passed: false, reason: 'the answer was cut off at its token limit' };
    if (bytes > MAX_DRAFT_BYTES) return { passed: false, reason: `the answer is longer than ${MAX_DRAFT_BYTES} bytes` };
    return { passed: true, reason: 'ends by itself' };
  },
};

export const fits = (output: CompiledSchema): BuiltIn => ({
  name: OUTPUT_SCHEMA,
  applies: () => true,
  look({ text }) {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return { passed: false, reason: 'the answer is not JSON alone' };
    }
    const problem = output.problemOf(value);
    if (problem === undefined) return { passed: true, reason: 'is as the output schema has it' };
    const { path, what, unknownName } = problem;
    // Names that the model made up are not repeated.
    const [at, why] = unknownName === true ? [path.slice(0, -1), 'it has a member of another name'] : [path, what];
    return { passed: false, reason: `the answer does not fit the output schema at /${at.join('/')}: ${why}` };
  },
});
