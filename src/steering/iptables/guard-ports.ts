/** Ports that one `multiport` match takes (`XT_MULTI_PORTS` of `linux/netfilter/xt_multiport.h`). */
export const PORTS_IN_A_RULE = 15;

/** Rules may be so much more than are needed, before ports are put together anew. */
const MOST_SPARSE = 2;

/**
 * Ports in groups of `PORTS_IN_A_RULE` at most, each port in one group. A port stays in the group that it was in, so that
 * one portal more or less changes one rule; where groups have become sparse, all are made anew.
 *
 * @param before the groups that there are; a port may be in several of them, or not be wanted any more.
 */
export function groupPorts(
  before: readonly (readonly number[])[],
  wanted: ReadonlySet<number>,
): readonly (readonly number[])[] {
  const left = new Set(wanted);
  const groups: number[][] = [];
  for (const group of before) {
    const kept = group.filter((port) => left.delete(port));
    if (kept.length > 0) groups.push(kept);
  }
  const needed = Math.ceil(wanted.size / PORTS_IN_A_RULE);
  if (groups.length > needed * MOST_SPARSE) return packed(wanted);
  const withRoom = groups.filter((group) => group.length < PORTS_IN_A_RULE);
  for (const port of left) {
    let group = withRoom.at(-1);
    if (group === undefined) {
      group = [];
      groups.push(group);
      withRoom.push(group);
    }
    group.push(port);
    if (group.length === PORTS_IN_A_RULE) withRoom.pop();
  }
  return groups.map((group) => group.toSorted((a, b) => a - b));
}

function packed(ports: ReadonlySet<number>): readonly (readonly number[])[] {
  const sorted = [...ports].toSorted((a, b) => a - b);
  const groups: number[][] = [];
  for (let index = 0; index < sorted.length; index += PORTS_IN_A_RULE)
    groups.push(sorted.slice(index, index + PORTS_IN_A_RULE));
  return groups;
}
