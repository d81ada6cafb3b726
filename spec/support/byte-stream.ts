import { type Cipher, createCipheriv, createHash, type Hash } from 'node:crypto';

const CHUNK_BYTES = 65_536;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

/** What a stream carried: enough to tell a lost, doubled, moved or changed byte. */
export interface Digest {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * An endless stream of bytes that depends on its seed only and never repeats: what is read at another place than it
 * was written, or twice, does not match.
 */
export class ByteStream {
  readonly #cipher: Cipher;

  constructor(seed: number) {
    const key = Buffer.alloc(16);
    key.writeUInt32BE(seed);
    this.#cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  }

  /** The next `length` bytes. */
  next(length: number): Buffer {
    return this.#cipher.update(length <= CHUNK_BYTES ? ZEROS.subarray(0, length) : Buffer.alloc(length));
  }

  /** The next `length` bytes in pieces of at most 64 KiB. */
  *chunks(length: number): Generator<Buffer> {
    for (let left = length; left > 0; left -= CHUNK_BYTES) yield this.next(Math.min(left, CHUNK_BYTES));
  }
}

/** Reads a stream to tell what it carried, without keeping it. */
export class Digester {
  readonly #hash: Hash = createHash('sha256');
  #bytes = 0;

  update(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
  }

  digest(): Digest {
    return { bytes: this.#bytes, sha256: this.#hash.copy().digest('hex') };
  }
}

/** What the first `length` bytes of the stream of this seed come to. */
export function digestOf(seed: number, length: number): Digest {
  const digester = new Digester();
  for (const chunk of new ByteStream(seed).chunks(length)) digester.update(chunk);
  return digester.digest();
}
