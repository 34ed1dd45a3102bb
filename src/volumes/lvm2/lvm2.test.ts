import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { lvmDevices, lvmImage, stockSection, stockSums } from '../../../test/support/lvm-golden.ts';
import type { BlockDevice } from '../../block/device.ts';
import { memoryDevice } from '../../block/memory.ts';
import { crc32Raw } from '../../bytes/crc32.ts';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { scanLvm } from './index.ts';
import { CRC_START } from './layout.ts';

function sha256(device: BlockDevice, piece = 1 << 18): string {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(piece);
  for (let at = 0; at < device.size; at += piece) {
    const part = buffer.subarray(0, Math.min(piece, device.size - at));
    device.readAt(at, part);
    hash.update(part);
  }
  return hash.digest('hex');
}

/** Volumes that cannot be read here, and the segment type that the message must name. */
const UNSUPPORTED = new Map([
  ['other/cached', 'cache'],
  ['other/wc', 'writecache'],
  ['other/r1int', 'integrity'],
  ['raid/r6', 'raid6'],
]);

/** Volumes that stock libguestfs left inactive, and that can be opened here all the same. */
const INACTIVE = new Set(['thin/tsnapskip', 'exported/ex', 'foreign/fo']);

describe('LVM2 volumes read as the kernel reads them', () => {
  const warnings: string[] = [];
  const state = scanLvm(lvmDevices(), { warn: (message) => warnings.push(message) });

  test('the scan finds every group and nothing to complain of', () => {
    assert.deepEqual(state.volumeGroups.map(({ name }) => name).toSorted(), [
      'basic',
      'exported',
      'foreign',
      'on-part',
      'other',
      'raid',
      'stripe',
      'thin',
      'wrap',
    ]);
    assert.deepEqual(warnings, []);
  });

  for (const [volume, sum] of stockSums('sums')) {
    const [group = '', name = ''] = volume.split('/');
    const unsupported = UNSUPPORTED.get(volume);
    test(volume, () => {
      if (unsupported !== undefined) {
        assert.throws(
          () => state.openLogicalVolume(group, name),
          (error) => error instanceof UnsupportedError && error.message.includes(`type ${unsupported}`),
        );
      } else if (/^[0-9a-f]{64}$/.test(sum)) {
        const device = state.openLogicalVolume(group, name);
        assert.equal(sha256(device), sum);
        // Pieces that do not fit chunks, stripes and blocks.
        if (device.size <= 2 * 1024 * 1024) assert.equal(sha256(device, 5003), sum);
      } else if (INACTIVE.has(volume)) {
        assert.match(sum, /No such file/);
        assert.ok(sha256(state.openLogicalVolume(group, name)));
      } else if (volume === 'other/tomerge') {
        // The kernel had merged it by the time it was asked for.
        assert.ok(state.openLogicalVolume(group, name).size > 0);
      } else {
        assert.match(sum, /Input\/output error/);
        assert.throws(() => sha256(state.openLogicalVolume(group, name)), { code: 'EIO' });
      }
    });
  }

  test('a snapshot that waits to be merged is what its origin reads as', () => {
    const [merging, snapshot] = ['merging', 'tomerge'].map((name) =>
      sha256(state.openLogicalVolume('other', name)),
    );
    assert.equal(merging, snapshot);
  });

  test('a snapshot of a thin volume differs from it only where it was written to', () => {
    const [origin, skipped] = ['tone', 'tsnapskip'].map((name) =>
      sha256(state.openLogicalVolume('thin', name)),
    );
    assert.equal(origin, skipped);
  });

  test('thin volumes tell their holes', () => {
    const device = state.openLogicalVolume('thin', 'tone');
    const extents = [...device.extents(0, device.size)];
    assert.equal(extents[0]?.kind, 'data');
    assert.equal(extents.at(-1)?.kind, 'hole');
    assert.equal(
      extents.reduce((sum, { length }) => sum + length, 0),
      device.size,
    );
    const zeroes = new Uint8Array(64 * 1024);
    for (const { offset, length, kind } of extents) {
      if (kind === 'data') continue;
      const part = new Uint8Array(Math.min(length, zeroes.length));
      device.readAt(offset, part);
      assert.deepEqual(part, zeroes.subarray(0, part.length));
    }
  });

  test('names that do not exist', () => {
    assert.throws(() => state.openLogicalVolume('basic', 'nothere'), { code: 'ENOENT' });
    assert.throws(() => state.openLogicalVolume('nothere', 'one'), { code: 'ENOENT' });
  });

  test('pools are not volumes to read', () => {
    assert.throws(() => state.openLogicalVolume('thin', 'pool'), UnsupportedError);
  });

  test('the metadata in the form of a backup is what vgcfgbackup writes, but for its head', () => {
    for (const group of ['basic', 'stripe']) {
      const ours = new TextDecoder().decode(state.group(group).backup(0)).split('\n');
      const theirs = stockSection(`vgmeta ${group}`);
      // Stock's machine gave its drives other letters in that run.
      const from = (lines: string[]) =>
        lines
          .slice(lines.indexOf(`${group} {`))
          .filter((line) => line !== '')
          .map((line) => line.replace(/"\/dev\/sd."/, '"/dev/sdX"'));
      assert.deepEqual(from(ours), from(theirs));
    }
  });
});

describe('LVM2 with physical volumes missing', () => {
  const open = (letters: string, group: string, name: string) => {
    const warnings: string[] = [];
    const state = scanLvm(lvmDevices(letters), { warn: (message) => warnings.push(message) });
    return { warnings, device: () => state.openLogicalVolume(group, name) };
  };

  test('volumes on what is there can be read, others name the missing PV', () => {
    const sums = stockSums('sums');
    const { device, warnings } = open('b', 'stripe', 'onfirst');
    assert.equal(sha256(device()), sums.get('stripe/onfirst'));
    assert.match(warnings.join(), /PV \S{6}-.* is missing/);
    const [, second = ''] = stockSection('uuids stripe').slice(1);
    for (const name of ['onsecond', 's4k', 's64k']) {
      assert.throws(
        open('b', 'stripe', name).device,
        (error) => error instanceof GuestfsError && error.code === 'EIO' && error.message.includes(second),
      );
    }
  });

  for (const [volume, sum] of stockSums('sums of /dev/sdk')) {
    test(`${volume} with one of its PVs`, () => {
      const [group = '', name = ''] = volume.split('/');
      const { device, warnings } = open('df', group, name);
      // The kernel refuses a mirror without one of its legs; reading the other one does no harm.
      const expected = sum.startsWith('*stdin*') ? stockSums('sums').get(volume) : sum;
      assert.equal(sha256(device()), expected);
      assert.ok(warnings.length > 0);
    });
  }

  test('the second leg serves where the first is missing', () => {
    for (const name of ['mcore', 'r1', 'r1three']) {
      assert.equal(sha256(open('efg', 'raid', name).device()), stockSums('sums').get(`raid/${name}`));
    }
  });

  test('RAID 10 needs one of two neighbours', () => {
    const sum = stockSums('sums').get('raid/r10');
    for (const letters of ['efg', 'dfg', 'deg', 'def', 'dfh', 'egh']) {
      const { device } = open(letters.includes('d') ? letters : `${letters}h`, 'raid', 'r10');
      assert.equal(sha256(device()), sum, letters);
    }
    assert.throws(open('dg', 'raid', 'r10').device, { code: 'EIO' });
  });

  test('RAID 5 needs all but one', () => {
    const sum = stockSums('sums').get('raid/r5ra');
    for (const letters of ['defg', 'deg', 'dfg', 'def', 'dgef']) {
      assert.equal(sha256(open(letters, 'raid', 'r5ra').device()), sum, letters);
    }
    assert.throws(open('de', 'raid', 'r5ra').device, { code: 'EIO' });
  });

  test('PVs without metadata alone are orphans', () => {
    const state = scanLvm(lvmDevices('ef'));
    assert.deepEqual(state.volumeGroups, []);
    assert.deepEqual(
      state.orphans.map(({ name }) => name),
      ['/dev/sde', '/dev/sdf'],
    );
  });

  test('of two PVs with one UUID the first counts', () => {
    const [first] = lvmDevices('a');
    const warnings: string[] = [];
    const state = scanLvm([first!, { name: '/dev/sdz', device: first!.device }], {
      warn: (message) => warnings.push(message),
    });
    assert.equal(state.physicalVolumes.length, 1);
    assert.match(warnings.join(), /\/dev\/sdz has the same PV UUID as \/dev\/sda/);
  });
});

describe('LVM2 metadata that disagrees or is damaged', () => {
  /** The metadata area's header in drives b and c. */
  const MDA = 4096;
  const scan = (images: Record<string, Uint8Array>) => {
    const warnings: string[] = [];
    const state = scanLvm(
      Object.entries(images).map(([name, image]) => ({ name, device: memoryDevice(image) })),
      { warn: (message) => warnings.push(message) },
    );
    return { state, warnings };
  };
  const textOf = (image: Uint8Array) => {
    const view = new DataView(image.buffer, image.byteOffset);
    const start = MDA + view.getUint32(MDA + 40, true);
    return image.subarray(start, start + view.getUint32(MDA + 48, true));
  };

  test('the newest text counts, and the others are told of', () => {
    const b = lvmImage('b').slice();
    const text = textOf(b);
    const seqno = text.findIndex((_, i) => new TextDecoder().decode(text.subarray(i, i + 8)) === 'seqno = ');
    text[seqno + 8] = 0x35;
    const view = new DataView(b.buffer);
    view.setUint32(MDA + 56, crc32Raw(CRC_START, text), true);
    view.setUint32(MDA, crc32Raw(CRC_START, b, MDA + 4, MDA + 512), true);
    for (const images of [
      { b, c: lvmImage('c') },
      { c: lvmImage('c'), b },
    ]) {
      const { state, warnings } = scan(images);
      assert.equal(state.group('stripe').found.group.seqno, 6);
      assert.match(warnings.join(), /seqno (5 and 6|6 and 5); using 6/);
    }
    assert.equal(scan({ b }).state.group('stripe').found.group.seqno, 5);
  });

  test('any copy that is whole will do', () => {
    const b = lvmImage('b').slice();
    const c = lvmImage('c').slice();
    textOf(b)[100]! ^= 1;
    c[MDA + 100]! ^= 1;
    // What is left is the second area of drive c, at its end.
    const { state, warnings } = scan({ b, c });
    assert.equal(sha256(state.openLogicalVolume('stripe', 's4k')), stockSums('sums').get('stripe/s4k'));
    assert.match(warnings.join(), /b: the metadata at byte 4096 is left out/);
    assert.match(warnings.join(), /c: a metadata area is left out/);
  });

  test('a damaged label hides one PV, and not the others', () => {
    const b = lvmImage('b').slice();
    b[512 + 40]! ^= 1;
    const { state, warnings } = scan({ b, c: lvmImage('c') });
    assert.equal(state.physicalVolumes.length, 1);
    assert.match(warnings.join(), /b: this physical volume is left out: LVM2 label_header: crc_xl/);
    assert.equal(
      sha256(state.openLogicalVolume('stripe', 'onsecond')),
      stockSums('sums').get('stripe/onsecond'),
    );
  });

  test('a drive that was cut short refuses what lay behind', () => {
    const b = lvmImage('b').slice(0, 1024 * 1024 + 8 * 131072);
    const { state } = scan({ b, c: lvmImage('c') });
    assert.throws(() => state.openLogicalVolume('stripe', 'onfirst'), {
      code: 'EUCLEAN',
      message: /which has only/,
    });
  });

  test('a member of an md array is no PV', () => {
    const b = lvmImage('b').slice();
    const view = new DataView(b.buffer);
    const sector = b.length / 512 - 16;
    view.setUint32(sector * 512, 0xa92b4efc, true);
    view.setUint32(sector * 512 + 4, 1, true);
    view.setBigUint64(sector * 512 + 144, BigInt(sector), true);
    const { state, warnings } = scan({ b });
    assert.deepEqual(state.physicalVolumes, []);
    assert.match(warnings.join(), /member of an md array/);
  });
});
