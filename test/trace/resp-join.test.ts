import { expect, test } from 'vitest';
import { looksLikeResp, RespJoin } from '../../src/lib/trace/resp-join.ts';

/** A join whose two streams begin at 1, with what it said late. */
function joined(): {
  say(client: boolean, frame: number, seq: number, text: string): readonly string[];
  late: string[];
} {
  const join = new RespJoin();
  join.startAt(true, 1);
  join.startAt(false, 1);
  const late: string[] = [];
  const say = (client: boolean, frame: number, seq: number, text: string): readonly string[] => {
    const bytes = Buffer.from(text);
    return join.take(client, frame, seq, bytes, 0, bytes.length, bytes.length, (at, names) =>
      late.push(`${at}: ${names.join()}`),
    );
  };
  return { say, late };
}

const GET = '*2\r\n$3\r\nGET\r\n$1\r\na\r\n'; // 20 bytes

test('replies are joined to their requests in order', () => {
  const { say } = joined();
  expect(say(true, 1, 1, GET + GET.replace('a', 'b'))).toEqual(['GET a', 'GET b']);
  expect(say(false, 2, 1, '$1\r\nx\r\n$-1\r\n')).toEqual(['→ $1 (GET a)', '→ $-1 (GET b)']);
});

test('bytes sent again carry the same commands, and count once', () => {
  const { say } = joined();
  say(true, 1, 1, GET);
  expect(say(true, 2, 1, GET)).toEqual(['GET a']);
  expect(say(false, 3, 1, '+OK\r\n')).toEqual(['→ +OK (GET a)']);
  expect(say(false, 4, 6, '+OK\r\n')).toEqual(['→ +OK']);
});

test('segments ahead of a hole are named when it is filled', () => {
  const { say, late } = joined();
  expect(say(true, 1, 41, GET)).toEqual([]);
  expect(say(true, 2, 21, GET)).toEqual([]);
  expect(say(true, 3, 1, GET)).toEqual(['GET a']);
  expect(late).toEqual(['2: GET a', '1: GET a']);
});

test('a hole that stays is given up', () => {
  const { say, late } = joined();
  for (let i = 1; i <= 65; i++) say(true, i, 1 + i * 20, GET);
  expect(late.slice(0, 2)).toEqual(['1: GET a', '2: GET a']);
  expect(say(true, 99, 1 + 66 * 20, GET)).toEqual(['GET a']);
});

test('sequence numbers wrap', () => {
  const join = new RespJoin();
  join.startAt(true, -10);
  const bytes = Buffer.from(GET + GET);
  expect(join.take(true, 1, -10, bytes, 0, 40, 40, () => {})).toEqual(['GET a', 'GET a']);
  expect(join.take(true, 2, 30, bytes, 0, 20, 20, () => {})).toEqual(['GET a']);
});

test('messages to a subscriber answer nothing', () => {
  const { say } = joined();
  say(true, 1, 1, '*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n');
  say(true, 2, 31, GET);
  expect(say(false, 3, 1, '+x\r\n')).toEqual(['→ +x']);
});

test('what looks like Redis traffic', () => {
  const looks = (text: string): boolean => looksLikeResp(Buffer.from(text), 0, text.length);
  expect([GET, '*10\r\n$', 'GET / HTTP/1.1', '*a\r\n', '*'].map(looks)).toEqual([true, true, false, false, false]);
});
