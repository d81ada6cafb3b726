import { describe, expect, it } from 'vitest';
import { chart, escapeXml } from '../../bench/chart.js';
import type { Ratio } from '../../bench/ratios.js';

const RATIO: Ratio = {
  name: 'udp',
  work: 'a <b> & "c"',
  relay: 'native',
  rival: 'nginx',
  own: { median: 0.66, min: 0.6, max: 0.7 },
  machine: null,
  rate: null,
  goal: 0.7,
  met: true,
};

/** Every element that is opened is closed, in order; a stray `<` or `&` is found. */
function wellFormed(xml: string): boolean {
  const open: string[] = [];
  for (const [, close, name, rest] of xml.matchAll(/<(\/?)([a-z]+)([^<>]*)>/g)) {
    if (close === '/') {
      if (open.pop() !== name) return false;
    } else if (name !== undefined && rest?.endsWith('/') === false) open.push(name);
  }
  const text = xml.replace(/<\/?[a-z]+[^<>]*>/g, '');
  return open.length === 0 && !/[<>]|&(?!(amp|lt|gt|quot|apos);)/.test(text);
}

describe('the chart', () => {
  it('is well-formed, whatever a work is called', () => {
    const svg = chart([RATIO]);
    expect(wellFormed(svg)).toBe(true);
    expect(wellFormed(svg.replace('&lt;b', '<b'))).toBe(false);
    expect(svg).toContain('a &lt;b&gt; &amp; &quot;c&quot;');
    expect(svg).toContain('0.66 (goal 0.70)');
  });

  it('leaves out other relays than the judged one, and says what is not known', () => {
    const svg = chart([
      { ...RATIO, relay: 'portable', work: 'hidden' },
      { ...RATIO, own: null },
    ]);
    expect(svg).not.toContain('hidden');
    expect(svg).toContain('not known');
  });

  it('is there, empty, where nothing was compared', () => {
    expect(wellFormed(chart([]))).toBe(true);
  });
});

describe('escapeXml', () => {
  it('replaces all five characters that mean something', () => {
    expect(escapeXml(`<&>"'a`)).toBe('&lt;&amp;&gt;&quot;&apos;a');
  });
});
