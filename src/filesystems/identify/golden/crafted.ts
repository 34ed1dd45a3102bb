import { crc32cRaw } from '../../../bytes/crc32c.ts';

/** An image written by hand, for what no tool of the distribution makes. */
export interface Crafted {
  name: string;
  size: number;
  pieces: [number, Uint8Array][];
}

const MIB = 1024 * 1024;
const SIZE = 20 * MIB;

/** Bytes that count up, so that a field read at a wrong place shows. */
function counting(length: number, start = 1): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => ((start + i) % 25) + 65));
}

/** A structure: counting bytes, then these pieces of text or bytes at their offsets. */
function structure(length: number, ...fields: [number, string | Uint8Array][]): Buffer {
  const bytes = counting(length);
  for (const [offset, value] of fields) {
    bytes.set(typeof value === 'string' ? Buffer.from(value, 'latin1') : value, offset);
  }
  return bytes;
}

const number =
  (write: (buffer: Buffer, value: number) => void, size: number) =>
  (value: number): Buffer => {
    const buffer = Buffer.alloc(size);
    write(buffer, value);
    return buffer;
  };
const le16 = number((b, v) => b.writeUInt16LE(v), 2);
const be16 = number((b, v) => b.writeUInt16BE(v), 2);
const le32 = number((b, v) => b.writeUInt32LE(v), 4);
const be32 = number((b, v) => b.writeUInt32BE(v), 4);
const le64 = number((b, v) => b.writeBigUInt64LE(BigInt(v)), 8);
const be64 = number((b, v) => b.writeBigUInt64BE(BigInt(v)), 8);

function md090(word: (value: number) => Buffer): Buffer {
  const words = [
    0xa92b4efc, 0, 90, 3, 0, 0x11223344, 5, 1, 1024, 2, 2, 0, 0, 0x55667788, 0x99aabbcc, 0xddeeff00,
  ];
  return Buffer.concat(words.map(word));
}

function md1(offset: number): Buffer {
  return structure(256, [0, le32(0xa92b4efc)], [4, le32(1)], [32, 'host:name\0'], [144, le64(offset / 512)]);
}

function via(): Buffer {
  const bytes = structure(51, [0, le16(0xaa55)], [2, '\x01']);
  bytes[50] = bytes.subarray(0, 50).reduce((sum, byte) => sum + byte, 0) & 0xff;
  return bytes;
}

function silicon(): Buffer {
  const bytes = structure(512, [96, le32(0x2f000000)], [278, '\x01']);
  let sum = 0;
  for (let at = 0; at < 318; at += 2) sum += bytes.readUInt16LE(at);
  bytes.writeUInt16LE(-sum & 0xffff, 318);
  return bytes;
}

function jmicron(): Buffer {
  const bytes = structure(128, [0, 'JM'], [126, '\0\0']);
  let sum = 0;
  for (let at = 0; at < 128; at += 2) sum += bytes.readUInt16LE(at);
  bytes.writeUInt16LE(-sum & 0xffff, 126);
  return bytes;
}

function stratis(): Buffer {
  const bytes = structure(
    512,
    [4, '!Stra0tis\x86\xff\x02^\x41rh'],
    [20, le64(40960)],
    [120, le64(1600000000)],
  );
  bytes.writeUInt32LE(~crc32cRaw(0xffffffff, bytes, 4, 512) >>> 0, 0);
  return bytes;
}

function hfsPlus(start: number): [number, Uint8Array][] {
  const header = structure(
    512,
    [0, 'H+'],
    [40, be32(4096)],
    [288, Buffer.alloc(64)],
    [288, be32(10)],
    [292, be32(2)],
  );
  const tree = structure(120, [8, '\x01'], [20, be32(3)], [24, be32(1)], [32, be16(4096)]);
  const leaf = structure(
    4096,
    [4, be32(0)],
    [8, '\xff'],
    [10, be16(2)],
    [16, be32(1)],
    [20, be16(4)],
    [22, '\0H\0F\0S\x20\xac'],
  );
  return [
    [start + 1024, header],
    [start + 10 * 4096, tree],
    [start + 11 * 4096, leaf],
  ];
}

function nameValues(pairs: [string, Buffer][]): Buffer {
  const parts: Uint8Array[] = [Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])];
  for (const [name, value] of pairs) {
    const padded = Buffer.alloc(Math.ceil(name.length / 4) * 4);
    padded.write(name);
    const body = Buffer.concat([be32(name.length), padded, value]);
    parts.push(be32(body.length + 8), be32(body.length + 8), body);
  }
  return Buffer.concat([...parts, Buffer.alloc(8)]);
}

function zfs(): [number, Uint8Array][] {
  const uint64 = (value: number): Buffer => Buffer.concat([be32(8), be32(1), be64(value)]);
  const text = Buffer.concat([be32(9), be32(1), be32(4), Buffer.from('tank')]);
  const tree = Buffer.concat([
    be32(19),
    be32(1),
    nameValues([
      ['guid', uint64(77)],
      ['ashift', uint64(12)],
    ]),
  ]);
  const list = nameValues([
    ['version', uint64(5000)],
    ['name', text],
    ['pool_guid', uint64(123456789012345)],
    ['guid', uint64(98765432109876)],
    ['vdev_tree', tree],
  ]);
  const pieces: [number, Uint8Array][] = [[16384, Buffer.concat([Buffer.from([1, 1, 0, 0]), list])]];
  for (let i = 0; i < 5; i++) {
    pieces.push([131072 + i * 1024, Buffer.concat([le64(0xbab10c), le64(5000)])]);
  }
  return pieces;
}

const last = (sectors: number): number => SIZE - sectors * 512;

/** All images; their content never changes. */
export function crafted(): Crafted[] {
  const images: Crafted[] = [];
  const add = (name: string, ...pieces: [number, Uint8Array][]): void => {
    images.push({ name, size: SIZE, pieces });
  };
  add('md-0.90', [SIZE - 65536, md090(le32)]);
  add('md-0.90-big', [SIZE - 65536, md090(be32)]);
  add('md-1.0', [SIZE - 8192, md1(SIZE - 8192)]);
  add('md-1.1', [0, md1(0)]);
  add('md-1.2', [4096, md1(4096)]);
  for (const sectors of [1, 257]) {
    add(`ddf-${sectors}`, [
      last(sectors),
      structure(512, [0, '\xde\x11\xde\x11'], [32, '02.00.00'], [96, be64(last(sectors) / 512)]),
    ]);
  }
  add('isw', [last(2), Buffer.from('Intel Raid ISM Cfg Sig. 1.2.02\0\0')]);
  add('lsi', [last(1), Buffer.from('$XIDE$')]);
  add('via', [last(1), via()]);
  add('silicon', [last(1), silicon()]);
  add('nvidia', [last(2), structure(64, [0, 'NVIDIA  '])]);
  for (const sectors of [63, 3087])
    add(`promise-${sectors}`, [last(sectors), Buffer.from('Promise Technology, Inc.')]);
  add('hpt45x', [last(11), Buffer.from('\xf3\x16\x78\x5a', 'latin1')]);
  add('hpt37x', [4608 + 32, Buffer.from('\xf0\x16\x78\x5a', 'latin1')]);
  add('adaptec', [last(1), structure(512, [0, '\x37\xfc\x4d\x1e'], [256, 'DPTM'])]);
  add('jmicron', [last(1), jmicron()]);
  add('drbd8-uuid', [SIZE - 4096, structure(1400, [60, be32(0x8374026b)])]);
  add('drbd9-uuid', [SIZE - 4096, structure(1400, [60, be32(0x8374026d)])]);
  add('drbdproxy', [0, structure(64, [0, 'DRBDdlh*'])]);
  add('lvm1', [0, structure(172, [0, 'HM'], [2, le16(1)])]);
  add('snapshot', [0, structure(64, [0, 'SnAp'])]);
  add('verity', [0, structure(512, [0, 'verity\0\0'], [8, le32(1)])]);
  add('integrity', [0, structure(512, [0, 'integrt\0'], [8, '\x04'])]);
  add('luks2-second', [
    16384,
    structure(512, [0, 'SKUL\xba\xbe'], [6, be16(2)], [60, '\0'], [204, '\0'], [230, '\0']),
  ]);
  add('bitlocker-vista', [0, structure(512, [0, '\xeb\x52\x90-FVE-FS-'])]);
  const fve = structure(64, [0, '-FVE-FS-'], [10, le16(2)]);
  add('bitlocker', [0, structure(512, [0, '\xeb\x58\x90-FVE-FS-'], [176, le64(65536)])], [65536, fve]);
  add('bitlocker-togo', [0, structure(512, [0, '\xeb\x58\x90MSWIN4.1'], [440, le64(65536)])], [65536, fve]);
  add('vmfs-volume', [MIB, structure(512, [0, '\x0d\xd0\x01\xc0'])]);
  add('vmfs', [2 * MIB, structure(512, [0, '\x5e\xf1\xab\x2f'], [50, '\0'])]);
  add('ubi', [0, structure(64, [0, 'UBI#'])]);
  add('ubifs', [0, structure(4096, [0, '\x31\x18\x10\x06'])]);
  add('vdo', [0, structure(512, [0, 'dmvdo001'])]);
  add('stratis', [512, stratis()]);
  add('stratis-second', [4608, stratis()]);
  add('ceph', [0, Buffer.from('bluestore block device\n')]);
  for (const magic of ['SWAP-SPACE', 'S1SUSPEND', 'S2SUSPEND', 'ULSUSPEND', 'LINHIB0001']) {
    const header = structure(600, [0, le32(1)], [4, le32(100)], [40, '\0'], [44, Buffer.alloc(556)]);
    add(`swap-${magic.toLowerCase()}`, [1024, header], [8192 - 10, Buffer.from(magic)]);
  }
  add('exfs-none', [0, structure(512, [0, 'EXFS'])]);
  add(
    'hpfs',
    [0, structure(512, [38, '\x28'], [54, 'HPFS    '], [510, '\x55\xaa'])],
    [8192, structure(512, [0, '\x49\xe8\x95\xf9'])],
    [8704, structure(512, [0, '\x49\x18\x91\xf9'])],
  );
  add('refs', [0, structure(512, [0, '\0\0\0ReFS\0'])]);
  add('gfs2-none', [65536, structure(512, [0, '\x01\x16\x19\x70'])]);
  add('ocfs2', [2048, structure(512, [0, 'OCFSV2'], [192 + 56, le32(11)], [290, '\0'])]);
  add('oracleasm', [0, structure(512, [32, 'ORCLDISK'], [50, '\0'])]);
  add('vxfs', [1024, structure(512, [0, '\xf5\xfc\x01\xa5'])]);
  add('vxfs-hp', [8192, structure(512, [0, '\xa5\x01\xfc\xf5'])]);
  add('squashfs3', [0, structure(96, [0, 'hsqs'], [28, le16(3)], [30, le16(1)])]);
  add('squashfs3-big', [0, structure(96, [0, 'sqsh'], [28, be16(3)], [30, be16(1)])]);
  add('squashfs-big-none', [0, structure(96, [0, 'sqsh'], [28, be16(4)])]);
  add('nss', [4096, structure(512, [0, 'SPB5'])]);
  add('apfs', [0, structure(4096, [24, le16(1)], [28, le32(0)], [32, 'NXSB'], [36, le32(4096)])]);
  add('zonefs', [0, structure(4096, [0, 'SFOZ'], [20, '\0'])]);
  add('romfs', [0, structure(64, [0, '-rom1fs-'], [22, '\0'])]);
  add('ufs2-label', [65536, structure(1400, [52, le32(4096)], [700, '\0'], [1372, le32(0x19540119)])]);
  add('hfsplus', ...hfsPlus(0));
  add(
    'hfsplus-embedded',
    [1024, structure(200, [0, 'BD'], [20, be32(4096)], [28, be16(8)], [124, 'H+'], [126, be16(3)])],
    ...hfsPlus(8 * 512 + 3 * 4096),
  );
  images.push({ name: 'zfs', size: 70 * MIB, pieces: zfs() });
  return images;
}
