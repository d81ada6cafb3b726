import type { PastRedirect } from '../steering.js';
import { PROTOCOL_NUMBERS } from './family-words.js';
import type { TableContent } from './table-content.js';

/** Where the elements of a table send traffic that is not of the node itself. */
export function pastRedirects({ sets }: Pick<TableContent, 'sets'>): readonly PastRedirect[] {
  return [...sets.services, ...sets['node-ports']].map(([key, portalPort]) => {
    const [protocol, ...socket] = key.split(' . ');
    return {
      protocol: protocol === PROTOCOL_NUMBERS.TCP ? 'TCP' : 'UDP',
      address: socket.length === 2 ? (socket[0] ?? null) : null,
      port: Number(socket.at(-1)),
      portalPort: Number(portalPort),
    };
  });
}
