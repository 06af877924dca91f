// The process between a worker and an MCP server that it started: it passes nothing through, and sees to it that the server and
// what the server started end with the worker, however the worker ends. Leader of a process group of its own.
import { spawn } from 'node:child_process';

const [command = '', ...args] = process.argv.slice(2);
// The server reads and writes the worker's pipes itself.
const server = spawn(command, args, { stdio: 'inherit' });

function endAll(): void {
  // A group that has ended already, or a system without groups.
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    server.kill('SIGKILL');
    process.exit(1);
  }
}

process.on('disconnect', endAll);
server.on('exit', endAll);
server.on('error', (error) => {
  const { code = 'an error' } = error as NodeJS.ErrnoException;
  if (process.send === undefined) endAll();
  else process.send({ failed: code }, endAll);
});
