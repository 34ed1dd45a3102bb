"""Makes an encrypted folder in the filesystem mounted at argv[1]; the key is in the kernel only until it is unmounted."""
import fcntl
import os
import struct
import sys

mount = sys.argv[1]


def ioctl(direction, number, size):
    return (direction << 30) | (size << 16) | (ord("f") << 8) | number


root = os.open(mount, os.O_RDONLY)
key = bytearray(struct.pack("<II32sII32s", 2, 0, b"", 64, 0, b"") + bytes(range(64)))
fcntl.ioctl(root, ioctl(3, 23, 80), key)
os.close(root)
secret = mount + "/secret"
os.mkdir(secret)
folder = os.open(secret, os.O_RDONLY)
fcntl.ioctl(folder, ioctl(2, 19, 12), struct.pack("<BBBBB3s16s", 2, 1, 4, 3, 0, b"", bytes(key[8:24])))
os.close(folder)
for length in (1, 20, 100, 140, 200, 255):
    with open(secret + "/" + "q" * length, "w") as file:
        file.write("x" * length)
os.symlink("target", secret + "/link")
os.symlink("t" * 300, secret + "/long-link")
os.mkdir(secret + "/sub")
os.mkdir(secret + "/many")
for i in range(60):
    os.close(os.open(secret + "/many/file number %d" % i, os.O_CREAT | os.O_WRONLY))
