import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { createServer } from 'node:net';

/** How much of what the program last said is shown where it does not start. */
const LAST_WORDS = 2_000;

/** @throws Error that says how the program is built, where it is not. */
export async function mustExist(program: string): Promise<void> {
  try {
    await access(program);
  } catch (error) {
    throw new Error(`${program} is not there: run \`npm run build\` first`, { cause: error });
  }
}

/** A port of this address that was free a moment ago: port 0 turns the status server off, so it has to be told one. */
export async function freePort(host: string): Promise<number> {
  const server = createServer().listen({ host, port: 0 });
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/** Keeps what a child says; returns how to ask for the end of it. */
export function keepLastWords(child: ChildProcess): () => string {
  let words = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      words = `${words}${text}`.slice(-LAST_WORDS);
    });
  }
  return () => words;
}
