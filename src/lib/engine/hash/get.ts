/**
 * HGET, HMGET, HEXISTS, HSTRLEN, HLEN, HGETALL, HKEYS, HVALS: reading hashes. Fields and values go from the arena into the
 * send queue in one copy.
 */
import type { Engine } from '../engine.ts';
import { emitAll } from '../sample.ts';
import { findField, openToRead, replyField, replyFieldAndValue, replyFieldValue } from './value.ts';

export function hget(engine: Engine, arg: number, _argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  const place = ref === 0 ? 0 : findField(engine, arg + 2);
  if (place === 0) engine.reply.nil();
  else replyFieldValue(engine, place);
}

export function hmget(engine: Engine, arg: number, argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  engine.reply.array(argc - 2);
  for (let i = arg + 2; i < arg + argc; i++) {
    const place = ref === 0 ? 0 : findField(engine, i);
    if (place === 0) engine.reply.nil();
    else replyFieldValue(engine, place);
  }
}

export function hexists(engine: Engine, arg: number, _argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref !== -1) engine.reply.integer(ref !== 0 && findField(engine, arg + 2) !== 0 ? 1 : 0);
}

export function hstrlen(engine: Engine, arg: number, _argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  const place = ref === 0 ? 0 : findField(engine, arg + 2);
  if (place !== 0) engine.values.hashes.loadValue(place);
  engine.reply.integer(place === 0 ? 0 : engine.values.hashes.length);
}

export function hlen(engine: Engine, arg: number, _argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref !== -1) engine.reply.integer(ref === 0 ? 0 : engine.values.hashes.size);
}

export function hgetall(engine: Engine, arg: number, _argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  engine.reply.map(ref === 0 ? 0 : engine.values.hashes.size);
  if (ref !== 0) emitAll(engine, engine.values.hashes, replyFieldAndValue);
}

export function hkeys(engine: Engine, arg: number, _argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  engine.reply.array(ref === 0 ? 0 : engine.values.hashes.size);
  if (ref !== 0) emitAll(engine, engine.values.hashes, replyField);
}

export function hvals(engine: Engine, arg: number, _argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  engine.reply.array(ref === 0 ? 0 : engine.values.hashes.size);
  if (ref !== 0) emitAll(engine, engine.values.hashes, replyFieldValue);
}
