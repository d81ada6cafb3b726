import { table } from '../../table.js';
import { spreadText, spreadTitle } from '../spread-text.js';
import type { SteeredStarts } from './steered-starts-result.js';

/** How long the program takes until everything is steered, as a person reads it. @throws RangeError where there are no figures. */
export function steeredStartsText(results: readonly SteeredStarts[]): readonly string[] {
  const [first] = results;
  const starts = first?.starts[0]?.starts.length;
  if (first === undefined || starts === undefined) throw new RangeError('no starts');
  const rows = results.flatMap(({ services, starts: each }) => {
    const size = services.toLocaleString('en');
    return [
      [
        `${size}: start to ready, s`,
        ...each.map((one) => spreadText(one.starts.map(({ seconds }) => seconds))),
      ],
      [
        `${size}: CPU of it, s`,
        ...each.map((one) => spreadText(one.starts.map(({ cpuSeconds }) => cpuSeconds))),
      ],
    ];
  });
  return [
    `The program that steers: ${spreadTitle(starts, 'start')} with each --steering`,
    table(['Services', ...first.starts.map(({ steering }) => steering)], rows, 1),
  ];
}
