/** Markup that is safe to send: made by `html` alone. */
export class Html {
  constructor(readonly text: string) {}
}

/** What may stand in a template. Text and numbers are escaped, markup is not; null is nothing. */
export type HtmlPart = Html | string | number | null | readonly HtmlPart[];

/**
 * Markup from a template: whatever is put in as text is text in the page, too, be it what a cluster calls its Services. It may stand
 * between tags and in quoted attributes, nowhere else (OWASP, Cross Site Scripting Prevention).
 */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlPart[]): Html {
  return new Html(parts.map((part, index) => part + textOf(values[index] ?? null)).join(''));
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function textOf(part: HtmlPart): string {
  if (part === null) return '';
  if (part instanceof Html) return part.text;
  if (isList(part)) return part.map(textOf).join('');
  return String(part).replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}

function isList(part: HtmlPart): part is readonly HtmlPart[] {
  return Array.isArray(part);
}
