import { type ApiRequest, matches, type RequestMatcher } from './api-request.js';

interface Waiting {
  readonly matcher: RequestMatcher;
  readonly resolve: (request: ApiRequest) => void;
}

/** Every request that a server saw, in the order in which they came. */
export class RequestLog {
  #requests: ApiRequest[] = [];
  #waiting: readonly Waiting[] = [];

  /** Notes a request; returns how to note what was answered. */
  add(request: ApiRequest): (status: number) => void {
    const noted = { ...request };
    this.#requests.push(noted);
    this.#serve(noted);
    return (status) => {
      noted.status = status;
      this.#serve(noted);
    };
  }

  get all(): readonly ApiRequest[] {
    return this.#requests;
  }

  matching(matcher: RequestMatcher): readonly ApiRequest[] {
    return this.#requests.filter((request) => matches(request, matcher));
  }

  /** How many there were. */
  count(matcher: RequestMatcher): number {
    return this.matching(matcher).length;
  }

  /** The first such request: one that was seen already, or the next. With `status` it resolves when that is answered. */
  first(matcher: RequestMatcher): Promise<ApiRequest> {
    const seen = this.#requests.find((request) => matches(request, matcher));
    return seen === undefined ? this.next(matcher) : Promise.resolve(seen);
  }

  /** The next such request from now on; with `status`, the next that is answered so. */
  next(matcher: RequestMatcher): Promise<ApiRequest> {
    return new Promise((resolve) => {
      this.#waiting = [...this.#waiting, { matcher, resolve }];
    });
  }

  forget(): void {
    this.#requests = [];
  }

  #serve(request: ApiRequest): void {
    const served = this.#waiting.filter(({ matcher }) => matches(request, matcher));
    this.#waiting = this.#waiting.filter((waiting) => !served.includes(waiting));
    for (const { resolve } of served) resolve(request);
  }
}
