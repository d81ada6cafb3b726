import { newClusters } from '@kubernetes/client-node/dist/config_types.js';
import type { Field } from '../../../model/field.js';
import type { ClusterConfig } from './cluster-config.js';
import { hasPem, type KubeconfigFile, mappingAt, pathOf, placeOf, textOf } from './kubeconfig-field.js';
import { parseProxyAddress } from './proxy-address.js';
import { parseServerAddress, type ServerAddress } from './server-address.js';

/**
 * The `cluster` of a kubeconfig file that has this name. Mistakes are reported to the field: the library reads what it
 * finds, of any type, and says nothing.
 *
 * @param master takes the place of `server`; `tls-server-name`, which belongs to that, then does not count.
 * @throws KubeSpliceError `KUBECONFIG_INVALID` for a `server` or `proxy-url` that is no URL.
 */
export function readCluster(
  name: string,
  field: Field,
  file: KubeconfigFile,
  master: ServerAddress | null,
): Omit<ClusterConfig, 'user'> | null {
  const entry = mappingAt(field);
  if (entry === null) return null;
  const server = master ?? serverOf(field.child('server'), file);
  const hasAuthorities = hasPem(field, 'certificate-authority');
  const insecure = field.child('insecure-skip-tls-verify');
  if (insecure.flag() && hasAuthorities)
    insecure.report('is true, and there is a certificate authority: leave one of the two out');
  const serverName = textOf(field.child('tls-server-name'));
  const proxyField = field.child('proxy-url');
  const proxyUrl = textOf(proxyField);
  if (server === null) return null;
  const resolved = {
    ...entry,
    server: server.url,
    'certificate-authority': pathOf(field.child('certificate-authority'), file),
    'tls-server-name': master === null ? serverName : null,
  };
  const [cluster] = newClusters([{ name, cluster: resolved }]);
  if (cluster === undefined) return null;
  const proxy = proxyUrl === null ? null : parseProxyAddress(proxyUrl, placeOf(proxyField, file));
  return { server, proxy, cluster: { ...cluster, place: `${placeOf(field, file)}.` } };
}

function serverOf(field: Field, file: KubeconfigFile): ServerAddress | null {
  const text = textOf(field);
  if (text !== null) return parseServerAddress(text, placeOf(field, file));
  if (field.errors.length === 0) field.missing('give the URL of the API server');
  return null;
}

/** The configuration that a cluster holds for exec plugins; undefined where it holds none. */
export function execExtensionOf(cluster: Field): unknown {
  const extensions = cluster.child('extensions');
  if (!Array.isArray(extensions.value)) return undefined;
  return extensions
    .items()
    .find((item) => item.child('name').value === 'client.authentication.k8s.io/exec')
    ?.child('extension').value;
}
