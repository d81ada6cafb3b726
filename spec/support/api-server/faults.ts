import { type ApiRequest, matches, type RequestMatcher } from './api-request.js';
import type { Status } from './status.js';

/** What goes wrong with the answer to one request. */
export type Fault =
  /** Something else is answered. */
  | {
      readonly kind: 'instead';
      readonly code: number;
      readonly body: string;
      readonly contentType: string;
      readonly headers: Readonly<Record<string, string>>;
    }
  /** The connection is closed instead of an answer. */
  | { readonly kind: 'cut-before-headers' }
  /** The connection is closed after so many bytes of the body; at the latest where the answer would end. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** `opening` is sent first; then each part (a list whole, or an event) as `change` leaves it. */
  | {
      readonly kind: 'corrupt';
      readonly opening: string;
      readonly change: (text: string, index: number) => string;
    }
  /** After the headers nothing comes, no bookmark, no end. */
  | { readonly kind: 'silence' }
  /** Not even headers come. */
  | { readonly kind: 'no-answer' }
  /** So many bytes come every `everyMs`, each by a write of its own. */
  | { readonly kind: 'drip'; readonly bytes: number; readonly everyMs: number }
  /** The answer ends soundly after so many parts: a watch after so many events. */
  | { readonly kind: 'end'; readonly afterParts: number };

const JSON_TYPE = 'application/json';

/** A Status; `headers` such as Retry-After. */
export function refuse(status: Status, headers: Readonly<Record<string, string>> = {}): Fault {
  return {
    kind: 'instead',
    code: status.code,
    body: `${JSON.stringify(status)}\n`,
    contentType: JSON_TYPE,
    headers,
  };
}

export function answerInstead(code: number, body: string, contentType = JSON_TYPE): Fault {
  return { kind: 'instead', code, body, contentType, headers: {} };
}

/** What priority and fairness answers: text, no Status. `retryAfter` in seconds, or an HTTP date. */
export function tooManyRequests(retryAfter: string | number = 1): Fault {
  return {
    kind: 'instead',
    code: 429,
    body: 'Too many requests, please try again later.\n',
    contentType: 'text/plain; charset=utf-8',
    headers: { 'retry-after': `${retryAfter}`, 'x-content-type-options': 'nosniff' },
  };
}

/** What a load balancer, or a portal for signing in, answers in the server's place. */
export function page(code: number): Fault {
  return answerInstead(code, `<!DOCTYPE html><html><body><h1>${code}</h1></body></html>\n`, 'text/html');
}

export const cutBeforeHeaders: Fault = { kind: 'cut-before-headers' };
export const silence: Fault = { kind: 'silence' };
export const noAnswer: Fault = { kind: 'no-answer' };

export function cutAfter(afterBytes: number): Fault {
  return { kind: 'cut', afterBytes };
}

/** A line that is no event: at once, or in the place of the event of this index. */
export function garbageLine(line = '{"type":"ADDED","object":{"kin', inPlaceOf?: number): Fault {
  if (inPlaceOf === undefined) return { kind: 'corrupt', opening: `${line}\n`, change: (text) => text };
  return {
    kind: 'corrupt',
    opening: '',
    change: (text, index) => (index === inPlaceOf ? `${line}\n` : text),
  };
}

/** A list that ends as one should, but is no JSON: it lacks its second half. */
export const halfList: Fault = {
  kind: 'corrupt',
  opening: '',
  change: (text) => text.slice(0, text.length >> 1),
};

export function drip(bytes: number, everyMs: number): Fault {
  return { kind: 'drip', bytes, everyMs };
}

export function endAfter(afterParts: number): Fault {
  return { kind: 'end', afterParts };
}

interface Rule {
  readonly matcher: RequestMatcher;
  readonly fault: Fault;
  times: number;
}

/** Which request meets which fault. */
export class FaultScript {
  /** Asked first, of every request. */
  intercept: (request: ApiRequest) => Fault | undefined = () => undefined;
  #rules: readonly Rule[] = [];

  /** The next `times` such requests meet it, after those of earlier calls. */
  next(matcher: RequestMatcher, fault: Fault, times = 1): void {
    this.#rules = [...this.#rules, { matcher, fault, times }];
  }

  /** Every such request meets it, until the returned function is called. */
  always(matcher: RequestMatcher, fault: Fault): () => void {
    const rule: Rule = { matcher, fault, times: Number.POSITIVE_INFINITY };
    this.#rules = [...this.#rules, rule];
    return () => {
      this.#rules = this.#rules.filter((other) => other !== rule);
    };
  }

  clear(): void {
    this.#rules = [];
    this.intercept = () => undefined;
  }

  /** The fault that this request meets; it counts as met. */
  take(request: ApiRequest): Fault | undefined {
    const intercepted = this.intercept(request);
    if (intercepted !== undefined) return intercepted;
    const rule = this.#rules.find(({ matcher, times }) => times > 0 && matches(request, matcher));
    if (rule !== undefined) rule.times -= 1;
    return rule?.fault;
  }
}
