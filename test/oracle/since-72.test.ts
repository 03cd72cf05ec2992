/**
 * What came with Redis 7.2 (and the hash fields with deadlines of 7.4), which the redis-server at hand can't answer: by what is
 * documented. Each case is one client of a fresh server; a reply is written as redis-cli shows raw ones, `|` for CR LF.
 */
import { expect, test } from 'vitest';
import { Ours } from './ours.ts';

type Case = readonly (readonly [command: string, reply: string | RegExp])[];

const CASES: Readonly<Record<string, Case>> = {
  'ZRANK and ZREVRANK WITHSCORE': [
    ['ZADD z 1 a 2.5 b', ':2|'],
    ['ZRANK z b WITHSCORE', '*2|:1|$3|2.5|'],
    ['ZREVRANK z b withscore', '*2|:0|$3|2.5|'],
    ['ZRANK z x WITHSCORE', '*-1|'],
    ['ZRANK none a WITHSCORE', '*-1|'],
    ['ZRANK z a SCORE', '-ERR syntax error|'],
    ['ZRANK z a WITHSCORE x', "-ERR wrong number of arguments for 'zrank' command|"],
    ['HELLO 3', /^%/],
    ['ZRANK z b WITHSCORE', '*2|:1|,2.5|'],
    ['ZRANK z x WITHSCORE', '_|'],
  ],
  'small sets are listpacks, until they are too many or too long': [
    ['SADD s 1 2', ':2|'],
    ['OBJECT ENCODING s', '$6|intset|'],
    ['SADD s a', ':1|'],
    ['OBJECT ENCODING s', '$8|listpack|'],
    ['SMEMBERS s', '*3|$1|1|$1|2|$1|a|'],
    [`SADD s ${'x'.repeat(64)}`, ':1|'],
    ['OBJECT ENCODING s', '$8|listpack|'],
    [`SADD s ${'x'.repeat(65)}`, ':1|'],
    ['OBJECT ENCODING s', '$9|hashtable|'],
    [`SADD t ${Array.from({ length: 128 }, (_, i) => `m${i}`).join(' ')}`, ':128|'],
    ['OBJECT ENCODING t', '$8|listpack|'],
    ['SADD t one more', ':2|'],
    ['OBJECT ENCODING t', '$9|hashtable|'],
    ['CONFIG GET set-max-listpack-entries', '*2|$24|set-max-listpack-entries|$3|128|'],
    ['CONFIG SET set-max-listpack-entries 2 set-max-listpack-value 3', '+OK|'],
    ['SADD u abcd', ':1|'],
    ['OBJECT ENCODING u', '$9|hashtable|'],
  ],
  'short lists are listpacks, and become so again': [
    ['RPUSH l a b', ':2|'],
    ['OBJECT ENCODING l', '$8|listpack|'],
    [`RPUSH l ${'x'.repeat(9000)}`, ':3|'],
    ['OBJECT ENCODING l', '$9|quicklist|'],
    ['RPOP l 2', /^\*2\|/],
    ['OBJECT ENCODING l', '$8|listpack|'],
  ],
  'consumers are there once they have asked, and tell when they were active': [
    ['XADD x 1-1 f v', '$3|1-1|'],
    ['XGROUP CREATE x g 0', '+OK|'],
    ['XREADGROUP GROUP g ann STREAMS x >', /^\*1\|/],
    ['XREADGROUP GROUP g bob STREAMS x >', '*-1|'],
    ['XAUTOCLAIM x g carl 1000000 0', '*3|$3|0-0|*0|*0|'],
    [
      'XINFO CONSUMERS x g',
      /^\*3\|\*8\|\$4\|name\|\$3\|ann\|\$7\|pending\|:1\|\$4\|idle\|:\d\|\$8\|inactive\|:\d\|.*bob\|.*inactive\|:-1\|.*carl/,
    ],
    ['XINFO STREAM x FULL', /\$9\|seen-time\|:\d+\|\$11\|active-time\|:\d+\|/],
  ],
  'what a client says of itself': [
    ['CLIENT SETINFO LIB-NAME mylib', '+OK|'],
    ['CLIENT SETINFO lib-ver 1.2.3', '+OK|'],
    ['CLIENT INFO', / lib-name=mylib lib-ver=1\.2\.3\n/],
    ['CLIENT SETINFO LIB-NAME a~b', '-ERR LIB-NAME cannot contain spaces, newlines or special characters.|'],
    ['CLIENT SETINFO FOO bar', "-ERR Unrecognized option 'FOO'|"],
    ['CLIENT SETINFO LIB-NAME', "-ERR wrong number of arguments for 'client|setinfo' command|"],
    ['CLIENT NO-TOUCH ON', '+OK|'],
    ['CLIENT INFO', / flags=T /],
    ['CLIENT NO-TOUCH maybe', '-ERR syntax error|'],
    ['CLIENT NO-TOUCH OFF', '+OK|'],
    ['CLIENT INFO', / flags=N /],
  ],
  'arguments are looked at before the key': [
    ['BITCOUNT none 0', '-ERR syntax error|'],
    ['BITCOUNT none 0 x', '-ERR value is not an integer or out of range|'],
    ['BITPOS none 1 x', '-ERR value is not an integer or out of range|'],
    ['BITCOUNT none', ':0|'],
    ['BLPOP none 1e300', '-ERR timeout is out of range|'],
  ],
  'scripts may call commands that block, which then do not': [
    ["EVAL return{redis.call('BLPOP','none','0'),1} 0", '*2|$-1|:1|'],
    ['RPUSH l a', ':1|'],
    ["EVAL return(redis.call('BRPOP','l','0')) 0", '*2|$1|l|$1|a|'],
  ],
  'doubles have as few digits as they need': [
    ['ZADD z 0.00001 a 1e-7 b 123456789.12345679 c 3 d', ':4|'],
    ['ZRANGE z 0 -1 WITHSCORES', '*8|$1|b|$4|1e-7|$1|a|$7|0.00001|$1|d|$1|3|$1|c|$21|1.2345678912345679e+8|'],
  ],
  'acknowledgements of what is on disk': [
    ['WAITAOF 0 0 0', '*2|:0|:0|'],
    ['WAITAOF 1 0 0', '-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.|'],
  ],
  'the ID of a stream does not fall below what was deleted': [
    ['XADD x 5-5 f v', '$3|5-5|'],
    ['XDEL x 5-5', ':1|'],
    ['XSETID x 5-4', '-ERR The ID specified in XSETID is smaller than current max_deleted_entry_id|'],
    ['XSETID x 5-5', '+OK|'],
  ],
  'fields of hashes with deadlines': [
    ['HSET h a 1 b 2 c 3', ':3|'],
    ['HEXPIRE h 1000 FIELDS 2 a none', '*2|:1|:-2|'],
    ['HTTL h FIELDS 3 a b none', '*3|:1000|:-1|:-2|'],
    ['HPEXPIRE h 5000 NX FIELDS 1 a', '*1|:0|'],
    ['HEXPIREAT h 1 FIELDS 1 b', '*1|:2|'],
    ['HLEN h', ':2|'],
    ['HPERSIST h FIELDS 2 a c', '*2|:1|:-1|'],
    ['HEXPIRE h 10 FIELDS 2 a', '-ERR The `numfields` parameter must match the number of arguments|'],
    ['HSCAN h 0 NOVALUES', /^\*2\|\$1\|0\|\*2\|\$1\|[ac]\|\$1\|[ac]\|$/],
  ],
};

test.each(Object.entries(CASES))('%s', (_, lines) => {
  const ours = new Ours();
  const client = ours.world.connect();
  for (const [line, expected] of lines) {
    const words = line.split(' ').map((word) => word.replace('~', ' '));
    const reply = ours.run(client, words).join('').replaceAll('\r\n', '|');
    if (typeof expected === 'string') expect([line, reply]).toEqual([line, expected]);
    else expect(reply, line).toMatch(expected);
  }
});
