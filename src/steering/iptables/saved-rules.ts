/** A table as `iptables-save -t TABLE` prints it: each chain with its rules in their order. */
export type SavedTable = ReadonlyMap<string, readonly string[]>;

/**
 * Reads what iptables-save prints. Of a rule the text is kept as it is, from `-A` on: what is counted goes.
 *
 *     *nat
 *     :PREROUTING ACCEPT [0:0]
 *     -A PREROUTING -j DOCKER
 *     COMMIT
 *
 * @returns by the name of the table, those that it prints.
 */
export function parseSavedRules(text: string): ReadonlyMap<string, SavedTable> {
  const tables = new Map<string, Map<string, string[]>>();
  let chains = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    switch (line[0]) {
      case '*':
        chains = new Map();
        tables.set(line.slice(1).trim(), chains);
        break;
      case ':':
        chains.set(line.slice(1, line.indexOf(' ')), []);
        break;
      case '-':
      case '[':
        addRule(chains, line);
    }
  }
  return tables;
}

function addRule(chains: Map<string, string[]>, line: string): void {
  const rule = line.startsWith('[') ? line.slice(line.indexOf(']') + 2) : line;
  if (!rule.startsWith('-A ')) return;
  const end = rule.indexOf(' ', 3);
  const chain = end === -1 ? rule.slice(3) : rule.slice(3, end);
  const rules = chains.get(chain);
  if (rules === undefined) chains.set(chain, [rule.trimEnd()]);
  else rules.push(rule.trimEnd());
}
