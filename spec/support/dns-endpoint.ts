import { UdpEndpoint } from './udp-endpoint.js';

const HEADER_BYTES = 12;
const RESPONSE_WITHOUT_ERROR = 0x8180;
/** The name of the question (a pointer to it), type A, class IN, a TTL of 60 s, four bytes of data (RFC 1035, 4.1). */
const ANSWER_HEAD = Buffer.from([0xc0, HEADER_BYTES, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);

/** A name server that knows one address for every name. */
export function startNameServer(address: string): Promise<UdpEndpoint> {
  return UdpEndpoint.bind((query) => answer(query, address));
}

function answer(query: Buffer, address: string): Buffer {
  const header = Buffer.from(query.subarray(0, HEADER_BYTES));
  header.writeUInt16BE(RESPONSE_WITHOUT_ERROR, 2);
  header.writeUInt16BE(1, 6);
  // What follows the question, the client's EDNS options, is not answered.
  header.writeUInt16BE(0, 10);
  const endOfName = query.indexOf(0, HEADER_BYTES);
  const question = query.subarray(HEADER_BYTES, endOfName + 5);
  return Buffer.concat([header, question, ANSWER_HEAD, Buffer.from(address.split('.').map(Number))]);
}
