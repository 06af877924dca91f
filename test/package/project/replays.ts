// A user's replay check: throws when the history of the file does not replay through today's flow.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assertReplays } from 'countersign/testing';

const [, , file = ''] = process.argv;
const histories = [{ runId: file, history: JSON.parse(readFileSync(file, 'utf8')) }];
const workflowsPath = fileURLToPath(new URL('./refund-desk.ts', import.meta.url));
process.stdout.write(`${await assertReplays({ workflowsPath, histories })} replayed\n`);
