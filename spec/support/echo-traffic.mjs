// Traffic through a service port, for specs that run it where no other program of theirs is: a server that echoes lines, and
// clients. Prints one line of JSON when its standard input ends. Of the connections that are kept, each sends a line and waits for
// its echo; beside them one connection after the other is opened for one line.
//
//   echo-traffic.mjs SERVER_ADDRESS SERVER_PORT CLIENT_ADDRESS CLIENT_PORT KEPT_CONNECTIONS
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const [serverAddress, serverPort, address, port, kept] = process.argv.slice(2);
const PAUSE_MS = 5;
const ECHO_DEADLINE_MS = 10_000;
const counts = { echoes: 0, connections: 0, failures: [] };
let going = true;

/** @param {string} what @param {unknown} error */
function failed(what, error) {
  if (counts.failures.length < 20)
    counts.failures.push(`${what}: ${error instanceof Error ? error.message : error}`);
}

/** @param {import('node:net').Socket} socket @param {string} line */
async function echo(socket, line) {
  socket.write(line);
  let answer = '';
  while (answer.length < line.length) {
    const [data] = await once(socket, 'data', { signal: AbortSignal.timeout(ECHO_DEADLINE_MS) });
    answer += data;
  }
  if (answer !== line) throw new Error(`other bytes came back: ${answer}`);
  counts.echoes += 1;
}

/** @param {(socket: import('node:net').Socket) => Promise<void>} use */
async function connection(use) {
  const socket = connect({ host: address, port: Number(port) });
  // What ends one is told where it is waited for.
  socket.on('error', () => undefined);
  socket.setEncoding('latin1');
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(ECHO_DEADLINE_MS) });
    await use(socket);
  } finally {
    socket.destroy();
  }
}

async function keepOne(index) {
  let line = 0;
  try {
    await connection(async (socket) => {
      const closed = once(socket, 'close').then(() => {
        throw new Error('it was closed');
      });
      closed.catch(() => undefined);
      while (going) {
        await Promise.race([echo(socket, `${index} ${line++}\n`), closed]);
        await pause(PAUSE_MS);
      }
    });
  } catch (error) {
    if (going) failed(`kept connection ${index}, line ${line}`, error);
  }
}

async function oneAfterTheOther() {
  while (going) {
    try {
      await connection((socket) => echo(socket, `new ${counts.connections}\n`));
      counts.connections += 1;
    } catch (error) {
      if (going) failed(`connection ${counts.connections}`, error);
    }
    await pause(PAUSE_MS);
  }
}

const server = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.pipe(socket);
});
server.listen(Number(serverPort), serverAddress);
await once(server, 'listening');
const all = [...Array(Number(kept)).keys()].map(keepOne);
all.push(oneAfterTheOther());
process.stdout.write('running\n');
process.stdin.resume();
await once(process.stdin, 'end');
going = false;
await Promise.all(all);
process.stdout.write(`${JSON.stringify(counts)}\n`, () => process.exit(0));
