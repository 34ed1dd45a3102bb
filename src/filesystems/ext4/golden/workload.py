"""Writes to a mounted filesystem and copies its image while it is mounted, as if the machine had stopped there.

Usage: workload.py log|fast MOUNTPOINT LIVE-IMAGE COPY
"""
import ctypes
import os
import random
import shutil
import sys

kind, mount, live, copy = sys.argv[1:]
libc = ctypes.CDLL(None)
random.seed(7)
# Looks like a block of the journal, and so has to be escaped in it.
MAGIC = b"\xc0\x3b\x39\x98"


def sync_all():
    fd = os.open(mount, os.O_RDONLY)
    libc.syncfs(fd)
    os.close(fd)


def fsync(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def content():
    return random.choice([MAGIC, b"data"]) + b"%d " % random.randrange(1000) * random.randrange(600)


def put(path, data):
    with open(path, "wb") as file:
        file.write(data)


def log():
    """Whole transactions, several times around a small journal, with blocks freed and used again."""
    os.mkdir(mount + "/w")
    names = []
    for turn in range(30):
        for i in range(12):
            name = "%s/w/%d-%d" % (mount, turn, i)
            if i % 4 == 0:
                os.mkdir(name)
                for k in range(8):
                    put("%s/%d" % (name, k), b"%d" % k)
            else:
                put(name, content())
            names.append(name)
        for i in range(10):
            name = names.pop(random.randrange(len(names)))
            if os.path.isdir(name):
                shutil.rmtree(name)
            else:
                os.unlink(name)
        if turn % 3 == 0:
            sync_all()
        else:
            fsync(mount + "/w")
    return orphans()


def orphans():
    files = []
    for i in range(3):
        file = open("%s/orphan-%d" % (mount, i), "wb")
        file.write(b"o" * 9000 * i)
        file.flush()
        os.unlink("%s/orphan-%d" % (mount, i))
        files.append(file)
    sync_all()
    return files


def fast():
    """Operations that are each followed by fsync, which becomes a fast commit."""
    os.mkdir(mount + "/a")
    os.mkdir(mount + "/b")
    names = []
    for i in range(20):
        names.append("%s/a/%d" % (mount, i))
        put(names[-1], content())
    sync_all()
    for turn in range(60):
        operation = random.choice("cwultrmf")
        path = random.choice(names)
        if operation == "c":
            path = "%s/%s/new-%d" % (mount, random.choice("ab"), turn)
            put(path, content())
            names.append(path)
        elif operation == "w":
            fd = os.open(path, os.O_WRONLY)
            os.pwrite(fd, b"w" * random.randrange(1, 9000), random.randrange(0, 200000))
            os.close(fd)
        elif operation == "u":
            names.remove(path)
            os.unlink(path)
            path = names[0]
        elif operation == "l":
            names.append("%s/b/link-%d" % (mount, turn))
            os.link(path, names[-1])
        elif operation == "t":
            os.truncate(path, random.randrange(20000))
        elif operation == "r":
            target = random.choice(["%s/b/renamed-%d" % (mount, turn), random.choice(names)])
            if target == path:
                continue
            os.rename(path, target)
            names.remove(path)
            if target not in names:
                names.append(target)
            path = target
        elif operation == "m":
            os.chmod(path, 0o600 + turn)
            os.chown(path, 1000 * turn, 5)
        else:
            fd = os.open(path, os.O_WRONLY)
            mode = random.choice([0, 1, 3])
            libc.fallocate(fd, mode, ctypes.c_long(random.randrange(50) * 1000), ctypes.c_long(20000))
            os.close(fd)
        fsync(path)
    return []


held = {"log": log, "fast": fast}[kind]()
shutil.copyfile(live, copy)
