import { createHash } from 'node:crypto';
import type { BlockDevice } from '../../src/block/device.ts';
import { memoryDevice } from '../../src/block/memory.ts';
import { rangeDevice } from '../../src/block/range.ts';
import { newPartitionTable, openPartitionTable } from '../../src/partitions/edit.ts';
import { readPartitionTable } from '../../src/partitions/index.ts';
import { LvmSession } from '../../src/platform/lvm-session.ts';
import { scanLvm } from '../../src/volumes/lvm2/index.ts';

/** One thing that is done to a whole disk: a table written, a filesystem made, resized or tuned. */
export interface DiskJob {
  /** What is written, for the table of results. */
  kind: string;
  name: string;
  /** Programs that must be there. */
  tools: readonly string[];
  /** The disk before; made once. */
  before(): Uint8Array;
  run(device: BlockDevice): void;
  /**
   * What the disk holds, to be compared with what it held before and holds afterwards. Throws where that cannot be told
   * or what a real checker finds is wrong.
   */
  state(image: Uint8Array): string;
  /** States between the old and the new one that are allowed too. */
  between?: (state: string) => boolean;
}

const MIB = 1024 * 1024;

function tableState(image: Uint8Array): string {
  const table = readPartitionTable(memoryDevice(image, { writable: false }));
  return JSON.stringify(table, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

/** The image after jobs that went well. */
function after(size: number, ...jobs: ((device: BlockDevice) => void)[]): () => Uint8Array {
  return () => {
    const image = new Uint8Array(size);
    for (const job of jobs) job(memoryDevice(image));
    return image;
  };
}

type Editing = NonNullable<ReturnType<typeof openPartitionTable>>;

function editing(change: (table: Editing) => void) {
  return (device: BlockDevice): void => {
    const table = openPartitionTable(device);
    if (table === null) throw new Error('there is no partition table');
    change(table);
    table.write(device);
  };
}

function partitionJobs(kind: 'gpt' | 'msdos'): DiskJob[] {
  const create = (device: BlockDevice): void => newPartitionTable(device, kind).write(device);
  const first = editing((table) => void table.add('primary', 64, 511));
  const second = editing((table) => void table.add(kind === 'gpt' ? 'primary' : 'extended', 512, 1800));
  const third = editing((table) => void table.add('logical', 600, 900));
  const fourth = editing((table) => void table.add('logical', 1000, 1500));
  const more = kind === 'gpt' ? [] : [third, fourth];
  const size = 1 * MIB;
  const job = (name: string, before: () => Uint8Array, run: (device: BlockDevice) => void): DiskJob => ({
    kind,
    name,
    tools: [],
    before,
    run,
    state: tableState,
  });
  const jobs = [
    job('create', after(size), create),
    job('add', after(size, create), first),
    job('add another', after(size, create, first), second),
    job(
      'remove',
      after(size, create, first, second, ...more),
      editing((table) => table.remove(1)),
    ),
    job(
      'resize',
      after(size, create, first),
      editing((table) => table.resize(1, 400)),
    ),
    job(
      'bootable',
      after(size, create, first),
      editing((table) => table.setBootable(1, true)),
    ),
    job('anew', after(size, create, first, second), create),
  ];
  if (kind === 'msdos') {
    jobs.push(
      job('add a logical one', after(size, create, first, second), third),
      job('add the next', after(size, create, first, second, third), fourth),
      {
        ...job(
          'remove the first logical one',
          after(size, create, first, second, third, fourth),
          editing((table) => table.remove(5)),
        ),
        // Done again, it removes the other, which has that number now.
        between: (state) => !state.includes('logical'),
      },
      job(
        'remove all logical ones',
        after(size, create, first, second, third, fourth),
        editing((table) => table.remove(2)),
      ),
    );
  } else {
    jobs.push(
      job(
        'mend the first copy',
        () => {
          const image = after(size, create, first)();
          image.fill(0xa5, 512, 3072);
          return image;
        },
        editing(() => {}),
      ),
      job(
        'mend the second copy',
        () => {
          const image = after(size, create, first)();
          image.fill(0xa5, image.length - 512);
          return image;
        },
        editing((table) => table.setBootable(1, true)),
      ),
    );
  }
  return jobs;
}

const PV = 5 * MIB;

/** Two PVs in one image, so that their writes have one order. */
function physical(device: BlockDevice): { name: string; device: BlockDevice }[] {
  return [0, 1].map((index) => {
    const name = `/dev/sd${'ab'[index]}`;
    return { name, device: rangeDevice(device, index * PV, PV, name) };
  });
}

function lvmState(image: Uint8Array): string {
  const warnings: string[] = [];
  const { physicalVolumes, volumeGroups } = scanLvm(physical(memoryDevice(image, { writable: false })), {
    warn: (text) => warnings.push(text),
  });
  return JSON.stringify([
    physicalVolumes.map(({ name, label }) => [name, label.uuid]),
    volumeGroups.map(({ found }) => createHash('sha1').update(found.group.text).digest('hex')),
    warnings.filter((text) => !/disagree/.test(text)),
  ]);
}

type Write = LvmSession['write'];

function lvmJobs(): DiskJob[] {
  const step = (work: (write: Write) => void) => (device: BlockDevice) => {
    const devices = physical(device);
    work(new LvmSession({ candidates: () => devices, inUse: () => false, warn() {} }).write);
  };
  const sda = step((write) => write.createPhysicalVolume('/dev/sda'));
  const sdb = step((write) => write.createPhysicalVolume('/dev/sdb'));
  const group = step((write) => write.createVolumeGroup('G', ['/dev/sda', '/dev/sdb']));
  const volume = step((write) => write.createLogicalVolume('G', 'lv', { bytes: 4 * MIB }));
  const second = step((write) => write.createLogicalVolume('G', 'lw', { percentFree: 100 }));
  const all = [sda, sdb, group, volume, second];
  const job = (name: string, done: number, run: (device: BlockDevice) => void): DiskJob => ({
    kind: 'lvm',
    name,
    tools: [],
    before: after(2 * PV, ...all.slice(0, done)),
    run,
    state: lvmState,
  });
  return [
    job('pvcreate', 0, sda),
    job('pvcreate of the second', 1, sdb),
    job('vgcreate', 2, group),
    job('lvcreate', 3, volume),
    job('lvcreate of the rest', 4, second),
    job(
      'lvrename',
      5,
      step((write) => write.renameLogicalVolume('/dev/G/lv', '/dev/G/ly')),
    ),
    job(
      'vgrename',
      5,
      step((write) => write.renameVolumeGroup('G', 'H')),
    ),
    job(
      'lvremove',
      5,
      step((write) => write.removeLogicalVolume('/dev/G/lv')),
    ),
    job(
      'vgremove',
      5,
      step((write) => write.removeVolumeGroup('G')),
    ),
    {
      ...job(
        'removing all',
        5,
        step((write) => write.removeAll()),
      ),
      // The group goes, then one PV after the other.
      between: (text) => text.endsWith(',[],[]]'),
    },
  ];
}

/** Jobs on partition tables and volume groups. */
export const tableJobs: readonly DiskJob[] = [
  ...partitionJobs('gpt'),
  ...partitionJobs('msdos'),
  ...lvmJobs(),
];
