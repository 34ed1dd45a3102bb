import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { partitionImage } from '../../test/support/partition-golden.ts';
import { needsTool, run, temporaryFolder } from '../../test/support/tools.ts';
import type { BlockDevice } from '../block/device.ts';
import { memoryDevice } from '../block/memory.ts';
import { GptEditor, MbrEditor, newPartitionTable, openPartitionTable } from './edit.ts';
import { readPartitionTable } from './index.ts';
import { applySfdiskLine, applySfdiskScript } from './sfdisk-script.ts';

const MIB = 1024 * 1024;
const GUID = '21686148-6449-6E6F-744E-656564454649';

/** A write, or a flush where there are no bytes. */
interface Recorded {
  offset: number;
  bytes: Uint8Array | undefined;
}

/** A device that notes what is written. */
function recorder(image: Uint8Array, sectorSize: number, log: Recorded[]): BlockDevice {
  const below = memoryDevice(image, { sectorSize });
  const note = (offset: number, bytes: Uint8Array): void => {
    log.push({ offset, bytes: bytes.slice() });
    below.writeAt(offset, bytes);
  };
  return {
    size: below.size,
    sectorSize,
    writable: true,
    readAt: (offset, into) => below.readAt(offset, into),
    writeAt: note,
    zero: (offset, length) => note(offset, new Uint8Array(length)),
    discard() {},
    extents: (offset, length) => below.extents(offset, length),
    flush: () => void log.push({ offset: 0, bytes: undefined }),
    close() {},
  };
}

/** What a table says, in a form to compare. */
function shown(image: Uint8Array, sectorSize: number): string {
  const table = readPartitionTable(memoryDevice(image, { sectorSize }));
  return JSON.stringify(table, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

/**
 * Every state that a cut may leave: of the writes since the last flush any may be missing, and one torn at any 512
 * bytes.
 */
function* cuts(before: Uint8Array, log: readonly Recorded[]): Generator<Uint8Array> {
  const durable = before.slice();
  let pending: Recorded[] = [];
  const apply = (image: Uint8Array, { offset, bytes }: Recorded, length = bytes?.length ?? 0): void =>
    image.set(bytes?.subarray(0, length) ?? [], offset);
  for (const record of log) {
    if (record.bytes === undefined) {
      for (const done of pending) apply(durable, done);
      pending = [];
      continue;
    }
    pending.push(record);
    for (let mask = 0; mask < 2 ** (pending.length - 1); mask++) {
      const image = durable.slice();
      for (const [i, other] of pending.slice(0, -1).entries()) if (mask & (1 << i)) apply(image, other);
      for (let length = 0; length <= record.bytes.length; length += 512) {
        const torn = image.slice();
        apply(torn, record, length);
        yield torn;
      }
    }
  }
}

/** Change a table; every cut leaves the table before, the one after, or one of `between`. Returns the new image. */
function changed(
  before: Uint8Array,
  sectorSize: number,
  change: (device: BlockDevice) => void,
  between: (text: string) => boolean = () => false,
): Uint8Array {
  const image = before.slice();
  const log: Recorded[] = [];
  change(recorder(image, sectorSize, log));
  assert.equal(log.at(-1)?.bytes, undefined, 'the last thing is a flush');
  const allowed = new Set([shown(before, sectorSize), shown(image, sectorSize)]);
  let count = 0;
  for (const cut of cuts(before, log)) {
    const text = shown(cut, sectorSize);
    assert.ok(allowed.has(text) || between(text), `cut ${count} leaves ${text}`);
    count++;
  }
  assert.ok(count > 0);
  return image;
}

/** What either kind of table can do; a test knows which it has. */
type AnyEditor = Omit<GptEditor, 'type'> & Omit<MbrEditor, 'type'>;

function editing(change: (table: AnyEditor) => void) {
  return (device: BlockDevice): void => {
    const table = openPartitionTable(device);
    assert.ok(table !== null);
    change(table as unknown as AnyEditor);
    table.write(device);
  };
}

function withFile<T>(image: Uint8Array, use: (path: string) => T): T {
  const folder = temporaryFolder();
  try {
    const path = join(folder.path, 'disk.img');
    writeFileSync(path, image);
    return use(path);
  } finally {
    folder.remove();
  }
}

function assertGpt(image: Uint8Array): void {
  const said = withFile(image, (path) => run('sgdisk', '-v', path));
  assert.match(said, /No problems found/);
}

interface SfdiskTable {
  label: string;
  partitions?: { start: number; size: number; type: string; bootable?: boolean; name?: string }[];
}

function sfdiskTable(image: Uint8Array): SfdiskTable {
  return withFile(image, (path) => {
    run('sfdisk', '--verify', path);
    return (JSON.parse(run('sfdisk', '-J', path)) as { partitiontable: SfdiskTable }).partitiontable;
  });
}

function newDisk(type: 'gpt' | 'msdos', size = 16 * MIB, sectorSize = 512): Uint8Array {
  return changed(new Uint8Array(size), sectorSize, (device) => newPartitionTable(device, type).write(device));
}

const numbers = (image: Uint8Array, sectorSize = 512) =>
  readPartitionTable(memoryDevice(image, { sectorSize }))?.partitions.map((part) => [
    part.number,
    part.start / sectorSize,
    (part.start + part.size) / sectorSize - 1,
  ]);

describe('a GPT', { skip: needsTool('sgdisk', 'sfdisk', 'parted') }, () => {
  test('is made, filled and changed; each cut leaves one valid table', () => {
    let image = newDisk('gpt');
    assertGpt(image);
    image = changed(
      image,
      512,
      editing((table) => {
        assert.equal(table.add('primary', 2048, 4095), 1);
        assert.equal(table.add('logical', 4096, 8191), 2);
        assert.equal(table.add('primary', 34, 2047), 3);
        assert.equal(table.add('primary', 20_000, 32_734), 4);
        table.setName(3, 'Grüße 日本');
        table.setAttributes(3, 0x8000_0000_0000_0005n);
        table.setPartitionType(3, GUID);
        table.setPartitionGuid(3, `{${GUID}}`);
      }),
    );
    assertGpt(image);
    image = changed(
      image,
      512,
      editing((table) => table.setDiskGuid(GUID)),
    );
    image = changed(
      image,
      512,
      editing((table) => {
        table.remove(2);
        table.resize(1, 8191);
      }),
    );
    assertGpt(image);
    const info = withFile(image, (path) => run('sgdisk', '-i', '3', path));
    assert.match(info, /unique GUID: 21686148-6449-6E6F-744E-656564454649/);
    assert.match(info, /Attribute flags: 8000000000000005/);
    assert.match(info, /Partition name: 'Grüße 日本'/);
    assert.deepEqual(numbers(image), [
      [1, 2048, 8191],
      [3, 34, 2047],
      [4, 20_000, 32_734],
    ]);
    const printed = withFile(image, (path) => run('parted', '-s', '-m', path, 'unit', 's', 'print'));
    assert.match(printed, /^1:2048s:8191s:6144s/m);
  });

  test('with sectors of 4096 bytes', () => {
    let image = newDisk('gpt', 8 * MIB, 4096);
    image = changed(
      image,
      4096,
      editing((table) => void table.add('primary', 6, 2042)),
    );
    assert.deepEqual(numbers(image, 4096), [[1, 6, 2042]]);
    assert.equal(new DataView(image.buffer).getUint32(446 + 12, true), 2047);
  });

  test('a damaged copy is mended by the next change', () => {
    const good = changed(
      newDisk('gpt', 4 * MIB),
      512,
      editing((table) => void table.add('primary', 100, 200)),
    );
    for (const at of [512 + 56, 1024 + 32, good.length - 512 + 40, good.length - 33 * 512]) {
      const bad = good.slice();
      bad[at] = (bad[at] ?? 0) ^ 0xff;
      const mended = changed(
        bad,
        512,
        editing((table) => void table.add('primary', 300, 400)),
      );
      assertGpt(mended);
      assert.deepEqual(numbers(mended), [
        [1, 100, 200],
        [2, 300, 400],
      ]);
    }
  });

  test('the backup follows a disk that has grown, its space only when asked', () => {
    const small = changed(
      newDisk('gpt', 4 * MIB),
      512,
      editing((table) => void table.add('primary', 100, 200)),
    );
    const grown = new Uint8Array(8 * MIB);
    grown.set(small);
    const moved = changed(
      grown,
      512,
      editing((table) => {
        assert.throws(() => table.add('primary', 9000, 10_000), { code: 'EINVAL', message: /34 to 8158/ });
        table.setName(1, 'x');
      }),
    );
    assertGpt(moved);
    const expanded = changed(
      moved,
      512,
      editing((table) => {
        table.expand();
        table.add('primary', 9000, 10_000);
      }),
    );
    assertGpt(expanded);
    assert.deepEqual(numbers(expanded), [
      [1, 100, 200],
      [2, 9000, 10_000],
    ]);
  });

  test('a hybrid MBR, entries of another size, and what is not known are kept', () => {
    const hybrid = partitionImage('hybrid');
    const changedHybrid = changed(
      hybrid,
      512,
      editing((table) => table.expand()),
    );
    assert.deepEqual(changedHybrid.subarray(0, 512), hybrid.subarray(0, 512));
    const image = newDisk('gpt', 4 * MIB);
    withFile(image, (path) => {
      run('sgdisk', '-S', '256', path);
      const large = new Uint8Array(readFileSync(path));
      const after = changed(
        large,
        512,
        editing((table) => void table.add('primary', 100, 200)),
      );
      assertGpt(after);
      assert.match(
        withFile(after, (other) => run('sgdisk', '-p', other)),
        /holds up to 256 entries/,
      );
    });
  });

  test('refuses what is not possible, and stays as it was', () => {
    const image = newDisk('gpt', 4 * MIB);
    const device = memoryDevice(image);
    const table = newPartitionTable(device, 'gpt');
    table.add('primary', 100, 200);
    const refused = (first: number, last: number, message: RegExp): void =>
      assert.throws(() => table.add('primary', first, last), { code: 'EINVAL', message });
    refused(150, 300, /100 to 150|150 to 300 overlap partition 1, which has sectors 100 to 200/);
    refused(20, 40, /not all usable: this GPT gives partitions 34 to 8158/);
    refused(300, 250, /cannot end before it starts/);
    refused(300, 8159, /not all usable/);
    refused(300, 99_999, /not all on the disk, which has sectors 0 to 8191/);
    assert.throws(() => table.remove(7), { code: 'EINVAL', message: /no partition 7, there are: 1/ });
    assert.throws(() => table.setName(1, 'n'.repeat(37)), { code: 'EINVAL', message: /37 .* at most 36/ });
    assert.throws(() => table.setDiskGuid('nonsense'), { code: 'EINVAL', message: /is no GUID/ });
    assert.throws(() => newPartitionTable(memoryDevice(new Uint8Array(16_384)), 'gpt'), {
      code: 'EINVAL',
      message: /the disk has 32/,
    });
    for (let i = 2; i <= 128; i++) table.add('primary', 300 + i, 300 + i);
    assert.throws(() => table.add('primary', 1000, 1000), { code: 'ENOSPC', message: /all 128 entries/ });
  });
});

describe('an MBR', { skip: needsTool('sfdisk', 'parted', 'sgdisk') }, () => {
  /** Two primary partitions, an extended one, and three logical ones in it. */
  function fullDisk(): Uint8Array {
    let image = newDisk('msdos');
    const add = (kind: 'primary' | 'extended' | 'logical', first: number, last: number): void => {
      image = changed(
        image,
        512,
        editing((table) => void table.add(kind, first, last)),
      );
    };
    add('primary', 64, 2047);
    add('primary', 4096, 8191);
    add('extended', 10_000, 30_719);
    add('logical', 10_064, 12_000);
    add('logical', 20_064, 22_000);
    add('logical', 15_000, 16_000);
    return image;
  }

  test('with logical partitions; each cut leaves the table before or after', () => {
    const image = fullDisk();
    assert.deepEqual(
      sfdiskTable(image).partitions?.map(({ start, size, type }) => [start, start + size - 1, type]),
      [
        [64, 2047, '83'],
        [4096, 8191, '83'],
        [10_000, 30_719, 'f'],
        [10_064, 12_000, '83'],
        [20_064, 22_000, '83'],
        [15_000, 16_000, '83'],
      ],
    );
    const printed = withFile(image, (path) => run('parted', '-s', '-m', path, 'unit', 's', 'print'));
    assert.match(printed, /^6:20064s:22000s/m);
    assert.match(printed, /^7:15000s:16000s/m);
  });

  test('logical partitions go from every place of the chain', () => {
    const image = fullDisk();
    const kept: Record<number, number[]> = { 5: [20_064, 15_000], 6: [10_064, 15_000], 7: [10_064, 20_064] };
    for (const [number, starts] of Object.entries(kept)) {
      const after = changed(
        image,
        512,
        editing((table) => table.remove(Number(number))),
      );
      assert.deepEqual(
        sfdiskTable(after)
          .partitions?.slice(3)
          .map(({ start }) => start),
        starts,
      );
      const again = changed(
        after,
        512,
        editing((table) => void table.add('logical', 25_000, 26_000)),
      );
      assert.deepEqual(
        sfdiskTable(again)
          .partitions?.slice(3)
          .map(({ start }) => start),
        [...starts, 25_000],
      );
    }
    const empty = changed(
      changed(
        image,
        512,
        editing((table) => {
          table.remove(7);
          table.remove(6);
          table.remove(5);
        }),
        () => true,
      ),
      512,
      editing((table) => table.remove(3)),
    );
    assert.equal(sfdiskTable(empty).partitions?.length, 2);
  });

  test('ends move, ids and the boot flag are set', () => {
    const image = fullDisk();
    const after = changed(
      image,
      512,
      editing((table) => {
        table.resize(2, 9000);
        table.resize(5, 14_990);
        table.resize(3, 31_000);
        table.setId(1, 0x82);
        table.setBootable(2, true);
        table.setBootable(5, true);
      }),
      () => true,
    );
    assert.deepEqual(
      sfdiskTable(after).partitions?.map(({ start, size, type, bootable }) => [
        start + size - 1,
        type,
        bootable ?? false,
      ]),
      [
        [2047, '82', false],
        [9000, '83', false],
        [31_000, 'f', false],
        [14_990, '83', true],
        [22_000, '83', false],
        [16_000, '83', false],
      ],
    );
  });

  test('refuses what is not possible', () => {
    const table = openPartitionTable(memoryDevice(fullDisk()));
    assert.ok(table instanceof MbrEditor);
    const refused = (work: () => unknown, message: RegExp, code = 'EINVAL'): void =>
      assert.throws(work, { code, message });
    refused(() => table.add('primary', 1000, 3000), /overlap partition 1/);
    refused(() => table.add('extended', 9000, 9100), /has an extended partition/);
    refused(() => table.add('logical', 12_001, 13_000), /overlap/);
    refused(() => table.add('logical', 14_000, 14_999), /overlap/);
    refused(() => table.add('logical', 9000, 9100), /not all in the extended partition/);
    refused(() => table.add('primary', 0, 10), /sector 0 holds the MBR/);
    refused(() => table.resize(2, 10_500), /overlap partition 3/);
    refused(() => table.resize(3, 20_000), /cannot end at sector 20000: logical partition 6/);
    refused(() => table.resize(5, 15_000), /overlap/);
    refused(() => table.setId(3, 0x83), /has logical partitions/);
    refused(() => table.setId(1, 0x05), /not extended/);
    refused(() => table.setId(1, 300), /is a byte/);
    refused(() => table.remove(9), /no partition 9/);
    table.add('primary', 9000, 9100);
    refused(() => table.add('primary', 9200, 9300), /all four entries/, 'ENOSPC');
    const loop = fullDisk();
    new DataView(loop.buffer).setUint32(10_000 * 512 + 446 + 16 + 8, 0, true);
    refused(() => openPartitionTable(memoryDevice(loop)), /loop/, 'EUCLEAN');
  });

  test('of a real tool keeps its boot code, signature and geometry', () => {
    const before = partitionImage('mbr');
    const after = changed(
      before,
      512,
      editing((table) => table.resize(6, 52_000)),
      () => true,
    );
    assert.deepEqual(after.subarray(0, 512), before.subarray(0, 512));
    assert.equal(sfdiskTable(after).partitions?.at(-1)?.size, 2001);
  });

  test('with sectors of 4096 bytes, the rest of which stays', () => {
    let image = newDisk('msdos', 8 * MIB, 4096);
    image.fill(7, 512, 4096);
    image = changed(
      image,
      4096,
      editing((table) => {
        table.add('extended', 256, 2047);
        table.add('logical', 300, 400);
        table.add('logical', 500, 600);
      }),
      () => true,
    );
    assert.deepEqual(numbers(image, 4096), [
      [1, 256, 2047],
      [5, 300, 400],
      [6, 500, 600],
    ]);
    assert.ok(image.subarray(512, 4096).every((byte) => byte === 7));
  });
});

describe('a new table', { skip: needsTool('sgdisk', 'sfdisk', 'blkid') }, () => {
  const types = ['gpt', 'msdos'] as const;
  for (const from of [...types, 'mac', 'ext'] as const) {
    for (const to of types) {
      test(`${to} over ${from}`, () => {
        const old =
          from === 'mac' || from === 'ext'
            ? partitionImage(from)
            : changed(
                newDisk(from),
                512,
                editing((table) => void table.add('primary', 2048, 4095)),
              );
        if (from !== 'ext') old.fill(0x90, 0, from === 'mac' ? 0 : 100);
        const isOld = shown(old, 512);
        const after = changed(
          old,
          512,
          (device) => newPartitionTable(device, to).write(device),
          // Of a table that is not written here nothing was promised.
          (text) => from === 'mac' || text === isOld,
        );
        assert.equal(readPartitionTable(memoryDevice(after))?.type, to);
        const probed = withFile(after, (path) => run('blkid', '-p', '-o', 'export', path));
        assert.match(probed, new RegExp(`^PTTYPE=${to === 'gpt' ? 'gpt' : 'dos'}$`, 'm'));
        assert.doesNotMatch(probed, /^TYPE=/m);
        assert.deepEqual(numbers(after), []);
        if (from === 'gpt' || from === 'msdos') assert.ok(after.subarray(0, 100).every((b) => b === 0x90));
        if (to === 'msdos') assert.equal(sfdiskTable(after).label, 'dos');
      });
    }
  }
});

describe('scripts for sfdisk', { skip: needsTool('sfdisk') }, () => {
  const scripts: readonly (readonly string[])[] = [
    [','],
    [',100', ',200,82,*', ',300', ','],
    [',4M', ',5MiB,S', ',3M', ',+,E', ',1M', ',2M,L', ','],
    ['start=2048, size=4096, type=83, bootable', 'size=1MiB, type=8e'],
    ['2048 4096 7', '8192,,L'],
    ['label: gpt', ',2M,U', ',3M,S', ','],
  ];
  for (const script of scripts) {
    test(script.join(' | '), () => {
      const gpt = script[0] === 'label: gpt';
      const size = 64 * MIB - 512 * 77;
      const ours = new Uint8Array(size);
      const device = memoryDevice(ours);
      const table = newPartitionTable(device, gpt ? 'gpt' : 'msdos');
      applySfdiskScript(table, device.size, script);
      table.write(device);
      const theirs = withFile(new Uint8Array(size), (path) => {
        writeFileSync(`${path}.in`, `${script.join('\n')}\n`);
        run('sh', '-c', 'sfdisk -q "$0" < "$0.in"', path);
        return new Uint8Array(readFileSync(path));
      });
      const rows = (image: Uint8Array) =>
        sfdiskTable(image).partitions?.map(({ start, size, type, bootable }) => [
          start,
          size,
          type,
          bootable,
        ]);
      assert.deepEqual(rows(ours), rows(theirs));
    });
  }

  test('one line changes one partition', () => {
    const image = new Uint8Array(16 * MIB);
    const device = memoryDevice(image);
    const table = newPartitionTable(device, 'msdos');
    applySfdiskScript(table, device.size, [',1M', ',1M']);
    applySfdiskLine(table, device.size, 2, ',3M,82');
    applySfdiskLine(table, device.size, 4, ',1M');
    table.write(device);
    assert.deepEqual(
      sfdiskTable(image).partitions?.map(({ start, size, type }) => [start, size, type]),
      [
        [2048, 2048, '83'],
        [4096, 6144, '82'],
        [10_240, 2048, '83'],
      ],
    );
    assert.throws(() => applySfdiskLine(table, device.size, 2, 'frob=3'), {
      code: 'EINVAL',
      message: /frob/,
    });
  });
});
