import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { memoryDevice } from '../../../block/memory.ts';
import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { INCOMPAT_RECOVER } from '../features.ts';
import { openExt4, type Ext4FileSystem } from '../index.ts';
import { SuperBlock } from '../layout.ts';
import { fillMapSource, newMapSource, type Run } from '../mapping.ts';
import { crc32be } from './checksum.ts';
import * as jbd2 from './layout.ts';

const sound = new Uint8Array(gunzipSync(readFileSync(join(import.meta.dirname, '../golden/ext4.img.gz'))));
const BLOCK = 1024;
const MAGIC = Buffer.from('c03b3998', 'hex');
const UUID = Uint8Array.from({ length: 16 }, (_, i) => i * 3 + 1);
const SEED = crc32cRaw(0xffffffff, UUID);

/** What a block of the log is made of. */
type Piece =
  | { write: [block: number, data: Uint8Array][]; spoil?: 'descriptor' | 'data' | 'nothing follows' }
  | { revoke: number[]; spoil?: boolean };

interface Transaction {
  pieces: Piece[];
  /** Left out where the crash came before it. */
  commit?: 'right' | 'wrong' | 'missing';
  /** Seconds. */
  time?: number;
}

interface Journal {
  checksums?: 0 | 1 | 2 | 3;
  wide?: boolean;
  async?: boolean;
  sequence?: number;
  start?: number;
  /** Change the superblock before its checksum is made. */
  alter?: (superBlock: Buffer) => void;
  transactions: Transaction[];
}

/** Device blocks of an inode's content. */
function blocksOf(fs: Ext4FileSystem, inode: number, count: number): number[] {
  const source = fillMapSource(newMapSource(), fs.inodes.aim(inode), fs.geometry);
  const run: Run = { block: 0, length: 0, kind: 'hole' };
  return Array.from({ length: count }, (_, logical) => {
    fs.mapper.map(source, logical, run);
    return run.block;
  });
}

/** Put a log into the sound image, and mark the filesystem as not unmounted. */
function crashed(journal: Journal): Uint8Array {
  const image = Buffer.from(sound);
  const fs = openExt4(memoryDevice(image));
  const places = blocksOf(fs, 8, 1024);
  const { checksums = 3, wide = true, sequence = 1, start = 1 } = journal;
  const modern = checksums >= 2;
  const incompat =
    jbd2.INCOMPAT_REVOKE |
    (wide ? jbd2.INCOMPAT_64BIT : 0) |
    (journal.async ? jbd2.INCOMPAT_ASYNC_COMMIT : 0) |
    (checksums === 2 ? jbd2.INCOMPAT_CSUM_V2 : 0) |
    (checksums === 3 ? jbd2.INCOMPAT_CSUM_V3 : 0);
  const put = (number: number, bytes: Uint8Array): void => {
    image.set(bytes, places[number]! * BLOCK);
  };
  const header = (type: number, id: number): Buffer => {
    const block = Buffer.alloc(BLOCK);
    MAGIC.copy(block);
    block.writeUInt32BE(type, 4);
    block.writeUInt32BE(id >>> 0, 8);
    return block;
  };
  const finish = (block: Buffer, spoil: boolean): Buffer => {
    if (modern) block.writeUInt32BE((crc32cRaw(SEED, block) ^ (spoil ? 1 : 0)) >>> 0, BLOCK - 4);
    return block;
  };

  const superBlock = header(4, 0);
  superBlock.writeUInt32BE(BLOCK, 0xc);
  superBlock.writeUInt32BE(1024, 0x10);
  superBlock.writeUInt32BE(1, 0x14);
  superBlock.writeUInt32BE(sequence >>> 0, 0x18);
  superBlock.writeUInt32BE(start, 0x1c);
  superBlock.writeUInt32BE(checksums === 1 ? 1 : 0, 0x24);
  superBlock.writeUInt32BE(incompat, 0x28);
  superBlock.set(UUID, 0x30);
  superBlock[0x50] = modern ? 4 : 0;
  journal.alter?.(superBlock);
  if (modern) superBlock.writeUInt32BE(crc32cRaw(0xffffffff, superBlock), 0xfc);
  put(0, superBlock);

  let at = start;
  const append = (block: Uint8Array): void => {
    put(at, block);
    at = at === 1023 ? 1 : at + 1;
  };
  journal.transactions.forEach(({ pieces, commit = 'right', time = 1000 }, index) => {
    const id = sequence + index;
    let sum = 0xffffffff;
    for (const piece of pieces) {
      if ('revoke' in piece) {
        const block = header(5, id);
        const size = wide ? 8 : 4;
        block.writeUInt32BE(16 + piece.revoke.length * size, 12);
        piece.revoke.forEach((number, i) => block.writeUInt32BE(number, 16 + i * size + size - 4));
        append(finish(block, piece.spoil ?? false));
        continue;
      }
      const block = header(1, id);
      const stored: Buffer[] = [];
      let offset = 12;
      piece.write.forEach(([number, data], i) => {
        const copy = Buffer.from(data);
        let flags = i === 0 ? 0 : jbd2.TAG_SAME_UUID;
        if (copy.subarray(0, 4).equals(MAGIC)) {
          flags |= jbd2.TAG_ESCAPE;
          copy.fill(0, 0, 4);
        }
        if (i === piece.write.length - 1) flags |= jbd2.TAG_LAST;
        const id32 = Buffer.alloc(4);
        id32.writeUInt32BE(id >>> 0);
        const crc = crc32cRaw(crc32cRaw(SEED, id32), copy);
        block.writeUInt32BE(number, offset);
        if (checksums === 3) {
          block.writeUInt32BE(flags, offset + 4);
          block.writeUInt32BE(crc, offset + 12);
          offset += 16;
        } else {
          if (checksums === 2) block.writeUInt16BE(crc & 0xffff, offset + 4);
          block.writeUInt16BE(flags, offset + 6);
          offset += 8 + (wide ? 4 : 0) + (checksums === 2 ? 2 : 0);
        }
        if (i === 0) offset += 16;
        if (piece.spoil === 'data') copy[500] = copy[500]! ^ 1;
        stored.push(copy);
      });
      append(finish(block, piece.spoil === 'descriptor'));
      sum = crc32be(sum, block);
      for (const copy of stored) {
        if (piece.spoil !== 'nothing follows') append(copy);
        sum = crc32be(sum, copy);
      }
    }
    if (commit === 'missing') return;
    const block = header(2, id);
    block.writeBigUInt64BE(BigInt(time), 0x30);
    if (checksums === 1) {
      block[0xc] = 1;
      block[0xd] = 4;
      block.writeUInt32BE(sum, 0x10);
    }
    if (modern) block.writeUInt32BE(crc32cRaw(SEED, block), 0x10);
    if (commit === 'wrong') block[0x13] = block[0x13]! ^ 1;
    append(block);
  });

  const main = SuperBlock.view(image, 1024);
  main.s_feature_incompat |= INCOMPAT_RECOVER;
  main.s_checksum = crc32cRaw(0xffffffff, image, 1024, 1024 + 0x3fc);
  return image;
}

const before = openExt4(memoryDevice(sound));
const FILE = before.lookup(2, 'size-20000');
const [FIRST = 0, SECOND = 0, THIRD = 0] = blocksOf(before, FILE, 3);

function filled(letter: string): Uint8Array {
  return Buffer.alloc(BLOCK, letter);
}

/** First letters of the file's first three blocks after replay: what was there is shown as `.`. */
function outcome(image: Uint8Array, warnings: string[] = []): string {
  const copy = Buffer.from(image);
  const fs = openExt4(memoryDevice(image, { writable: false }), {
    warn: (message) => warnings.push(message),
  });
  const into = Buffer.alloc(3 * BLOCK);
  assert.equal(fs.read(FILE, 0, into), into.length);
  assert.ok(copy.equals(image), 'the image is as it was');
  const old = Buffer.alloc(3 * BLOCK);
  before.read(FILE, 0, old);
  return [0, 1, 2]
    .map((i) => {
      const part = into.subarray(i * BLOCK, (i + 1) * BLOCK);
      if (part.equals(old.subarray(i * BLOCK, (i + 1) * BLOCK))) return '.';
      return part.every((byte) => byte === part[0]) ? String.fromCharCode(part[0]!) : '?';
    })
    .join('');
}

for (const checksums of [0, 1, 2, 3] as const) {
  for (const wide of [false, true]) {
    describe(`checksums of version ${checksums}, block numbers of ${wide ? 64 : 32} bits`, () => {
      const base = { checksums, wide };

      test('blocks are replayed, the latest wins', () => {
        const image = crashed({
          ...base,
          transactions: [
            {
              pieces: [
                {
                  write: [
                    [FIRST, filled('a')],
                    [SECOND, filled('b')],
                  ],
                },
              ],
            },
            { pieces: [{ write: [[SECOND, filled('c')]] }, { write: [[THIRD, filled('d')]] }] },
          ],
        });
        assert.equal(outcome(image), 'acd');
      });

      test('what looks like a journal block comes back whole', () => {
        const data = Buffer.concat([MAGIC, filled('e').subarray(4)]);
        const image = crashed({ ...base, transactions: [{ pieces: [{ write: [[FIRST, data]] }] }] });
        const fs = openExt4(memoryDevice(image));
        const into = Buffer.alloc(BLOCK);
        fs.read(FILE, 0, into);
        assert.ok(into.equals(data));
        const two = Buffer.alloc(2);
        fs.read(FILE, 1, two);
        assert.equal(two.toString('hex'), '3b39');
      });

      test('a revoke holds back what came before and with it, not what comes after', () => {
        const image = crashed({
          ...base,
          transactions: [
            {
              pieces: [
                {
                  write: [
                    [FIRST, filled('a')],
                    [SECOND, filled('b')],
                    [THIRD, filled('c')],
                  ],
                },
              ],
            },
            { pieces: [{ revoke: [FIRST, SECOND] }, { write: [[THIRD, filled('d')]] }] },
            { pieces: [{ write: [[SECOND, filled('e')]] }] },
          ],
        });
        assert.equal(outcome(image), '.ed');
      });

      test('a revoke of a transaction without its commit does not count', () => {
        const image = crashed({
          ...base,
          transactions: [
            { pieces: [{ write: [[FIRST, filled('a')]] }] },
            { pieces: [{ revoke: [FIRST] }, { write: [[SECOND, filled('b')]] }], commit: 'missing' },
          ],
        });
        assert.equal(outcome(image), 'a..');
      });

      test('the log goes on at its beginning, and numbers wrap', () => {
        const image = crashed({
          ...base,
          start: 1021,
          sequence: 0xffffffff,
          transactions: [
            {
              pieces: [
                {
                  write: [
                    [FIRST, filled('a')],
                    [SECOND, filled('b')],
                    [THIRD, filled('c')],
                  ],
                },
              ],
            },
            { pieces: [{ write: [[FIRST, filled('d')]] }] },
          ],
        });
        assert.equal(outcome(image), 'dbc');
      });

      test('a block outside the filesystem', () => {
        const image = crashed({ ...base, transactions: [{ pieces: [{ write: [[100_000, filled('a')]] }] }] });
        assert.throws(() => openExt4(memoryDevice(image)), {
          code: 'EUCLEAN',
          structure: 'journal_block_tag_s',
        });
      });
    });
  }
}

describe('transactions with wrong checksums', () => {
  const good: Transaction = { pieces: [{ write: [[FIRST, filled('a')]] }], time: 1000 };
  const refused = { code: 'EBADMSG', message: /transaction 2 .* noload/ };

  for (const spoil of ['descriptor', 'data'] as const) {
    test(`a committed ${spoil} block refuses to open, as Linux refuses to mount`, () => {
      const bad: Transaction = { pieces: [{ write: [[SECOND, filled('b')]], spoil }], time: 1001 };
      const image = crashed({ transactions: [good, bad, good] });
      assert.throws(() => openExt4(memoryDevice(image)), refused);
      openExt4(memoryDevice(image), { mountOptions: ['noload'] });
    });
  }

  test('a descriptor that is older than the transaction before it is left over', () => {
    const stale: Transaction = {
      pieces: [{ write: [[SECOND, filled('b')]], spoil: 'descriptor' }],
      time: 999,
    };
    assert.equal(outcome(crashed({ transactions: [good, stale] })), 'a..');
  });

  test('a revoke block', () => {
    const bad: Transaction = { pieces: [{ revoke: [FIRST], spoil: true }], time: 1001 };
    assert.throws(() => openExt4(memoryDevice(crashed({ transactions: [good, bad] }))), refused);
  });

  for (const checksums of [1, 3] as const) {
    test(`a commit block, version ${checksums}`, () => {
      const bad: Transaction = { pieces: [{ write: [[SECOND, filled('b')]] }], time: 1001, commit: 'wrong' };
      assert.throws(() => openExt4(memoryDevice(crashed({ checksums, transactions: [good, bad] }))), refused);
      const stale = { ...bad, time: 999 };
      assert.equal(outcome(crashed({ checksums, transactions: [good, stale] })), 'a..');
      // Without waiting for the data, the last commit may be there before it.
      assert.equal(outcome(crashed({ checksums, async: true, transactions: [good, bad] })), 'a..');
    });
  }

  test('version 1: a wrong commit that others follow', () => {
    const bad: Transaction = { pieces: [{ write: [[SECOND, filled('b')]] }], time: 1001, commit: 'wrong' };
    const image = crashed({ checksums: 1, async: true, transactions: [good, bad, { ...good, time: 1002 }] });
    assert.throws(() => openExt4(memoryDevice(image)), refused);
  });
});

describe('the superblock of the journal', () => {
  const transactions: Transaction[] = [{ pieces: [{ write: [[FIRST, filled('a')]] }] }];
  const open = (alter: (superBlock: Buffer) => void, more: Partial<Journal> = {}): string =>
    outcome(crashed({ transactions, ...more, alter }));

  test('version 1 has no features', () => {
    assert.equal(
      open((block) => block.writeUInt32BE(3, 4), { checksums: 0, wide: false }),
      'a..',
    );
  });

  test('an empty log', () => {
    assert.equal(
      open((block) => block.writeUInt32BE(0, 0x1c)),
      '...',
    );
  });

  test('an error that the guest met', () => {
    const warnings: string[] = [];
    outcome(crashed({ transactions, alter: (block) => block.writeInt32BE(-5, 0x20) }), warnings);
    assert.match(warnings.join(), /error -5/);
  });

  const wrong: [string, (block: Buffer) => void, string][] = [
    ['magic', (block) => block.writeUInt32BE(1, 0), 'h_magic'],
    ['type', (block) => block.writeUInt32BE(1, 4), 'h_blocktype'],
    ['block size', (block) => block.writeUInt32BE(4096, 0xc), 's_blocksize'],
    ['length', (block) => block.writeUInt32BE(1025, 0x10), 's_maxlen'],
    ['first block', (block) => block.writeUInt32BE(0, 0x14), 's_first'],
    ['first block beyond the end', (block) => block.writeUInt32BE(1024, 0x14), 's_first'],
    ['start', (block) => block.writeUInt32BE(5000, 0x1c), 's_start'],
    ['two kinds of checksums', (block) => block.writeUInt32BE(0x18, 0x28), 's_feature_incompat'],
    ['old and new checksums', (block) => block.writeUInt32BE(1, 0x24), 's_feature_compat'],
    ['kind of checksum', (block) => (block[0x50] = 3), 's_checksum_type'],
    [
      'fast commit area',
      (block) => (block.writeUInt32BE(0x30, 0x28), block.writeUInt32BE(1023, 0x54)),
      's_num_fc_blks',
    ],
  ];
  for (const [title, alter, field] of wrong) {
    test(`wrong ${title}`, () => {
      assert.throws(() => open(alter), {
        code: 'EUCLEAN',
        message: new RegExp(`journal_superblock_s: ${field} is`),
      });
    });
  }

  test('a feature that is not known', () => {
    assert.throws(() => open((block) => block.writeUInt32BE(0x90, 0x28)), {
      code: 'ENOTSUP',
      message: /0x80/,
    });
  });

  test('a wrong checksum', () => {
    const image = crashed({ transactions });
    const at = Buffer.from(image).indexOf(Buffer.concat([MAGIC, Buffer.from([0, 0, 0, 4])]));
    image[at + 0x40] = 9;
    assert.throws(() => openExt4(memoryDevice(image)), {
      code: 'EBADMSG',
      structure: 'journal_superblock_s',
    });
  });

  test('a journal on another device', () => {
    const image = Buffer.from(crashed({ transactions }));
    const main = SuperBlock.view(image, 1024);
    main.s_journal_inum = 0;
    main.s_checksum = crc32cRaw(0xffffffff, image, 1024, 1024 + 0x3fc);
    assert.throws(() => openExt4(memoryDevice(image)), {
      code: 'ENOTSUP',
      message: /another device.*noload/,
    });
    openExt4(memoryDevice(image), { mountOptions: ['norecovery'] });
  });
});

test('a log that runs into its own beginning', () => {
  const write = Array.from({ length: 40 }, () => [FIRST, filled('a')] as [number, Uint8Array]);
  const pieces: Piece[] = Array.from({ length: 24 }, () => ({ write }));
  pieces.push({ write, spoil: 'nothing follows' });
  assert.throws(() => openExt4(memoryDevice(crashed({ transactions: [{ pieces, commit: 'missing' }] }))), {
    code: 'EUCLEAN',
    message: /its own beginning/,
  });
});
