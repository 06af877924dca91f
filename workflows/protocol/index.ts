// Every name, wire type, limit and failure type that crosses a process. Values here are constants and pure functions only.

export * from './approval.ts';
export * from './budget.ts';
export * from './collections.ts';
export * from './compensation.ts';
export * from './dense.ts';
export * from './detection.ts';
export * from './excerpt.ts';
export * from './failures.ts';
export * from './ids.ts';
export * from './limits.ts';
export * from './maintenance.ts';
export * from './names.ts';
export * from './passage.ts';
export * from './principal.ts';
export * from './prompt.ts';
export * from './release.ts';
export * from './reply.ts';
export * from './request.ts';
export * from './rule-of-two.ts';
export * from './steps.ts';
export * from './stream.ts';
export * from './subject.ts';
export * from './token-estimate.ts';
export * from './tool.ts';
export * from './trace.ts';
export * from './verdict.ts';
