import { nearest } from '../../config/nearest.js';
import { KubeSpliceError } from '../../model/errors.js';
import { quoted } from '../../model/printable.js';
import { type ServicePort, type ServicePortName, serviceOf } from '../../model/service-port.js';

/**
 * The service ports that `NAMESPACE/SERVICE`, `NAMESPACE/SERVICE:PORT` means, where PORT is the port's name or number; all of
 * the Service's without it.
 *
 * @throws KubeSpliceError `SERVICE_PORT_UNKNOWN` where there is none, with the one that was probably meant.
 */
export function servicePortsMeant(
  asked: string,
  servicePorts: readonly Pick<ServicePort, 'name' | 'portName' | 'port'>[],
): ReadonlySet<ServicePortName> {
  const [service = '', port] = splitAtColon(asked);
  if (!/^[^/]+\/[^/]+$/.test(service))
    throw unknown(`${quoted(asked)} is not NAMESPACE/SERVICE or NAMESPACE/SERVICE:PORT`);
  const ofService = servicePorts.filter(({ name }) => serviceOf(name) === service);
  if (ofService.length === 0) {
    const meant = nearest(service, new Set(servicePorts.map(({ name }) => serviceOf(name))));
    throw unknown(
      `no Service ${quoted(service)} is proxied here${meant === undefined ? '' : `; did you mean ${quoted(meant)}?`}`,
      'Check namespace and name. Headless and ExternalName Services, and those labelled for another proxy, are left alone.',
    );
  }
  const found =
    port === undefined
      ? ofService
      : ofService.filter((servicePort) => servicePort.portName === port || String(servicePort.port) === port);
  if (found.length > 0) return new Set(found.map(({ name }) => name));
  const ports = ofService.map(({ portName, port: number }) =>
    portName === '' ? `${number}` : `${portName} (${number})`,
  );
  throw unknown(`Service ${quoted(service)} has no port ${quoted(port ?? '')}; it has ${ports.join(', ')}`);
}

function splitAtColon(text: string): readonly [string, string?] {
  const colon = text.indexOf(':');
  return colon === -1 ? [text] : [text.slice(0, colon), text.slice(colon + 1)];
}

function unknown(message: string, remedy?: string): KubeSpliceError {
  return new KubeSpliceError('SERVICE_PORT_UNKNOWN', message, remedy === undefined ? {} : { remedy });
}
