/**
 * What every request passes beside its data structure: the RESP parser and encoder, and the checksums of the wire and of the
 * files.
 */
import { BufferPool } from '../../memory/buffer-pool.ts';
import { PacketMemory } from '../../memory/packet-memory.ts';
import { SendQueue } from '../../memory/send-queue.ts';
import { CommandBatch } from '../../resp/batch.ts';
import { COMMAND, RequestParser } from '../../resp/parser.ts';
import { Reply } from '../../resp/reply.ts';
import { crc16 } from '../../store/crc16.ts';
import { Crc64 } from '../../store/crc64.ts';
import { hashBytes } from '../../store/hash.ts';
import { sum } from '../../wire/checksum.ts';
import type { Operation } from '../measure.ts';
import type { Subject } from '../subject.ts';
import { nameOf, type Workload } from '../workload.ts';

const SET_WORDS = 3;

function operation(name: string, count: number, each: (i: number) => void, prepare: () => void = () => {}): Operation {
  return {
    name,
    count,
    prepare,
    run: (first, n) => {
      for (let i = first; i < first + n; i++) each(i);
    },
  };
}

export function respSubject({ size, keyBytes, valueBytes }: Workload): Subject {
  const memory = new PacketMemory(32 << 20, 0);
  const batch = new CommandBatch();
  const parser = new RequestParser(memory, batch);
  const reply = new Reply(memory);
  const queue = new SendQueue(memory, new BufferPool(memory, 512, 16_384));
  const key = nameOf(1, keyBytes);
  const value = 'v'.repeat(valueBytes);
  const place = (...words: string[]): [from: number, to: number] => {
    const text = `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
    const at = memory.reserve(text.length + 64);
    memory.u8.set(Buffer.from(text), at);
    return [at, at + text.length];
  };
  const [get, set, mset] = [place('GET', key), place('SET', key, value), place('MSET', ...Array(100).fill(key))];
  const parse = (name: string, [from, to]: [number, number]): Operation =>
    operation(name, size, () => {
      batch.args = 0;
      if (parser.decode(from, to, true) !== COMMAND) throw new Error('the parser refuses a good request');
    });
  const encode = (name: string, each: () => void): Operation =>
    operation(name, size, each, () => {
      reply.finish();
      queue.clear();
      reply.begin(queue, 2, false);
    });
  return {
    operations: [
      parse('parse GET', get),
      parse(`parse SET of ${valueBytes} bytes`, set),
      parse('parse 101 words', mset),
      encode('encode +OK', () => reply.ok()),
      encode('encode an integer', () => reply.integer(123_456)),
      encode(`encode ${valueBytes} bytes`, () => reply.bulk(set[1] - valueBytes - 2, valueBytes)),
    ],
    bytesAfter: '',
    bytesPerElement: () => SET_WORDS * 8, // an argument is an offset and a length
  };
}

export function checksumSubject({ size, keyBytes }: Workload): Subject {
  const memory = new PacketMemory(1 << 20, 0);
  const at = memory.reserve(65_536);
  for (let i = 0; i < 65_536; i++) memory.u8[at + i] = i & 255;
  const hashKey = Int32Array.of(1, 2);
  const crc = new Crc64();
  let kept = 0;
  const count = Math.max(1, size >> 2);
  const keep = (name: string, each: () => number): Operation =>
    operation(name, count, () => {
      kept ^= each();
    });
  return {
    operations: [
      keep('Internet checksum, 64 bytes', () => sum(memory, at, 64)),
      keep('Internet checksum, 1456 bytes', () => sum(memory, at, 1456)),
      keep(`halfsiphash, ${keyBytes} bytes`, () => hashBytes(memory.dv, at, keyBytes, hashKey)),
      keep(`CRC-16, ${keyBytes} bytes`, () => crc16(memory.u8, at, at + keyBytes)),
      keep('CRC-64, 1024 bytes', () => {
        crc.update(memory.u8, at, at + 1024);
        return crc.low;
      }),
    ],
    bytesAfter: '',
    bytesPerElement: () => null,
    extras: () => ({ kept: [kept] }),
  };
}
