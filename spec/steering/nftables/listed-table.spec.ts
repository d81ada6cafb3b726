import { describe, expect, it } from 'vitest';
import { NOTHING_COUNTED, parseListedTable } from '../../../src/steering/nftables/listed-table.js';
import { rewriting } from '../../../src/steering/nftables/table-commands.js';
import { contentOf } from '../../../src/steering/nftables/table-content.js';
import { tableOutline } from '../../../src/steering/nftables/table-outline.js';
import { TableMaker } from '../../../src/steering/nftables/wanted-table.js';
import { aPlace, aRedirect, steeringState } from '../../support/steering-values.js';

/** As nft 1.0 prints it, and as it printed more than one element a line before. */
const LISTED = `table ip kube-splice {
	map services {
		type inet_proto . ipv4_addr . inet_service : inet_service
		elements = { 6 . 10.96.0.1 . 443 : 40001, tcp . 10.96.0.2 . 80 : 40002,
			     udp . 10.96.0.10 . 53 : 40003 }
	}

	chain sources-0123 {
		ip saddr 10.0.0.0/8 return
		drop
	}

	chain filter-input {
		type filter hook input priority -10; policy accept;
		meta l4proto . tcp dport @portals counter packets 12 bytes 720 reject with tcp reset
		meta l4proto . udp dport @portals counter packets 3 bytes 90 drop
	}
}
`;

describe('a table as nft lists it', () => {
  it('is read element by element, with protocols by number', async () => {
    const listed = await parseListedTable(LISTED);
    expect([...(listed?.content.sets.services ?? [])]).toEqual([
      ['6 . 10.96.0.1 . 443', '40001'],
      ['6 . 10.96.0.2 . 80', '40002'],
      ['17 . 10.96.0.10 . 53', '40003'],
    ]);
    expect(listed?.content.sourceChains).toEqual(
      new Map([['sources-0123', ['ip saddr 10.0.0.0/8 return', 'drop']]]),
    );
  });

  it('has an outline without elements, chains of sources and counts', async () => {
    const listed = await parseListedTable(LISTED);
    expect([...(listed?.outline.keys() ?? [])]).toEqual(['map services', 'chain filter-input']);
    expect(listed?.outline.get('chain filter-input')?.[2]).toBe(
      'meta l4proto . udp dport @portals counter drop',
    );
    expect(listed?.refused).toEqual({ tcp: { packets: 12, bytes: 720 }, udp: { packets: 3, bytes: 90 } });
  });

  it.each([
    ['cut off', LISTED.slice(0, -3)],
    ['of another name', LISTED.replace('kube-splice', 'kube-proxy')],
    ['followed by another one', `${LISTED}table ip nat {\n}\n`],
    [
      'with elements of another kind',
      LISTED.replace('10.96.0.1 . 443 : 40001', '10.96.0.1 . 443 timeout 1s : 1'),
    ],
    ['with elements of a set that is not ours', LISTED.replace('map services', 'map others')],
    ['with an object of another kind', LISTED.replace('map services', 'counter services')],
    ['empty', ''],
  ])('is not taken for ours where it is %s', async (_, text) => {
    expect(text).not.toBe(LISTED);
    const listed = await parseListedTable(text);
    // A rule of somebody in an element's place is no element of ours.
    expect(listed?.content.sets.services.get('6 . 10.96.0.1 . 443')).toBeUndefined();
    expect(listed).toBeNull();
  });

  it('is what was written', async () => {
    const outline = tableOutline({ family: 'IPv4', place: aPlace(), portalAddress: 'all', hasFib: true });
    const state = steeringState(
      aRedirect(),
      aRedirect({ kind: 'LoadBalancer', address: '1.2.3.4', sourceRanges: ['10.0.0.0/8'] }),
    );
    const { content } = await new TableMaker('IPv4').make(state);
    if (content === null) throw new Error('it has elements');
    const written = rewriting('IPv4', outline, await contentOf(content), NOTHING_COUNTED);
    const listed = await parseListedTable(written.slice(written.indexOf('table ip kube-splice {')));
    expect(listed).toEqual({ outline, content: await contentOf(content), refused: NOTHING_COUNTED });
  });
});
