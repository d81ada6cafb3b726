import { describe, expect, it } from 'vitest';
import type { IPFamily } from '../../src/model/address.js';
import type { ServicePortName } from '../../src/model/service-port.js';
import type { Redirect } from '../../src/steering/steering.js';
import { withoutUnsteerable } from '../../src/steering/unsteerable.js';
import { aRedirect } from '../support/steering-values.js';

const NO_REASONS: ReadonlyMap<IPFamily, string> = new Map();

/** Traffic of this family to a portal that listens there; from the node to one that listens elsewhere, where it is told. */
function to(address: string, family: IPFamily, fromNode?: string): Redirect {
  return aRedirect({
    family,
    address: family === 'IPv4' ? '10.96.0.1' : 'fd00::1',
    portal: { address, port: 40_001 },
    fromNode:
      fromNode === undefined ? null : { portal: { address: fromNode, port: 40_002 }, verdict: 'redirect' },
  });
}

function toldOf(redirects: readonly Redirect[], reasons = NO_REASONS): string[] {
  return withoutUnsteerable(redirects, reasons).unsteered.map(({ code, message }) => `${code}: ${message}`);
}

describe('redirects that can be steered', () => {
  it.each([
    to('0.0.0.0', 'IPv4'),
    to('192.0.2.1', 'IPv4'),
    to('::', 'IPv6'),
    to('fd00::9', 'IPv6'),
    to('::', 'IPv4'),
    to('::', 'IPv4', '0.0.0.0'),
  ])('are those whose portals listen for their family: $family to $portal.address', (redirect) => {
    const redirects = [redirect];
    const sorted = withoutUnsteerable(redirects, NO_REASONS);
    expect(sorted.steerable).toBe(redirects);
    expect(sorted.unsteered).toEqual([]);
  });

  it.each([
    [to('0.0.0.0', 'IPv6'), '0.0.0.0', 'IPv6'],
    [to('127.0.0.1', 'IPv6'), '127.0.0.1', 'IPv6'],
    [to('fd00::9', 'IPv4'), 'fd00::9', 'IPv4'],
    [to('::', 'IPv6', '0.0.0.0'), '0.0.0.0', 'IPv6'],
  ])('are not those whose portals do not: %j', (redirect, address, family) => {
    expect(withoutUnsteerable([redirect], NO_REASONS).steerable).toEqual([]);
    expect(toldOf([redirect])).toEqual([
      `STEERING_UNSUPPORTED: default/web:http: portals on ${address} don't listen for ${family}`,
    ]);
  });

  it('are not those of a family that cannot be: its reason goes before that of the portal', () => {
    const [steered, unsteered] = [to('0.0.0.0', 'IPv4'), to('0.0.0.0', 'IPv6')];
    const reasons = new Map<IPFamily, string>([['IPv6', 'no nat table']]);
    expect(withoutUnsteerable([unsteered, steered], reasons).steerable).toEqual([steered]);
    expect(toldOf([unsteered, steered], reasons)).toEqual([
      "STEERING_UNSUPPORTED: default/web:http: IPv6 can't be steered: no nat table",
    ]);
  });
});

describe('what is told of the others', () => {
  it('is one error for each reason, with one service port and the number of the others', () => {
    const named = (servicePort: ServicePortName, redirect: Redirect): Redirect => ({
      ...redirect,
      servicePort,
    });
    const redirects = (['a/one', 'a/one', 'a/two', 'a/three'] as const).map((name) =>
      named(name, to('0.0.0.0', 'IPv6')),
    );
    expect(toldOf([...redirects, named('a/two', to('fd00::9', 'IPv4'))])).toEqual([
      "STEERING_UNSUPPORTED: a/one, and 2 more: portals on 0.0.0.0 don't listen for IPv6",
      "STEERING_UNSUPPORTED: a/two: portals on fd00::9 don't listen for IPv4",
    ]);
  });
});
