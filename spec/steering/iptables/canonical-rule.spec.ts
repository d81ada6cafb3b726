import { describe, expect, it } from 'vitest';
import { canonicalRule } from '../../../src/steering/iptables/canonical-rule.js';

describe('a rule in its canonical form', () => {
  it.each([
    ['the place of !', '-A X -s ! 10.0.0.0/8 -j DROP', '-A X ! -s 10.0.0.0/8 -j DROP'],
    ['the place of ! behind an interface', '-A INPUT -i ! lo -j X', '-A INPUT ! -i lo -j X'],
    ['a mask in dots', '-A X -s 10.96.0.0/255.240.0.0 -j DROP', '-A X -s 10.96.0.0/12 -j DROP'],
    ['a single address', '-A X -d 10.96.0.1 -p tcp -j DROP', '-A X -d 10.96.0.1/32 -p tcp -j DROP'],
    ['a single IPv6 address', '-A X -d fd00::1 -j DROP', '-A X -d fd00::1/128 -j DROP'],
    ['quotes', '-A X -m comment --comment "probe" -j DROP', '-A X -m comment --comment probe -j DROP'],
    [
      'the order of matches',
      '-A X -p tcp -m tcp --dport 80 -m state --state NEW',
      '-A X -m state --state NEW -p tcp -m tcp --dport 80',
    ],
    ['the protocol as a number', '-A X -p 17 -m udp --dport 53', '-A X -p udp -m udp --dport 53'],
    ['long names', '-A X --source 10.0.0.1 --jump DROP', '-A X -s 10.0.0.1/32 -j DROP'],
    ['matches that are implied', '-A X -p tcp --dport 80', '-A X -p tcp -m tcp --dport 80'],
  ])('does not tell %s', (_, one, other) => {
    expect(canonicalRule(one)).toBe(canonicalRule(other));
  });

  it.each([
    ['who is negated', '-A X ! -s 10.0.0.1 -d 10.0.0.2', '-A X -s 10.0.0.1 ! -d 10.0.0.2'],
    ['whether', '-A X ! -s 10.0.0.1', '-A X -s 10.0.0.1'],
    ['the chain', '-A X -j DROP', '-A Y -j DROP'],
    ['the verdict', '-A X -j DROP', '-A X -j ACCEPT'],
    ['the comment', '-A X -m comment --comment "a b"', '-A X -m comment --comment "a  b"'],
    [
      'what is quoted from what is not',
      '-A X -m comment --comment "-j DROP"',
      '-A X -m comment --comment c -j DROP',
    ],
    ['the mask', '-A X -s 10.0.0.0/8', '-A X -s 10.0.0.0/9'],
    ['the port', '-A X -p tcp --dport 80', '-A X -p tcp --dport 81'],
  ])('tells %s', (_, one, other) => {
    expect(canonicalRule(one)).not.toBe(canonicalRule(other));
  });
});
