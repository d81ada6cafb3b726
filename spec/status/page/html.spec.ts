import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { html } from '../../../src/status/page/html.js';

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', '/', '=', 'x', ' ', '`', '$', '{') }),
);

/** What a browser reads where a character reference stands. */
function read(markup: string): string {
  const references: Readonly<Record<string, string>> = {
    '&lt;': '<',
    '&gt;': '>',
    '&quot;': '"',
    '&#39;': "'",
    '&amp;': '&',
  };
  return markup.replace(/&(?:lt|gt|quot|#39|amp);/g, (reference) => references[reference] ?? '');
}

describe('markup from a template', () => {
  it('has text as text, whatever it is, and loses none of it', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const between = html`<p>${text}</p>`.text.slice('<p>'.length, -'</p>'.length);
        expect(between).not.toMatch(/[<>"']/);
        expect(read(between)).toBe(text);
      }),
    );
  });

  it('keeps text within a quoted attribute', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(html`<a href="${text}">`.text.slice('<a href="'.length, -'">'.length)).not.toContain('"');
      }),
    );
  });

  it('takes markup and lists of it as they are, and null as nothing', () => {
    const items = ['a', '<b>'].map((item) => html`<li>${item}</li>`);
    expect(html`<ul>${items}${null}${[1, '&']}</ul>`.text).toBe(
      '<ul><li>a</li><li>&lt;b&gt;</li>1&amp;</ul>',
    );
  });
});
