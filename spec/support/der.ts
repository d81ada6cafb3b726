/** The few ASN.1 types that a certificate is made of, in DER (ITU-T X.690). */
const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;

function encoded(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}

export function sequence(...parts: readonly Buffer[]): Buffer {
  return encoded(SEQUENCE, Buffer.concat(parts));
}

export function set(...parts: readonly Buffer[]): Buffer {
  return encoded(SET, Buffer.concat(parts));
}

/** A positive number, its most significant byte first. */
export function integer(bytes: Buffer): Buffer {
  const isNegative = ((bytes[0] ?? 0) & 0x80) !== 0;
  return encoded(INTEGER, isNegative ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

export function boolean(value: boolean): Buffer {
  return encoded(BOOLEAN, Buffer.from([value ? 0xff : 0]));
}

export function bitString(bytes: Buffer, unusedBits = 0): Buffer {
  return encoded(BIT_STRING, Buffer.concat([Buffer.from([unusedBits]), bytes]));
}

export function octetString(bytes: Buffer): Buffer {
  return encoded(OCTET_STRING, bytes);
}

export function text(value: string): Buffer {
  return encoded(UTF8_STRING, Buffer.from(value));
}

export function time(value: Date): Buffer {
  return encoded(GENERALIZED_TIME, Buffer.from(`${value.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`));
}

/** An object identifier, such as `2.5.4.3`. */
export function identifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number);
  return encoded(OBJECT_IDENTIFIER, Buffer.from([first * 40 + second, ...others.flatMap(base128)]));
}

/** What stands under a context's own tag: of parts, or of bytes. */
export function tagged(number: number, content: Buffer, isOfParts = true): Buffer {
  return encoded((isOfParts ? 0xa0 : 0x80) | number, content);
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = value >> 7; rest > 0; rest >>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}
