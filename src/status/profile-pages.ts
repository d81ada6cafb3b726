import { Session } from 'node:inspector';
import { setTimeout as delay } from 'node:timers/promises';
import { getHeapSnapshot } from 'node:v8';
import { isLoopback, parseAddress } from '../model/address.js';
import { type Answer, type Page, type PageRequest, type Pages, text } from './page-answer.js';

/** How long a CPU profile is taken where nobody says it, as by Go's `net/http/pprof`, and at most. */
const DEFAULT_SECONDS = 30;
const MOST_SECONDS = 120;

/** Between two signs of life, so that nobody takes the connection for dead, ms. */
const SIGN_OF_LIFE_MS = 2_000;

/**
 * A CPU profile and a heap snapshot of this process on demand, in the forms that Chrome's developer tools open.
 *
 * A heap snapshot holds whatever this process has in memory, tokens among it, and stops it while it is taken. So both are for whom
 * `--profiling` lets them, on this host alone: the client's own address is one of loopback, and the name that it calls this server
 * by as well, which a page in a browser can't choose (DNS rebinding). One at a time.
 */
export function profilePages(isEnabled: boolean): Pages {
  let isBusy = false;
  const guarded =
    (take: (request: PageRequest) => Answer): Page =>
    (request) => {
      const refusal = refusalOf(request, isEnabled);
      if (refusal !== null) return text(403, `${refusal}\n`);
      if (isBusy) return text(503, 'A profile is taken already; try again when that is done.\n');
      const answer = take(request);
      if (typeof answer.body === 'string') return answer;
      isBusy = true;
      // However the answer ends, also one that never began.
      request.signal.addEventListener('abort', () => {
        isBusy = false;
      });
      return answer;
    };
  return new Map([
    ['/debug/pprof/profile', guarded(cpuProfile)],
    ['/debug/pprof/heap', guarded(heapSnapshot)],
  ]);
}

function refusalOf({ remoteAddress, host }: PageRequest, isEnabled: boolean): string | null {
  if (!isEnabled) return 'Profiles are off: start kube-splice with --profiling.';
  const name = host.replace(/:\d*$/, '').replace(/^\[|\]$/g, '');
  if (isOfThisHost(remoteAddress) && (name === 'localhost' || isOfThisHost(name))) return null;
  return 'Profiles are given to clients on this host alone, by its loopback address or as localhost.';
}

/** What is no address, a name such as `127.0.0.1.example`, is of nobody. */
function isOfThisHost(text: string): boolean {
  const parsed = parseAddress(text);
  return parsed !== undefined && isLoopback(parsed.address);
}

function cpuProfile({ query, signal }: PageRequest): Answer {
  const written = query.get('seconds') ?? `${DEFAULT_SECONDS}`;
  const seconds = /^\d{1,3}$/.test(written) ? Number(written) : 0;
  if (seconds < 1 || seconds > MOST_SECONDS)
    return text(400, `seconds is a whole number from 1 to ${MOST_SECONDS}.\n`);
  return download('cpuprofile', recordedProfile(seconds * 1_000, signal));
}

function heapSnapshot(): Answer {
  const parts = async function* (): AsyncGenerator<string | Buffer> {
    yield* getHeapSnapshot();
  };
  return download('heapsnapshot', parts());
}

function download(extension: string, body: AsyncIterable<string | Buffer>): Answer {
  const headers = { 'content-disposition': `attachment; filename="kube-splice.${extension}"` };
  return { status: 200, contentType: 'application/json', body, headers };
}

async function* recordedProfile(ms: number, signal: AbortSignal): AsyncGenerator<string> {
  const session = new Session();
  session.connect();
  try {
    await posted(session, 'Profiler.enable');
    await posted(session, 'Profiler.start');
    for (let left = ms; left > 0 && !signal.aborted; left -= SIGN_OF_LIFE_MS) {
      // It rejects for one reason, that the client has gone.
      await delay(Math.min(left, SIGN_OF_LIFE_MS), undefined, { signal }).catch(() => undefined);
      // Blanks before JSON are part of it (RFC 8259, section 2).
      yield ' ';
    }
    const { profile } = (await posted(session, 'Profiler.stop')) as { profile: object };
    yield JSON.stringify(profile);
  } finally {
    session.disconnect();
  }
}

function posted(session: Session, method: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(method, (error: Error | null, result?: object) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}
