#!/usr/bin/env python3
"""Writes an ISO 9660 image with what no tool makes: see the names of its files. usage: crafted.py FILE"""
import struct, sys

SECTOR = 2048
sectors = {}
used = [30]

def both16(n): return struct.pack('<H', n) + struct.pack('>H', n)
def both32(n): return struct.pack('<I', n) + struct.pack('>I', n)

def place(data):
    at = used[0]
    used[0] += max(1, -(-len(data) // SECTOR)) + 1
    sectors[at] = data
    return at

DATE = bytes([121, 3, 4, 5, 6, 7, 4])

def record(name, extent, size, flags=0, use=b'', unit=0, gap=0, date=DATE, xar=0):
    length = 33 + len(name) + (1 - len(name) % 2)
    body = bytes([xar]) + both32(extent) + both32(size) + date + bytes([flags, unit, gap]) + both16(1)
    body += bytes([len(name)]) + name + b'\0' * (1 - len(name) % 2) + use
    total = length + len(use)
    total += total % 2
    return (bytes([total]) + body).ljust(total, b'\0')

def entry(sig, data, version=1): return sig + bytes([len(data) + 4, version]) + data
def px(mode, nlink=1, uid=0, gid=0): return entry(b'PX', both32(mode) + both32(nlink) + both32(uid) + both32(gid))
def nm(text, flags=0): return entry(b'NM', bytes([flags]) + text)
def sl(components, flags=0):
    return entry(b'SL', bytes([flags]) + b''.join(bytes([f, len(t)]) + t for f, t in components))
def ce(block, offset, length): return entry(b'CE', both32(block) + both32(offset) + both32(length))

def file(data): return place(data), len(data)

ROOT = 20
items = []
# A file in three extents, apart from each other; only the last but one need not fill its sectors.
parts = [b'A' * 4096, b'B' * 2048, b'C' * 100]
for i, part in enumerate(parts):
    extent, size = file(part)
    items.append(record(b'MULTI.BIN;1', extent, size, 0x80 if i < 2 else 0, px(0o100644) + nm(b'three extents')))
extent, size = file(b'interleaved\n')
items.append(record(b'INTER.TXT;1', extent, size, 0, px(0o100644) + nm(b'interleaved'), 1, 1))
# An extended attribute record of one block comes before the data.
extent = place(b'\0' * SECTOR + b'after the extended attributes\n')
items.append(record(b'XAR.TXT;1', extent, 30, 0, px(0o100644) + nm(b'extended attributes'), xar=1))
# A name in three parts, one of them in a continuation.
extent, size = file(b'long name\n')
more = place(nm(b'c' * 60) + px(0o100600, 1, 7, 8))
items.append(record(b'LONGNAME.TXT;1', extent, size, 0,
                    nm(b'a' * 60, 1) + nm(b'b' * 40, 1) + ce(more, 0, 5 + 60 + 36)))
# A link whose target is spread over two entries, a component too.
items.append(record(b'LINK.;1', 0, 0, 0, px(0o120777) + nm(b'split link') +
                    sl([(0, b'dir'), (1, b'fi')], 1) + sl([(0, b'le'), (4, b''), (2, b''), (0, b'end')])))
# Hidden and associated files.
extent, size = file(b'hidden\n')
items.append(record(b'HIDDEN.TXT;1', extent, size, 0x01, px(0o100644) + nm(b'hidden')))
extent, size = file(b'associated\n')
items.append(record(b'ASSOC.TXT;1', extent, size, 0x04, px(0o100644) + nm(b'associated')))
# Dates: before 1970, far east, and with an offset that cannot be.
for name, date in ((b'EARLY', bytes([60, 2, 29, 1, 2, 3, 0])), (b'EAST', bytes([200, 12, 31, 23, 59, 59, 52])),
                   (b'WRONG', bytes([100, 6, 15, 12, 0, 0, 100])), (b'NONE', bytes(7))):
    extent, size = file(name + b'\n')
    items.append(record(name + b'.;1', extent, size, 0, px(0o100644) + nm(name.lower()), date=date))
# No Rock Ridge at all on this one.
extent, size = file(b'plain\n')
items.append(record(b'PLAIN.TXT;1', extent, size))
# Solaris puts the whole of a device number into the lower word.
items.append(record(b'DEV.;1', 0, 0, 0, px(0o020644) + nm(b'device') + entry(b'PN', both32(0) + both32(0x1234))))
extent, size = file(b'sub\n')
inner = record(b'SUB.TXT;1', extent, size, 0, px(0o100644) + nm(b'sub file'))
SUB = 22
items.append(record(b'SUB', SUB, SECTOR, 2, px(0o040711, 2, 3, 4) + nm(b'sub')))

sp = entry(b'SP', b'\xbe\xef\0')
def directory(at, parent, extra, entries):
    mode = px(0o040755, 3)
    data = record(b'\0', at, 0, 2, extra + mode) + record(b'\1', parent, 0, 2, mode)
    rows, row = [], data
    for e in entries:
        if len(row) + len(e) > SECTOR:
            rows.append(row.ljust(SECTOR, b'\0')); row = b''
        row += e
    rows.append(row.ljust(SECTOR, b'\0'))
    data = bytearray(b''.join(rows))
    data[10:18] = both32(len(data))
    return bytes(data)
sectors[ROOT] = directory(ROOT, ROOT, sp, items)
assert len(sectors[ROOT]) <= 2 * SECTOR
sectors[SUB] = directory(SUB, ROOT, b'', [inner])
root = record(b'\0', ROOT, len(sectors[ROOT]), 2)
pvd = bytearray(SECTOR)
pvd[0:7] = b'\1CD001\1'
pvd[8:40] = b'CRAFTED'.ljust(32); pvd[40:72] = b'CRAFTED'.ljust(32)
pvd[80:88] = both32(used[0]); pvd[120:124] = both16(1); pvd[124:128] = both16(1); pvd[128:132] = both16(SECTOR)
pvd[156:190] = root; pvd[881] = 1
sectors[16] = bytes(pvd)
sectors[17] = b'\xffCD001\1'
with open(sys.argv[1], 'wb') as out:
    for at, data in sectors.items():
        out.seek(at * SECTOR); out.write(data)
    out.truncate(used[0] * SECTOR)
