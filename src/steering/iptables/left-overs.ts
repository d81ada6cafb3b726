import type { IPFamily } from '../../model/address.js';
import { hasLegacyTables, type IptablesHost } from './find-programs.js';
import { IptablesCommands, type IptablesPrograms } from './iptables-programs.js';
import { rulesRemoved } from './removal.js';
import { parseSavedRules, type SavedTable } from './saved-rules.js';

/**
 * What these programs have in the kernel; nothing is made to find out: to ask iptables-legacy for a table that is not
 * there would make it.
 */
export async function existingTables(
  found: readonly IptablesPrograms[],
  family: IPFamily,
  host: IptablesHost,
): Promise<readonly ReadonlyMap<string, SavedTable>[]> {
  const tables: ReadonlyMap<string, SavedTable>[] = [];
  for (const commands of inUse(found, family, host)) tables.push(parseSavedRules(await commands.save()));
  return tables;
}

/**
 * Removes every rule of ours that these programs have in the kernel.
 *
 * @throws KubeSpliceError `STEERING_FAILED` for the first of them that fails, after the others have done it.
 */
export async function removeLeftOvers(
  found: readonly IptablesPrograms[],
  family: IPFamily,
  host: IptablesHost,
): Promise<void> {
  const failures: unknown[] = [];
  for (const commands of inUse(found, family, host))
    await removeOurs(commands).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

function inUse(
  found: readonly IptablesPrograms[],
  family: IPFamily,
  host: IptablesHost,
): readonly IptablesCommands[] {
  return found
    .filter(({ variant }) => variant === 'nft' || hasLegacyTables(family, host))
    .map((programs) => new IptablesCommands(host.runner, programs, host.find));
}

async function removeOurs(commands: IptablesCommands): Promise<void> {
  const input = rulesRemoved(parseSavedRules(await commands.save()));
  if (input !== '') await commands.restore(input);
}
