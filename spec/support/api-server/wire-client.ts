import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { onTestFinished } from 'vitest';
import { eventually, within } from '../deadline.js';
import type { JsonObject } from './stored-object.js';

/** What came as an answer, whole. */
export interface WireAnswer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** False where the connection ended before the answer did. */
  readonly isComplete: boolean;
}

/** An event of a watch. */
export interface WireEvent {
  readonly type: string;
  readonly object: JsonObject & { readonly metadata: JsonObject };
}

/** Asks, and waits for the whole answer. Rejects where there is none. */
export async function ask(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: unknown } = {},
): Promise<WireAnswer> {
  const { method = 'GET', headers = {}, body } = options;
  const answer = await within(
    `an answer to ${url}`,
    answerTo(request(url, { method, headers, agent: false }), body),
  );
  const stream = new WireStream(answer);
  await within(`the end of the answer to ${url}`, stream.ended);
  return {
    code: answer.statusCode ?? 0,
    headers: answer.headers,
    text: stream.text,
    isComplete: answer.complete,
  };
}

/** Asks, and reads what comes as it comes. */
export async function openStream(url: string): Promise<WireStream> {
  const asked = request(url, { agent: false });
  onTestFinished(() => void asked.destroy());
  return new WireStream(await within(`an answer to ${url}`, answerTo(asked)));
}

function answerTo(asked: ClientRequest, body?: unknown): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked.once('response', resolve);
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** An answer that is being read. */
export class WireStream {
  readonly answer: IncomingMessage;
  /** Resolves when nothing more comes, however that is. */
  readonly ended: Promise<void>;
  text = '';

  constructor(answer: IncomingMessage) {
    this.answer = answer;
    answer.setEncoding('utf8');
    answer.on('data', (part: string) => {
      this.text += part;
    });
    answer.on('error', () => {});
    this.ended = new Promise((resolve) => answer.once('close', resolve));
  }

  /** The events of the lines that are complete. */
  get events(): WireEvent[] {
    return this.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as WireEvent);
  }

  /** Of each event its type, the object's name and its resourceVersion. */
  get summary(): string[] {
    return this.events.map(({ type, object }) =>
      [type, object.metadata.name, object.metadata.resourceVersion]
        .filter((part) => part !== undefined)
        .join(' '),
    );
  }

  /** The first `count` events, once they are there. */
  async firstEvents(count: number): Promise<WireEvent[]> {
    await eventually(() => {
      if (this.events.length < count) throw new Error(`${this.events.length} of ${count} events`);
    });
    return this.events.slice(0, count);
  }
}
