/** DEBUG PROTOCOL: a reply of every type that RESP2 and RESP3 have, for tests of clients. */
import type { Reply } from '../../resp/reply.ts';

const SAMPLES: Readonly<Record<string, (reply: Reply) => void>> = {
  string: (reply) => reply.bulkText('Hello World'),
  integer: (reply) => reply.integer(12_345),
  double: (reply) => reply.double(3141 / 1000),
  bignum: (reply) => reply.bigNumber('1234567999999999999999999999999999999'),
  null: (reply) => reply.nil(),
  array: (reply) => {
    reply.array(3);
    sayNumbers(reply);
  },
  set: (reply) => {
    reply.set(3);
    sayNumbers(reply);
  },
  map: (reply) => {
    reply.map(3);
    for (let i = 0; i < 3; i++) {
      reply.integer(i);
      reply.boolean(i === 1);
    }
  },
  attrib: (reply) => {
    if (reply.protocol > 2) {
      reply.attribute(1);
      reply.bulkText('key-popularity');
      reply.array(2);
      reply.bulkText('key:123');
      reply.integer(90);
    }
    reply.bulkText('Some real reply following the attribute');
  },
  push: (reply) => {
    if (reply.protocol === 2) {
      reply.error('ERR RESP2 is not supported by this command');
      return;
    }
    reply.push(2);
    reply.bulkText('server-cpu-usage');
    reply.integer(42);
    reply.bulkText('Some real reply following the push reply');
  },
  verbatim: (reply) => reply.verbatim('txt', 'This is a verbatim\nstring'),
  true: (reply) => reply.boolean(true),
  false: (reply) => reply.boolean(false),
};

export const PROTOCOL_TYPES: readonly string[] = Object.keys(SAMPLES);

/** False when there is no such type. */
export function sayProtocolType(reply: Reply, type: string): boolean {
  if (!PROTOCOL_TYPES.includes(type)) return false;
  SAMPLES[type](reply);
  return true;
}

function sayNumbers(reply: Reply): void {
  for (let i = 0; i < 3; i++) reply.integer(i);
}
