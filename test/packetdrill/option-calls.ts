/**
 * getsockopt(2) and setsockopt(2), with the values that scripts write as structures.
 */
import type { Arguments } from './arguments.ts';
import { field } from './arguments.ts';
import { errnoName } from './errno.ts';
import { DONE, fails, type Outcome } from './outcome.ts';
import { type Expression, Mismatch } from './script.ts';
import { tcpInfoOf } from './tcp-info.ts';
import type { TcpSocket } from './tcp-socket.ts';

/** What can't be done here, and would change what is sent. */
const REFUSED = /^(TCP_MD5SIG|TCP_FASTOPEN|TCP_FASTOPEN_CONNECT|TCP_REPAIR|TCP_ULP|TCP_AO|SO_TIMESTAMPING|SO_ATTACH)/;

export function setSocketOption(socket: TcpSocket, call: Arguments): Outcome {
  const name = call.word(2);
  if (REFUSED.test(name)) throw call.unsupported(`socket option ${name}`);
  const value = only(call.at(3));
  if (name === 'SO_LINGER') {
    const on = call.numberIn(field(value, 'onoff') ?? field(value, 'l_onoff')) ?? 0;
    const seconds = call.numberIn(field(value, 'linger') ?? field(value, 'l_linger')) ?? 0;
    socket.options.lingerMs = on === 0 ? -1 : seconds * 1000;
    return DONE;
  }
  if (name === 'TCP_FUNCTION_BLK') return functionBlock(call, value, false);
  const plain = value.kind === 'string' ? value.value : call.numberIn(value);
  if (plain === null) throw call.unsupported(`value of ${name}`);
  const outcome = socket.options.set(name, plain);
  if (outcome === null) throw call.unsupported(`socket option ${name}`);
  return outcome;
}

export function getSocketOption(socket: TcpSocket, call: Arguments): Outcome {
  const name = call.word(2);
  const expected = call.at(3);
  if (name === 'SO_LINGER') {
    const { lingerMs } = socket.options;
    const value = only(expected);
    call.expectValue(field(value, 'onoff'), lingerMs >= 0 ? 1 : 0, 'onoff');
    call.expectValue(field(value, 'linger'), Math.max(0, lingerMs) / 1000, 'linger');
    return DONE;
  }
  if (name === 'TCP_INFO') return socketInfo(socket, call, only(expected));
  if (name === 'TCP_FUNCTION_BLK') return functionBlock(call, only(expected), true);
  const value = socket.options.get(name);
  if (value === null) throw call.unsupported(`socket option ${name}`);
  call.expectValue(expected, typeof value === 'string' ? errnoName(value) : value, name);
  return DONE;
}

/** There is one set of functions, the default's. */
function functionBlock(call: Arguments, value: Expression, reading: boolean): Outcome {
  const wanted = field(value, 'function_set_name');
  if (wanted?.kind === 'string' && wanted.value !== 'freebsd') {
    if (reading) throw new Mismatch(call.line, `function_set_name is "freebsd", not "${wanted.value}"`);
    throw call.unsupported(`TCP function set ${wanted.value}`);
  }
  return DONE;
}

function socketInfo(socket: TcpSocket, call: Arguments, expected: Expression): Outcome {
  const info = tcpInfoOf(socket);
  if (info === null) return fails('ENOTCONN');
  if (expected.kind !== 'struct') return DONE;
  for (const { name, value } of expected.fields) {
    const actual = info[name] ?? info[`tcpi_${name}`];
    if (actual === undefined) throw call.unsupported(`${name} of TCP_INFO`);
    call.expectValue(value, actual, name);
  }
  return DONE;
}

/** `[value]` is the value. */
function only(expression: Expression): Expression {
  return expression.kind === 'list' && expression.items.length === 1 ? expression.items[0] : expression;
}
