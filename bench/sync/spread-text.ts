import { spread } from '../statistics.js';
import { figure } from '../table.js';

/** The median, and behind it the range where there are several figures. @throws RangeError where there are none. */
export function spreadText(figures: readonly number[]): string {
  const { median, min, max } = spread(figures);
  return figures.length === 1 ? figure(median) : `${figure(median)} (${figure(min)} – ${figure(max)})`;
}

/** What `spreadText` shows of so many. @param what is counted, in the singular. */
export function spreadTitle(count: number, what: string): string {
  return count === 1 ? counted(count, what) : `medians (and ranges) of ${counted(count, what)}`;
}

/** `1 start`, `2,000 starts`. @param what is counted, in the singular. */
export function counted(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}
