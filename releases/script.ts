// The script of `local/scripted`: what this stand-in for a model says to a task it knows. Part of the release that uses it.
import { z } from 'zod';

/**
 * A turn either calls tools or ends with a text. In texts and argument strings `${name}` is a named group of the task's pattern,
 * `${result.TOOL.path}` a value of that tool's latest result, and `${message}` what was said about the latest call that did not
 * succeed. A string that is nothing but one placeholder keeps the value's type.
 */
const turn = z.union([
  z.strictObject({
    calls: z.array(z.strictObject({ tool: z.string(), args: z.record(z.string(), z.unknown()) })).min(1),
  }),
  z.strictObject({
    /** By the status of the latest call: `done`, `rejected`, `denied`, …; `otherwise` for the rest. */
    say: z.record(z.string(), z.string()),
  }),
]);

export const scriptSchema = z.strictObject({
  v: z.literal(1),
  rules: z
    .array(
      z.strictObject({
        /** An example of a task that this rule knows, shown when no rule matches. */
        example: z.string(),
        /** Regular expression over the task, without regard to case. */
        task: z.string(),
        /** A turn that calls is followed only if each of its calls was done; else the last turn speaks. */
        turns: z.array(turn).min(1),
      }),
    )
    .min(1),
});

export type Script = z.infer<typeof scriptSchema>;
