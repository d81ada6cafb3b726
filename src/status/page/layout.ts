import type { Answer } from '../page-answer.js';
import { type Html, html } from './html.js';

/**
 * Nothing but what this server itself sends is run, shown or asked for, and nobody may put the page into theirs: what a cluster calls
 * its Services could do nothing even if it came through as markup (W3C, Content Security Policy Level 3).
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

export interface Document {
  readonly title: string;
  /** Path and query of the stream that keeps it up to date; null where nothing changes. */
  readonly events: string | null;
  readonly body: Html;
}

/** A whole page. */
export function documentAnswer(status: number, { title, events, body }: Document): Answer {
  const page = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="/page.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page.css">
<script src="/page.js" defer></script>
</head>
<body${events === null ? null : html` data-events="${events}"`}>
<a class="skip" href="#main">To the content</a>
<header><h1><a href="/">kube-splice</a></h1><p id="connection" role="alert" hidden></p><noscript><p>Reload to see newer figures.</p></noscript></header>
<main id="main" tabindex="-1">
${body}
</main>
<footer>Rates are of the last two seconds, times in UTC. <a href="/metrics">/metrics</a> <a href="/v1/status">/v1/status</a></footer>
</body>
</html>
`;
  return {
    status,
    contentType: 'text/html; charset=utf-8',
    body: page.text,
    headers: {
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    },
  };
}
