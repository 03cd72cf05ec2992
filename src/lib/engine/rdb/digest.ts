/**
 * The digests that DEBUG DIGEST and DEBUG DIGEST-VALUE tell: 20 bytes that two servers have in common when they have the same
 * data, whatever its representation. SHA-1 in two ways of adding to a digest:
 *
 *   xor(data)   digest ^ SHA1(data)               in any order: elements of a set, keys of a database
 *   mix(data)   SHA1(digest ^ SHA1(data))         in this order: elements of a list, a field and its value
 */
import { createHash } from 'node:crypto';

export const DIGEST_BYTES = 20;

function sha1(bytes: Uint8Array): Buffer {
  return createHash('sha1').update(bytes).digest();
}

export class Digest {
  readonly bytes = new Uint8Array(DIGEST_BYTES);

  clear(): void {
    this.bytes.fill(0);
  }

  /** Digests of elements are added so, too. */
  xor(data: Uint8Array): void {
    const digest = sha1(Buffer.from(data)); // a copy: what hashes takes no shared memory
    for (let i = 0; i < DIGEST_BYTES; i++) this.bytes[i] ^= digest[i];
  }

  mix(data: Uint8Array): void {
    this.xor(data);
    this.bytes.set(sha1(this.bytes));
  }

  get hex(): string {
    return Buffer.from(this.bytes).toString('hex');
  }
}
