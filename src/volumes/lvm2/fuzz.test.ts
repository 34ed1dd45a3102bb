import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fuzz, random } from '../../../test/support/fuzz.ts';
import { lvmDevices, lvmImage } from '../../../test/support/lvm-golden.ts';
import type { BlockDevice } from '../../block/device.ts';
import { memoryDevice } from '../../block/memory.ts';
import { crc32Raw } from '../../bytes/crc32.ts';
import { crc32cRaw } from '../../bytes/crc32c.ts';
import { GuestfsError } from '../../errors/index.ts';
import { LvmState, scanLvm, VolumeGroupState } from './index.ts';
import { MapperPlan } from './mapper.ts';
import { CRC_START } from './layout.ts';
import { parseVolumeGroup } from './parse.ts';

const MDA = 4096;

/** A piece of a drive that is mutated. */
interface Piece {
  letter: string;
  start: number;
  end: number;
}

/** The drives with other bytes in place of the pieces, which lie one after another in `image`. */
function devicesWith(
  letters: string,
  pieces: readonly Piece[],
  image: Uint8Array,
): { name: string; device: BlockDevice }[] {
  return lvmDevices(letters).map(({ name, device }) => {
    let at = 0;
    const patches = pieces.flatMap(({ letter, start, end }) => {
      const bytes = image.subarray(at, at + end - start);
      at += end - start;
      return name === `/dev/sd${letter}` ? [{ start, end, bytes }] : [];
    });
    return {
      name,
      device: {
        ...memoryDevice(new Uint8Array(0)),
        size: device.size,
        sectorSize: 512,
        writable: false,
        readAt(offset: number, into: Uint8Array) {
          device.readAt(offset, into);
          for (const patch of patches) {
            const from = Math.max(offset, patch.start);
            const to = Math.min(offset + into.length, patch.end);
            if (from < to)
              into.set(patch.bytes.subarray(from - patch.start, to - patch.start), from - offset);
          }
        },
        extents: (offset: number, length: number) => [{ offset, length, kind: 'data' as const }],
      } satisfies BlockDevice,
    };
  });
}

/** Only GuestfsErrors may come out of `act`. */
function tolerate(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
  }
}

/** Ask everything of a scan, and read a little of every volume. */
function readAll(state: LvmState): void {
  state.reportPhysicalVolumes();
  for (const group of state.volumeGroups) {
    group.report();
    group.backup(0);
    const plan = new MapperPlan(group.found, group.roles);
    for (const volume of group.visibleVolumes) plan.add(volume);
    for (const volume of group.found.group.logicalVolumes.values()) {
      group.isActivatable(volume);
      group.reportLogicalVolume(volume, () => ({ active: true, open: false, minor: 1 }));
      tolerate(() => {
        const device = group.open(volume.name);
        const buffer = new Uint8Array(Math.min(8192, device.size));
        for (const place of [0, 0.37, 1]) {
          tolerate(() => device.readAt(Math.floor((device.size - buffer.length) * place), buffer));
        }
        let left = 100;
        for (const extent of device.extents(0, device.size)) {
          assert.ok(extent.length > 0);
          if (--left === 0) break;
        }
      });
    }
  }
}

function gather(pieces: readonly Piece[]): Uint8Array {
  const parts = pieces.map(({ letter, start, end }) => lvmImage(letter).subarray(start, end));
  const image = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    image.set(part, at);
    at += part.length;
  }
  return image;
}

/** Right checksums in the label and the metadata area's header of a PV whose first bytes are in `image`. */
function fixHeaders(image: Uint8Array): void {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  view.setUint32(512 + 16, crc32Raw(CRC_START, image, 512 + 20, 1024), true);
  const offset = view.getUint32(MDA + 40, true);
  const size = view.getUint32(MDA + 48, true);
  if (offset >= 512 && MDA + offset + size <= image.length) {
    const text = image.subarray(MDA + offset, MDA + offset + size);
    view.setUint32(MDA + 56, crc32Raw(CRC_START, text), true);
  }
  view.setUint32(MDA, crc32Raw(CRC_START, image, MDA + 4, MDA + 512), true);
}

describe('LVM2 with mutated bytes', () => {
  test('label and headers', () => {
    const pieces = [{ letter: 'l', start: 0, end: 64 * 1024 }];
    fuzz({
      seed: 1,
      rounds: 400,
      image: gather(pieces),
      regions: [
        [512, 1024],
        [MDA, MDA + 128],
      ],
      fixup: fixHeaders,
      read: (image) => readAll(scanLvm(devicesWith('l', pieces, image))),
    });
  });

  test('text', () => {
    const image = gather([{ letter: 'a', start: 0, end: 128 * 1024 }]);
    const view = new DataView(image.buffer);
    const offset = MDA + view.getUint32(MDA + 40, true);
    fuzz({
      seed: 2,
      rounds: 400,
      image,
      mutations: 2,
      regions: [[offset, offset + view.getUint32(MDA + 48, true) - 300]],
      fixup: fixHeaders,
      read: (bytes) =>
        readAll(scanLvm(devicesWith('a', [{ letter: 'a', start: 0, end: 128 * 1024 }], bytes))),
    });
  });

  test('thin pool metadata', () => {
    // Extent 340 of 128 KiB is where make.sh's pool has its metadata; its blocks are few.
    const state = scanLvm(lvmDevices('i'));
    const segment = state.group('thin').found.group.logicalVolumes.get('pool_tmeta')?.segments[0];
    const start = 1024 * 1024 + (segment?.areas[0]?.extent ?? 0) * 128 * 1024;
    const used: Piece[] = [];
    const image = lvmImage('i');
    for (let at = start; at < start + 2 * 1024 * 1024; at += 4096) {
      if (image.subarray(at, at + 4096).some((byte) => byte !== 0))
        used.push({ letter: 'i', start: at, end: at + 4096 });
    }
    fuzz({
      seed: 3,
      rounds: 300,
      image: gather(used),
      mutations: 6,
      regions: used.flatMap((_, i) => [
        [i * 4096, i * 4096 + 96] as const,
        [i * 4096, i * 4096 + 4096] as const,
      ]),
      fixup: (bytes) => {
        const view = new DataView(bytes.buffer);
        for (let i = 0; i < used.length; i++) {
          const sum = crc32cRaw(0xffffffff, bytes, i * 4096 + 4, i * 4096 + 4096);
          view.setUint32(i * 4096, sum ^ (i === 0 ? 160774 : 121107), true);
        }
      },
      read: (bytes) => readAll(scanLvm(devicesWith('i', used, bytes))),
    });
  });

  test('stores of snapshots and superblocks of RAID', () => {
    const piecesOf = (letter: string, group: string, volumes: readonly string[], length: number) =>
      volumes.map((name) => {
        const found = scanLvm(lvmDevices(group === 'raid' ? 'defgh' : 'jk')).group(group).found.group;
        const extent = found.logicalVolumes.get(name)?.segments[0]?.areas[0]?.extent ?? 0;
        const start = 1024 * 1024 + extent * 128 * 1024;
        return { letter, start, end: start + length };
      });
    for (const [letters, pieces] of [
      ['jk', piecesOf('j', 'other', ['cow4k', 'cow16k', 'areas', 'tomerge'], 32 * 1024)],
      ['defgh', piecesOf('d', 'raid', ['r1_rmeta_0', 'r5_rmeta_0', 'r10_rmeta_0', 'r1stale_rmeta_0'], 512)],
    ] as const) {
      fuzz({
        seed: 4,
        rounds: 150,
        image: gather(pieces),
        mutations: 8,
        read: (bytes) => readAll(scanLvm(devicesWith(letters, pieces, bytes))),
      });
    }
  });
});

test('LVM2 texts with numbers and names exchanged', () => {
  const next = random(99);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!;
  const numbers = ['0', '1', '2', '3', '7', '128', '-1', '4294967295', '9007199254740991', '1.5'];
  let accepted = 0;
  for (const { found } of scanLvm(lvmDevices()).volumeGroups) {
    const text = new TextDecoder().decode(found.group.text);
    const names = [...found.group.logicalVolumes.keys(), ...found.group.physicalVolumes.keys(), 'nothere'];
    const types = [
      'striped',
      'raid1',
      'raid10',
      'raid5',
      'raid0',
      'mirror',
      'thin',
      'thin-pool',
      'snapshot',
      'zero',
      'cache',
    ];
    for (let round = 0; round < 60; round++) {
      const changed = text.replace(/= (-?\d+)$|"(\w+)"|^type = .*$/gm, (whole: string) => {
        if (next() > 0.03) return whole;
        if (whole.startsWith('type')) return `type = "${pick(types)}"`;
        return whole.startsWith('=') ? `= ${pick(numbers)}` : `"${pick(names)}"`;
      });
      tolerate(() => {
        const group = parseVolumeGroup(new TextEncoder().encode(changed));
        accepted++;
        readAll(new LvmState([], [new VolumeGroupState({ group, devices: found.devices }, () => {})]));
      });
    }
  }
  assert.ok(accepted > 100, `${accepted} texts were accepted`);
});

test('LVM2: a chain of thousands of volumes ends', () => {
  const volume = (i: number) => `v${i} {
id = "${String(i).padStart(32, 'x')}"
status = ["READ", "VISIBLE"]
segment_count = 1
segment1 {
start_extent = 0
extent_count = 1
type = "striped"
stripe_count = 1
stripes = ["v${(i + 1) % 5000}", 0]
}
}
`;
  const text = `vg {
id = "${'y'.repeat(32)}"
seqno = 1
extent_size = 8
physical_volumes { }
logical_volumes {
${Array.from({ length: 5000 }, (_, i) => volume(i)).join('')}
}
}
contents = "Text Format Volume Group"
version = 1
`;
  const group = parseVolumeGroup(new TextEncoder().encode(text));
  const state = new LvmState([], [new VolumeGroupState({ group, devices: new Map() }, () => {})]);
  readAll(state);
});
