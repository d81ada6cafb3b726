import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { type Endpoint, endpoint } from '../../src/model/endpoint.js';
import { within } from './deadline.js';

const ADDRESS = '127.0.0.1';

/** It says `hello` and reads nothing more than the first byte, so that what a client sends is unread when it dies. */
const SERVE = `
  const server = require('node:net').createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.pause());
    socket.write('hello');
  });
  server.listen(0, '${ADDRESS}', () => process.stdout.write(String(server.address().port)));
  process.stdin.on('end', () => process.exit()).resume();
`;

export interface MortalEndpoint {
  readonly endpoint: Endpoint;
  /** SIGKILL; resolves when the process is gone, and the kernel has reset its connections. */
  kill(): Promise<void>;
}

/** An endpoint in a process of its own, which ends with the test, or with this process. */
export async function mortalEndpoint(): Promise<MortalEndpoint> {
  const child = spawn(process.execPath, ['-e', SERVE], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await within('the end of the endpoint', exited);
  };
  onTestFinished(kill);
  const [port] = await within('the port of the endpoint', once(child.stdout, 'data'));
  return { endpoint: endpoint(ADDRESS, Number(port)), kill };
}
