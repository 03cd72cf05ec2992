"""Debian's python3-redis over all data types: python3 python-redis.py HOST PORT. Prints what every call answered as JSON."""
import json
import sys
import threading

import redis

host, port = sys.argv[1], int(sys.argv[2])
r = redis.Redis(host=host, port=port, decode_responses=True)
r.flushall()
answers = {}


def note(name, call):
    try:
        answers[name] = call()
    except redis.RedisError as error:
        answers[name] = f"error: {error}"


note("set", lambda: r.set("s", "v", ex=100, nx=True))
note("list", lambda: [r.rpush("l", 1, 2, 3), r.lrange("l", 0, -1), r.lpop("l", 2)])
note("hash", lambda: [r.hset("h", mapping={"a": 1, "b": 2}), r.hgetall("h"), r.hincrby("h", "a", 5)])
note("sets", lambda: [r.sadd("set", "x", "y"), sorted(r.smembers("set")), r.sismember("set", "z")])
note("zset", lambda: [r.zadd("z", {"a": 1, "b": 2.5}), r.zrange("z", 0, -1, withscores=True), r.zrevrank("z", "a")])
note("stream", lambda: [r.xadd("x", {"f": "v"}, id="7-0"), r.xrange("x"), r.xlen("x")])
note("hll", lambda: [r.pfadd("p", *range(500)), r.pfcount("p")])
note("geo", lambda: [r.geoadd("g", (13.361389, 38.115556, "Palermo")), r.geopos("g", "Palermo")])
note("script", lambda: r.register_script("return {KEYS[1], ARGV[1], redis.call('incr', KEYS[1])}")(keys=["k"], args=["a"]))
note("bit", lambda: [r.setbit("b", 7, 1), r.bitcount("b"), r.bitpos("b", 1)])


def pipeline():
    with r.pipeline() as p:
        p.watch("w")
        p.multi()
        p.set("w", 1)
        p.incr("w")
        return p.execute()


note("pipeline", pipeline)


def blocking():
    got = []
    waiter = threading.Thread(target=lambda: got.append(redis.Redis(host=host, port=port, decode_responses=True).blpop("q", 5)))
    waiter.start()
    r.rpush("q", "job")
    waiter.join(6)
    return got


note("blpop", blocking)


def messages():
    p = r.pubsub()
    p.subscribe("c")
    p.get_message(timeout=2)
    r.publish("c", "hello")
    message = p.get_message(timeout=2)
    p.close()
    return [message["type"], message["channel"], message["data"]]


note("pubsub", messages)
note("lock", lambda: [r.lock("lock", timeout=5).acquire(blocking=False), r.lock("lock", timeout=5).acquire(blocking=False)])
note("wrong", lambda: r.lpush("h", 1))
note("info", lambda: r.info("keyspace")["db0"]["keys"])
note("client", lambda: [r.client_setname("py"), r.client_getname(), r.config_get("maxmemory-policy")])
answers["scan"] = sorted(r.scan_iter(count=3))
print(json.dumps(answers))
