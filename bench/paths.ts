// Where the bench finds what it hands to other processes.
import { fileURLToPath } from 'node:url';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export const ROOT = here('..');
export const NAIVE_WORKFLOWS = here('./naive/workflows.ts');
export const WORKER_PROCESS = here('./worker-process.ts');
export const SAMPLE_DOCUMENTS = here('../examples/knowledge-base/refund-policy');
