/** One metric of a page in the text format of Prometheus. */
export interface MetricFamily {
  readonly type: string;
  readonly help: string;
  /** Value by the labels as they are written, `{}` for none; of a histogram behind the suffix of its name. */
  readonly series: ReadonlyMap<string, number>;
}

/**
 * Reads a page in the text format of Prometheus (prometheus.io, Exposition formats), as strictly as it is read there.
 *
 * @throws Error at a line that is none of the format, has no HELP and TYPE before it, or is there twice.
 */
export function readExposition(page: string): ReadonlyMap<string, MetricFamily> {
  const families = new Map<string, { type: string; help: string; series: Map<string, number> }>();
  let [current, help] = ['', ''];
  for (const line of page.split('\n')) {
    if (line === '') continue;
    const ofHelp = /^# HELP (\w+) (.+)$/.exec(line);
    const ofType = /^# TYPE (\w+) (counter|gauge|histogram|summary)$/.exec(line);
    const sample = /^(\w+)(\{[^}]*\})? (\S+)$/.exec(line);
    if (ofHelp !== null) [, current = '', help = ''] = ofHelp;
    else if (ofType !== null) {
      if (ofType[1] !== current || families.has(current)) throw new Error(`out of order: ${line}`);
      families.set(current, { type: ofType[2] ?? '', help, series: new Map() });
    } else if (sample?.[1]?.startsWith(current) === true) {
      const series = families.get(current)?.series;
      const key = `${sample[1].slice(current.length)}${sample[2] ?? '{}'}`;
      if (series === undefined || series.has(key)) throw new Error(`twice, or without a type: ${line}`);
      series.set(key, Number(sample[3]));
    } else throw new Error(`not of the format: ${line}`);
  }
  return families;
}
