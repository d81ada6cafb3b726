import { describe, expect, it } from 'vitest';
import { kubeProxyRule, servicePortOfComment } from '../../../src/steering/kube-proxy-rules/saved-rule.js';

describe('a rule of kube-proxy', () => {
  it('is read from what iptables-save prints', () => {
    const rule =
      '-A KUBE-FW-X -s 172.30.0.0/24 -d 10.96.0.1/32 -p tcp -m comment --comment "a/b:c loadbalancer IP" -m tcp --dport 80 -m addrtype --dst-type LOCAL -j KUBE-EXT-X';
    expect(kubeProxyRule(rule)).toEqual({
      protocol: 'TCP',
      destination: '10.96.0.1',
      port: 80,
      source: '172.30.0.0/24',
      comment: 'a/b:c loadbalancer IP',
      isFromNode: false,
      isToNode: true,
      recentSeconds: null,
      jump: 'KUBE-EXT-X',
      toDestination: null,
      rejectWith: null,
      asksSet: false,
    });
  });

  it('is the same as releases write it that have no lengths of prefixes, numbers for protocols, and long names', () => {
    const rule =
      '-A KUBE-SERVICES --destination 10.96.0.1 --protocol 17 --destination-port 53 --jump KUBE-SVC-X';
    expect(kubeProxyRule(rule)).toMatchObject({ destination: '10.96.0.1', protocol: 'UDP', port: 53 });
    expect(kubeProxyRule(rule).jump).toBe('KUBE-SVC-X');
    expect(kubeProxyRule('-A X -p sctp -j Y').protocol).toBe('SCTP');
    expect(kubeProxyRule('-A X -d fd00:0::1/128 -j Y').destination).toBe('fd00::1');
  });

  it('has no destination where it is for more than one address, or for all but one', () => {
    expect(kubeProxyRule('-A X -d 10.0.0.0/8 -j Y').destination).toBeNull();
    expect(kubeProxyRule('-A X ! -d 10.0.0.1/32 -j Y').destination).toBeNull();
    expect(kubeProxyRule('-A X ! -s 10.0.0.0/8 -j Y').source).toBeNull();
    expect(kubeProxyRule('-A X -p icmp -m tcp --dport 80:90 -j Y')).toMatchObject({
      protocol: null,
      port: null,
    });
  });

  it('tells whom it is for: the node itself, and who was here before', () => {
    expect(kubeProxyRule('-A X -m addrtype --src-type LOCAL -j Y').isFromNode).toBe(true);
    expect(kubeProxyRule('-A X -m addrtype ! --src-type LOCAL -j Y').isFromNode).toBe(false);
    const recent =
      '-A X -m recent --rcheck --seconds 600 --reap --name S --mask 255.255.255.255 --rsource -j S';
    expect(kubeProxyRule(recent).recentSeconds).toBe(600);
    expect(
      kubeProxyRule('-A X -m recent --set --name S --rsource -j DNAT --to-destination [fd00::1]:80'),
    ).toMatchObject({
      recentSeconds: null,
      toDestination: '[fd00::1]:80',
    });
  });
});

describe('the service port of a comment', () => {
  it.each([
    ['default/web:http cluster IP', 'default/web:http'],
    ['default/web cluster IP', 'default/web'],
    // As kube-proxy wrote it until 1.20.
    ['default/nginx: loadbalancer IP', 'default/nginx'],
    ['default/nginx:', 'default/nginx'],
    ['default/web:http', 'default/web:http'],
  ])('%s', (comment, servicePort) => {
    expect(servicePortOfComment(comment)).toBe(servicePort);
  });

  it.each([null, '', 'kubernetes service portals', 'a/b/c of somebody', 'Default/Web:http'])(
    'is none where there is another text: %s',
    (comment) => {
      expect(servicePortOfComment(comment)).toBeNull();
    },
  );
});
