"""The kernel's end of test/lab/kernel-peer.test.ts: sockets of this namespace, worked from the outside.

A line of JSON on stdin is a call, [id, name, arguments…]; a line on stdout is its answer, [id, value] or [id, null, error],
where the error is errno's name. Every call has a thread of its own, so any number may wait at once. Sockets are named by
numbers. Byte n of a patterned stream is n mod 251. The process ends when stdin does.
"""

import errno
import json
import os
import resource
import select
import selectors
import socket
import struct
import subprocess
import sys
import threading

LIMIT_SECONDS = 25
PATTERN = bytes(range(251)) * 1025
STEP = 251 * 1024
sockets = {}
streamed = {}
lock = threading.Lock()


def keep(s):
    s.settimeout(LIMIT_SECONDS)
    with lock:
        number = len(streamed)
        sockets[number] = s
        streamed[number] = [0, 0]
    return number


def set_option(s, name, value):
    level = {"T": socket.IPPROTO_TCP, "S": socket.SOL_SOCKET, "I": socket.IPPROTO_IP}[name[0]]
    if isinstance(value, str):
        value = bytes.fromhex(value)
    elif isinstance(value, list):
        value = struct.pack("i" * len(value), *value)
    s.setsockopt(level, getattr(socket, name), value)


def new_socket(options, local_port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for name, value in options.items():
        set_option(s, name, value)
    if local_port:
        s.bind(("", local_port))
    return s


def call_listen(port, backlog, options):
    s = new_socket(options, port)
    s.listen(backlog)
    return keep(s)


def call_accept(number):
    return keep(sockets[number].accept()[0])


def call_connect(address, port, local_port, options):
    s = new_socket(options, local_port)
    s.settimeout(LIMIT_SECONDS)
    try:
        s.connect((address, port))
    except OSError:
        s.close()
        raise
    return keep(s)


def call_option(number, name, value):
    set_option(sockets[number], name, value)


def call_send(number, text, urgent=False):
    s = sockets[number]
    if urgent:
        return s.send(text.encode(), socket.MSG_OOB)
    s.sendall(text.encode())


def call_send_pattern(number, count, step):
    """Sends the next `count` bytes of the pattern, `step` with each call at most."""
    s = sockets[number]
    done = streamed[number]
    end = done[0] + count
    while done[0] < end:
        at = done[0] % 251
        done[0] += s.send(PATTERN[at : at + min(step, STEP, end - done[0])])
    return count


def call_recv(number, count):
    """Exactly so many bytes; fewer at the end of the stream only."""
    s = sockets[number]
    data = b""
    while len(data) < count:
        piece = s.recv(count - len(data))
        if not piece:
            break
        data += piece
    return data.decode("latin-1")


def call_recv_pattern(number, count, step):
    """Reads the next `count` bytes of the pattern, `step` with each call at most; how many there were until the end."""
    s = sockets[number]
    done = streamed[number]
    start = done[1]
    while done[1] < start + count:
        piece = s.recv(min(step, STEP, start + count - done[1]))
        if not piece:
            break
        at = done[1] % 251
        if piece != PATTERN[at : at + len(piece)]:
            raise ValueError(f"other bytes than the pattern's after {done[1]}")
        done[1] += len(piece)
    return done[1] - start


def call_shutdown(number):
    sockets[number].shutdown(socket.SHUT_WR)


def call_close(number):
    sockets.pop(number).close()


def call_swarm(address, port, count, text):
    """Opens many connections at once, has a text echoed on each, and closes them all; how many echoes were right."""
    data = text.encode()
    swarm = [socket.socket() for _ in range(count)]
    for s in swarm:
        s.setblocking(False)
        s.connect_ex((address, port))
    for s in swarm:
        wait_for(s, select.POLLOUT)
        s.settimeout(LIMIT_SECONDS)
        s.sendall(data)
    right = sum(s.recv(len(data), socket.MSG_WAITALL) == data for s in swarm)
    for s in swarm:
        s.close()
    return right


def wait_for(s, event):
    poll = select.poll()
    poll.register(s, event)
    if not poll.poll(LIMIT_SECONDS * 1000):
        raise OSError(errno.ETIMEDOUT, "not writable")


def call_echo(number, count):
    """Accepts `count` connections on a listener and echoes what they send until they end; how many ended."""
    ready = selectors.DefaultSelector()
    listener = sockets[number]
    ready.register(listener, selectors.EVENT_READ)
    accepted = ended = 0
    while ended < count:
        events = ready.select(LIMIT_SECONDS)
        if not events:
            raise OSError(errno.ETIMEDOUT, f"{accepted} accepted, {ended} ended")
        for key, _ in events:
            if key.fileobj is listener:
                s = listener.accept()[0]
                accepted += 1
                ready.register(s, selectors.EVENT_READ)
                continue
            data = key.fileobj.recv(65536)
            if data:
                key.fileobj.sendall(data)
                continue
            ready.unregister(key.fileobj)
            key.fileobj.close()
            ended += 1
    return ended


def call_run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    if done.returncode != 0:
        raise ValueError(done.stderr)
    return done.stdout


def call_sysctl(name, value):
    with open("/proc/sys/net/" + name, "w") as f:
        f.write(str(value))


def call_counters():
    """Of /proc/net/snmp and /proc/net/netstat, by name: those of IP, ICMP and TCP."""
    counters = {}
    for path in ("/proc/thread-self/net/snmp", "/proc/thread-self/net/netstat"):
        with open(path) as f:
            lines = f.read().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            group = names.split(":")[0]
            if group in ("Tcp", "TcpExt", "IpExt"):
                counters.update(zip(names.split()[1:], map(int, values.split()[1:])))
    return counters


def answer(request):
    number, name, *arguments = request
    try:
        reply = [number, globals()["call_" + name](*arguments)]
    except OSError as error:
        reply = [number, None, errno.errorcode.get(error.errno or 0, str(error))]
    except Exception as error:
        reply = [number, None, str(error)]
    with lock:
        print(json.dumps(reply), flush=True)


hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
print(json.dumps([0, os.getpid()]), flush=True)
for line in sys.stdin:
    threading.Thread(target=answer, args=(json.loads(line),), daemon=True).start()
os._exit(0)
