import { SILENT_LOGGER } from '../host/log.js';
import { NodeAddresses } from '../host/node-addresses.js';
import { programSearch } from '../host/program-search.js';
import { SpawnedCommands } from '../host/spawned-commands.js';
import { removeAllRules } from '../steering/choose-steering.js';

/**
 * `kube-splice --cleanup`: removes every packet rule and chain that kube-splice ever makes, of iptables and of nftables,
 * for both families, and nothing else. Resolves with the exit code; 0 also where there is nothing to remove.
 *
 * @throws KubeSpliceError `STEERING_FAILED` where something could not be removed.
 */
export async function runCleanupCommand(write: (text: string) => void): Promise<number> {
  const addresses = new NodeAddresses(() => []);
  await removeAllRules({
    runner: new SpawnedCommands(),
    find: programSearch(process.env.PATH),
    place: {
      localAddresses: (family) => addresses.localAddresses(family),
      nodeAddress: (family) => addresses.nodeAddress(family),
      nodePortAddresses: [],
      clusterCIDRs: [],
    },
    logger: SILENT_LOGGER,
  });
  write('packet rules removed: none of kube-splice are left\n');
  return 0;
}
