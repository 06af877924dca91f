// Progress of the local stack's parts, one line at a time: they start side by side.
import { progressLine } from './output.ts';
import type { StackPart, StackProgress } from './stack/supervisor.ts';

export function progressByPart(): (progress: StackProgress) => void {
  const lines = new Map<StackPart, ReturnType<typeof progressLine>>();
  let current: StackPart | undefined;
  return ({ part, text, fraction }) => {
    const line = lines.get(part) ?? progressLine(part);
    lines.set(part, line);
    if (current !== undefined && current !== part) lines.get(current)?.done();
    current = part;
    line.update(text, fraction);
    if (fraction === undefined) line.done();
  };
}
