import { JUDGED } from './goals.js';
import type { Ratio } from './ratios.js';

const LEFT = 320;
const PLOT = 420;
const WIDTH = LEFT + PLOT + 70;
const BAR = 12;
const TITLE = 18;
const GAP = 10;
const TOP = 52;

/** The right end of the axis where no ratio goes beyond; longer bars are cut there, with their figure beside them. */
const LEAST_AXIS = 1.2;
const MOST_AXIS = 3;

/** Follows the reader's choice of a light or a dark page, also where the chart is an image in a document. */
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .note { fill: #59636e; }
  .haproxy { fill: #3572c6; }
  .nginx { fill: #2f8f5b; }
  .one { stroke: #59636e; }
  .goal { stroke: #cf222e; stroke-width: 2; }
  .page { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #9198a1; }
    .haproxy { fill: #6ea8fe; }
    .nginx { fill: #57c084; }
    .one { stroke: #9198a1; }
    .goal { stroke: #ff7b72; }
    .page { fill: #0d1117; }
  }
`;

/** An SVG of the ratios of one relay, the judged one where it ran: a group for each work, a bar for each rival. */
export function chart(all: readonly Ratio[]): string {
  const relay = all.find((ratio) => ratio.relay === JUDGED)?.relay ?? all[0]?.relay ?? JUDGED;
  const ratios = all.filter((ratio) => ratio.relay === relay);
  const works = [...new Set(ratios.map(({ work }) => work))];
  const longest = Math.max(LEAST_AXIS, ...ratios.map(({ own }) => (own?.max ?? 0) * 1.05));
  const axis = Math.min(MOST_AXIS, longest);
  const x = (ratio: number): number => LEFT + (Math.max(0, Math.min(ratio, axis)) / axis) * PLOT;
  const parts: string[] = [];
  let y = TOP;
  for (const work of works) {
    parts.push(text(12, y + 12, work, 'title'));
    y += TITLE;
    for (const ratio of ratios.filter((one) => one.work === work)) {
      parts.push(...bar(ratio, y, x));
      y += BAR + 6;
    }
    y += GAP;
  }
  const height = y + 24;
  const one = `<line class="one" x1="${px(x(1))}" x2="${px(x(1))}" y1="${TOP - 4}" y2="${y}" stroke-dasharray="3 3"/>`;
  const description = `${relay} as a share of haproxy and nginx: CPU for a unit of work, memory, added latency`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${escapeXml(description)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    text(12, 22, `${description} (less is better)`, 'title'),
    text(
      12,
      40,
      'median of rounds; thin line: least to most; red: the goal; dashed: as much as the rival',
      'note',
    ),
    one,
    ...parts,
    text(x(1) - 6, y + 14, '1.0', 'note'),
    '</svg>',
    '',
  ].join('\n');
}

function bar({ rival, own, goal }: Ratio, y: number, x: (ratio: number) => number): readonly string[] {
  const middle = y + BAR / 2;
  const label = text(LEFT - 8, y + BAR - 1, `of ${rival}`, 'note', 'end');
  if (own === null) return [label, text(LEFT + 4, y + BAR - 1, 'not known', 'note')];
  const figure = `${own.median.toFixed(2)}${goal === null ? '' : ` (goal ${goal.toFixed(2)})`}`;
  const end = Math.max(x(own.max), goal === null ? 0 : x(goal));
  return [
    label,
    `<rect class="${rival}" x="${LEFT}" y="${y}" width="${px(x(own.median) - LEFT)}" height="${BAR}"/>`,
    `<line class="one" x1="${px(x(own.min))}" x2="${px(x(own.max))}" y1="${middle}" y2="${middle}"/>`,
    ...(goal === null
      ? []
      : [`<line class="goal" x1="${px(x(goal))}" x2="${px(x(goal))}" y1="${y - 2}" y2="${y + BAR + 2}"/>`]),
    end > LEFT + PLOT - 60
      ? text(LEFT - 80, y + BAR - 1, figure, '', 'end')
      : text(end + 6, y + BAR - 1, figure, ''),
  ];
}

function text(x: number, y: number, content: string, style: string, anchor = 'start'): string {
  return `<text class="${style}" x="${px(x)}" y="${px(y)}" text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

function px(value: number): string {
  return value.toFixed(1);
}

/** Also for attributes: all five characters that mean something in XML. */
export function escapeXml(content: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&apos;',
  };
  return content.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
