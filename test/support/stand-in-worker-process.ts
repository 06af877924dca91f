// Stands in for worker/main.ts in tests of the supervisor: says that it polls, and ends when told to or when its parent is gone.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readStackFile } from '../../runtime/stack-file.ts';

const home = process.env['COUNTERSIGN_HOME'] ?? '';
// The real one reads where the servers are before it says anything.
const stack = readStackFile(home);
if (stack === undefined) throw new Error(`no stack file in ${home}`);
if (process.env['COUNTERSIGN_POLICIES'] === '/refuse-to-start') throw new Error('this worker was told to fail');
writeFileSync(join(home, 'worker-environment.json'), JSON.stringify(Object.keys(process.env).sort()));

process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
process.send?.({ type: 'ready', buildId: 'stand-in', taskQueue: stack.taskQueue });
