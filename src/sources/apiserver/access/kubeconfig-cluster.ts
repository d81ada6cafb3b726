import type { Field } from '../../../model/field.js';
import type { ClusterConfig } from './cluster-config.js';
import { isMappingAt, type KubeconfigFile, pemOf, placeOf, textOf } from './kubeconfig-field.js';
import { parseProxyAddress } from './proxy-address.js';
import { parseServerAddress, type ServerAddress } from './server-address.js';

/**
 * A `cluster` of a kubeconfig file. Mistakes are reported to the field.
 *
 * @param master takes the place of `server`; `tls-server-name`, which belongs to that, then does not count.
 * @throws KubeSpliceError `KUBECONFIG_INVALID` for a `server` or `proxy-url` that is no URL.
 */
export function readCluster(
  cluster: Field,
  file: KubeconfigFile,
  master: ServerAddress | null,
): Omit<ClusterConfig, 'user'> | null {
  if (!isMappingAt(cluster)) return null;
  const server = master ?? serverOf(cluster.child('server'), file);
  const authorities = pemOf(cluster, 'certificate-authority', file);
  const insecureField = cluster.child('insecure-skip-tls-verify');
  const insecure = insecureField.flag() ?? false;
  if (insecure && authorities !== null)
    insecureField.report('is true, and there is a certificate authority: leave one of the two out');
  const serverName = textOf(cluster.child('tls-server-name'));
  const proxyField = cluster.child('proxy-url');
  const proxyUrl = textOf(proxyField);
  if (server === null) return null;
  return {
    server,
    proxy: proxyUrl === null ? null : parseProxyAddress(proxyUrl, placeOf(proxyField, file)),
    trust: { authorities, serverName: master === null ? serverName : null, insecure },
  };
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
