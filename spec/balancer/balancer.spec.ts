import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Balancer } from '../../src/balancer/balancer.js';
import { endpoint } from '../../src/model/endpoint.js';
import type { SessionAffinity } from '../../src/model/service-port.js';

/** One step of a vector: what is done to the balancer, and for a pick which endpoint must serve. */
type Step =
  | { readonly route: readonly string[]; readonly affinitySeconds?: number; readonly at?: number }
  | {
      readonly pick: string;
      readonly at?: number;
      readonly tried?: readonly string[];
      readonly expect: string | null;
    }
  | { readonly forget: string; readonly endpoint: string }
  | { readonly failed: string; readonly at?: number }
  | { readonly succeeded: string; readonly at?: number }
  | { readonly silent: string; readonly since: number };

interface Vector {
  readonly name: string;
  readonly random?: number;
  readonly steps: readonly Step[];
}

const NONE: SessionAffinity = { type: 'None' };
const [A, B, C] = [endpoint('10.0.0.1', 80), endpoint('10.0.0.2', 80), endpoint('10.0.0.3', 80)];

/** The vectors are shared by every implementation of the balancer: `spec/vectors/README.md`. */
const VECTORS: readonly Vector[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../vectors/balancer.json'), 'utf8'),
);

function letterOf(key: string | undefined): string | null {
  return key === undefined
    ? null
    : key.replace(/^10\.0\.0\.(\d+):80$/, (_, n) => String.fromCharCode(64 + Number(n)));
}

function keyOf(letter: string): string {
  return endpointOf(letter).key;
}

function endpointOf(letter: string) {
  return endpoint(`10.0.0.${letter.charCodeAt(0) - 64}`, 80);
}

function run(balancer: Balancer, step: Step): void {
  if ('route' in step) {
    const { affinitySeconds } = step;
    const affinity: SessionAffinity =
      affinitySeconds === undefined ? NONE : { type: 'ClientIP', timeoutSeconds: affinitySeconds };
    balancer.route(step.route.map(endpointOf), affinity, step.at ?? 0);
  } else if ('pick' in step) {
    const picked = balancer.pick(step.pick, step.at ?? 0, new Set((step.tried ?? []).map(keyOf)));
    expect(letterOf(picked?.key), JSON.stringify(step)).toBe(step.expect);
  } else if ('failed' in step) {
    balancer.failed(keyOf(step.failed), step.at ?? 0);
  } else if ('succeeded' in step) {
    balancer.succeeded(keyOf(step.succeeded));
  } else if ('silent' in step) {
    balancer.endedSilently(keyOf(step.silent), step.since);
  } else {
    balancer.forget(step.forget, keyOf(step.endpoint));
  }
}

describe('the balancer, by the shared vectors', () => {
  it.each(VECTORS)('$name', ({ random = 0, steps }) => {
    const balancer = new Balancer(() => random);
    for (const step of steps) run(balancer, step);
    expect(steps.some((step) => 'pick' in step)).toBe(true);
  });
});

describe('the balancer', () => {
  it('knows which endpoints it has', () => {
    const balancer = new Balancer(() => 0);
    balancer.route([A, B], NONE, 0);
    expect([balancer.has(A.key), balancer.has(C.key)]).toEqual([true, false]);
  });

  it('tells which endpoints are set aside and for how long, but for all of them', () => {
    const balancer = new Balancer(() => 0);
    balancer.route([A, B], NONE, 0);
    const fail = (key: string) => {
      for (let n = 0; n < 3; n += 1) balancer.failed(key, 100);
    };
    fail(A.key);
    expect(balancer.setAside(600)).toEqual(new Map([[A.key, 500]]));
    expect(balancer.setAside(2_000)).toEqual(new Map([[A.key, 0]]));
    fail(B.key);
    expect(balancer.setAside(600)).toEqual(new Map());
    balancer.succeeded(B.key);
    balancer.succeeded(A.key);
    expect(balancer.setAside(600)).toEqual(new Map());
  });

  it('is bounded in the clients it remembers', () => {
    const balancer = new Balancer(() => 0, 100);
    balancer.route([A, B], { type: 'ClientIP', timeoutSeconds: 10_800 }, 0);
    for (let client = 0; client < 1_000; client += 1) balancer.pick(`client ${client}`, client);
    expect(balancer.affinityClients(1_000)).toBe(100);
  });

  it('remembers nobody without affinity', () => {
    const balancer = new Balancer(() => 0);
    balancer.route([A, B], NONE, 0);
    balancer.pick('192.0.2.1', 0);
    expect(balancer.affinityClients(0)).toBe(0);
    expect(balancer.bond('192.0.2.1', 0)).toBeUndefined();
  });

  it('counts the clients whose time is not over', () => {
    const balancer = new Balancer(() => 0);
    balancer.route([A, B], { type: 'ClientIP', timeoutSeconds: 10 }, 0);
    for (let client = 0; client < 5; client += 1) balancer.pick(`client ${client}`, client * 1_000);
    expect(balancer.affinityClients(10_000)).toBe(4);
    expect(balancer.affinityClients(13_999)).toBe(1);
    expect(balancer.affinityClients(14_000)).toBe(0);
  });

  it('tells the bond of a client, which is no younger for it', () => {
    const balancer = new Balancer(() => 0);
    balancer.route([A, B], { type: 'ClientIP', timeoutSeconds: 10 }, 0);
    const picked = balancer.pick('192.0.2.1', 0);
    expect(balancer.bond('192.0.2.1', 4_000)).toEqual({ endpoint: picked?.key, remainingMs: 6_000 });
    expect(balancer.bond('192.0.2.1', 9_999)).toEqual({ endpoint: picked?.key, remainingMs: 1 });
    expect(balancer.bond('192.0.2.1', 10_000)).toBeUndefined();
    expect(balancer.bond('192.0.2.2', 0)).toBeUndefined();
  });
});
