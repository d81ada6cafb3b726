import { describe, expect, it } from 'vitest';
import { jumpDifference } from '../../../src/steering/iptables/jump-difference.js';

const FIRST = '-A PREROUTING -m comment --comment "handle ClusterIPs" -j KUBE-PORTALS-CONTAINER';
const LAST = '-A PREROUTING -m addrtype --dst-type LOCAL -j KUBE-NODEPORT-CONTAINER';
const DOCKER = '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER';
const CALICO = '-A PREROUTING -j cali-PREROUTING';
const jumps = { first: [FIRST], last: [LAST] };

function difference(rules: readonly string[], before?: readonly string[]) {
  return jumpDifference('PREROUTING', rules, jumps, before);
}

/** What iptables-restore makes of such lines. */
function applied(rules: readonly string[], lines: readonly string[]): string[] {
  const result = [...rules];
  for (const line of lines) {
    const [, command, place = '', rest = ''] = /^-([DIA]) PREROUTING (?:(\d+) )?(.*)$/.exec(line) ?? [];
    const rule = `-A PREROUTING ${rest}`;
    if (command === 'D') result.splice(result.indexOf(rule), 1);
    else if (command === 'I') result.splice(Number(place) - 1, 0, rule);
    else result.push(rule);
  }
  return result;
}

describe('our jumps in a chain of others', () => {
  it.each<[string, readonly string[]]>([
    ['are missing', [DOCKER, CALICO]],
    ['were flushed with everything else', []],
    ['are there in part', [FIRST, DOCKER]],
    ['are there twice', [FIRST, FIRST, DOCKER, LAST]],
    ['are in the wrong order', [LAST, DOCKER, FIRST]],
    ['have another form', [FIRST, DOCKER, '-A PREROUTING -j KUBE-NODEPORT-CONTAINER']],
  ])('go to their places where they %s, and the others stay in their order', (_, rules) => {
    const { lines, after } = difference(rules);
    const others = rules.filter((rule) => rule === DOCKER || rule === CALICO);
    expect(applied(rules, lines)).toEqual([FIRST, ...others, LAST]);
    expect(after).toEqual([FIRST, ...others, LAST]);
  });

  it('stay where they are when somebody puts a rule of theirs before or behind them', () => {
    const before = [FIRST, LAST];
    for (const rules of [
      [CALICO, FIRST, DOCKER, LAST],
      [FIRST, LAST, DOCKER],
      [FIRST, CALICO, LAST],
    ]) {
      expect(difference(rules, before).lines).toEqual([]);
    }
  });

  it('go back where somebody moved them past a rule of others', () => {
    const before = [FIRST, DOCKER, CALICO, LAST];
    const rules = [DOCKER, FIRST, CALICO, LAST];
    expect(applied(rules, difference(rules, before).lines)).toEqual([FIRST, DOCKER, CALICO, LAST]);
  });

  it('are not thought to have moved because a rule of others is there twice', () => {
    const before = [FIRST, DOCKER, LAST];
    expect(difference([DOCKER, FIRST, DOCKER, LAST], before).lines).toEqual([]);
  });

  it('are known in the words of another release, too', () => {
    expect(difference([FIRST.replaceAll('"', '"'), DOCKER, LAST.replace('-m addrtype ', '')]).lines).toEqual(
      [],
    );
  });
});
