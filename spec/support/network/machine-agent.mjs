// Runs inside a network namespace of the specs and does what machine-agent.ts asks, one JSON object a line on standard
// input: it serves, connects and asks with sockets of that namespace. It ends with its standard input.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { createInterface } from 'node:readline';

const sessions = new Map();
const servers = new Map();

const ACTIONS = {
  /** HTTP that says this name. */
  async serveHttp({ name, port }) {
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(200, { connection: 'close' });
      response.end(name);
    });
    await once(server.listen(port, '::'), 'listening');
    servers.set(`TCP ${port}`, server);
    return {};
  },

  /** UDP that sends back each datagram behind this name. */
  async serveUdp({ name, port }) {
    const server = createSocket('udp6', (payload, { address, port: from }) =>
      server.send(`${name} heard ${payload}`, from, address),
    );
    server.bind(port, '::');
    await once(server, 'listening');
    servers.set(`UDP ${port}`, server);
    return {};
  },

  /** Connections to this port go to a Unix socket, which knows no network namespace. */
  async forward({ port, path }) {
    const server = createTcpServer((client) => {
      const other = connect(path);
      for (const [from, to] of [
        [client, other],
        [other, client],
      ]) {
        from.pipe(to);
        from.on('error', () => to.destroy());
      }
    });
    await once(server.listen(port, '::'), 'listening');
    servers.set(`TCP ${port}`, server);
    return {};
  },

  /** One TCP connection: how it began, and how long that took. */
  async connect({ address, port, localAddress, deadlineMs }) {
    const began = performance.now();
    const socket = connect({ host: address, port, ...(localAddress === undefined ? {} : { localAddress }) });
    const outcome = await new Promise((resolve) => {
      socket.once('connect', () => resolve('connected'));
      socket.on('error', ({ code }) => resolve(code));
      setTimeout(() => resolve('no answer'), deadlineMs).unref();
    });
    socket.destroy();
    return { outcome, elapsedMs: performance.now() - began };
  },

  /** A UDP socket that hears only the address it sends to. */
  async dial({ session, address, port, localAddress }) {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    if (localAddress !== undefined) {
      socket.bind(0, localAddress);
      await once(socket, 'listening');
    }
    socket.connect(port, address);
    await once(socket, 'connect');
    socket.on('error', () => {});
    sessions.set(session, socket);
    return {};
  },

  /** One datagram, and the answer to it; answers to earlier ones are passed over. */
  async ask({ session, text, deadlineMs }) {
    const socket = sessions.get(session);
    const began = performance.now();
    const outcome = await new Promise((resolve) => {
      const take = (payload) => {
        if (String(payload).endsWith(text)) finish(String(payload));
      };
      const fail = ({ code }) => finish(code);
      const finish = (result) => {
        socket.off('message', take);
        socket.off('error', fail);
        clearTimeout(timer);
        resolve(result);
      };
      const timer = setTimeout(() => finish('no answer'), deadlineMs);
      socket.on('message', take);
      socket.on('error', fail);
      socket.send(text, (error) => error && fail(error));
    });
    return { outcome, elapsedMs: performance.now() - began };
  },
};

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, action, ...parameters } = JSON.parse(line);
    ACTIONS[action](parameters)
      .catch((error) => ({ error: String(error) }))
      .then((result) => process.stdout.write(`${JSON.stringify({ id, ...result })}\n`));
  })
  .on('close', () => process.exit(0));
