/** Checks FAT volumes and puts right what is wrong, as fsck.fat(8) does. */
import type { BlockDevice } from '../../../block/device.ts';
import { overlayDevice } from '../../../block/overlay.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { clusterOffset } from '../directory.ts';
import { FIRST_CLUSTER, readGeometry, type Geometry } from '../geometry.ts';
import {
  BootSector,
  ENTRY,
  FSI_LEAD_SIGNATURE,
  FSI_STRUCTURE_SIGNATURE,
  InformationSector,
} from '../layout.ts';
import { parseOptions } from '../options.ts';
import { DirectorySectors } from '../sectors.ts';
import { FatTable, firstEnd, FREE } from '../table.ts';
import { ChainCheck } from './chains.ts';
import { DirectoryCheck, type DirectoryParts, type PendingDirectory } from './directory-check.ts';
import { ProblemList, type FatProblem } from './report.ts';
import { compareTables } from './tables.ts';
import { UsedClusters } from './used-clusters.ts';

export type { FatProblem, FatProblemCode } from './report.ts';

/** How a volume is checked. */
export interface FatCheckOptions {
  /** Put right what is wrong; the device must be writable. */
  repair?: boolean;
}

/** What a check found. */
export interface FatCheckReport {
  /** As fsck.fat's: 0 where nothing is wrong, 1 where something was, corrected or not. */
  status: 0 | 1;
  /** The first ten thousand problems, in the order they were found. */
  problems: FatProblem[];
  problemCount: number;
  /** Problems that a repair leaves as they are. */
  uncorrected: number;
  files: number;
  usedClusters: number;
  clusters: number;
}

/** Sectors of directories that wait in memory. */
const MAX_SECTORS = 8192;

/**
 * Check a volume that is not mounted. With `repair`, chains that go wrong are ended, files are cut to what their chains
 * hold, a second owner of a cluster loses it, lost clusters become free, tables become equal, wrong `.` and `..`,
 * parts of long names without a file, double and impossible short names are mended, the count of free clusters and the
 * mark of an unclean volume are put right. Without it nothing is written. Throws CorruptError where the boot sector is wrong.
 */
export function checkFat(below: BlockDevice, options: FatCheckOptions = {}): FatCheckReport {
  const repair = options.repair ?? false;
  if (repair && !below.writable) {
    throw new GuestfsError('EROFS', 'the FAT volume cannot be repaired: its device is read-only');
  }
  // One piece of code for both: what a check would put right goes into memory and is dropped.
  const device = repair ? below : overlayDevice(below, 'check of FAT');
  const problems = new ProblemList(repair);
  const read = readGeometry(device);
  const boot = new Uint8Array(BootSector.size);
  device.readAt(0, boot);
  const fatOffset = compareTables(device, read, BootSector.view(boot).BPB_Media, problems);
  const geometry = { ...read, fatOffset };
  const table = new FatTable(device, geometry);
  const sectors = new DirectorySectors(device);
  const used = new UsedClusters(geometry.clusterCount + FIRST_CLUSTER);
  const chains = new ChainCheck(table, geometry, used, problems);
  const parts = { geometry, sectors, chains, problems, options: parseOptions([]) };
  const files = checkTree(parts);
  sectors.writeOut(new Set(), ENTRY);
  table.writeOut();
  const free = freeLost(table, geometry, used, problems);
  table.writeOut();
  checkInformation(device, geometry, free, problems);
  checkDirty(device, geometry, table, problems);
  table.writeOut();
  if (repair && problems.count > 0) device.flush();
  return {
    status: problems.count === 0 ? 0 : 1,
    problems: problems.problems,
    problemCount: problems.count,
    uncorrected: repair ? problems.left : problems.count,
    files,
    usedClusters: geometry.clusterCount - free,
    clusters: geometry.clusterCount,
  };
}

/** Check all directories, from the root on; every one has its clusters for itself, so that this ends. */
function checkTree(parts: DirectoryParts): number {
  const { geometry, chains, sectors } = parts;
  const { rootCluster, rootOffset, rootLength, clusterSize } = geometry;
  const ranges =
    rootCluster === 0
      ? [{ offset: rootOffset, length: rootLength }]
      : chains.take('/', rootCluster, Infinity).map(({ cluster, count }) => ({
          offset: clusterOffset(geometry, cluster),
          length: count * clusterSize,
        }));
  const waiting: PendingDirectory[] = [{ path: '', first: 0, parent: 0, ranges }];
  let files = 0;
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    const found = new DirectoryCheck(parts, directory).run();
    files += found.files;
    waiting.push(...found.directories.toReversed());
    if (sectors.count > MAX_SECTORS) {
      sectors.writeOut(new Set(), ENTRY);
      sectors.clear();
    }
  }
  return files;
}

/** Free what is marked as used, but nothing holds. Returns how many clusters are free. */
function freeLost(table: FatTable, geometry: Geometry, used: UsedClusters, problems: ProblemList): number {
  const bad = firstEnd(geometry.fatBits) - 1;
  let free = 0;
  let lost = 0;
  for (let cluster = FIRST_CLUSTER; cluster < geometry.clusterCount + FIRST_CLUSTER; cluster++) {
    const value = table.value(cluster);
    if (value === FREE) free++;
    else if (value !== bad && !used.has(cluster)) {
      table.set(cluster, FREE);
      lost++;
    }
  }
  if (lost > 0) {
    const bytes = lost * geometry.clusterSize;
    problems.add(
      'lost-clusters',
      `${lost} clusters (${bytes} bytes) are marked as used, but no file holds them`,
    );
  }
  return free + lost;
}

function checkInformation(
  device: BlockDevice,
  { informationOffset, clusterCount }: Geometry,
  free: number,
  problems: ProblemList,
): void {
  if (informationOffset === 0) return;
  const sector = new Uint8Array(InformationSector.size);
  device.readAt(informationOffset, sector);
  const view = InformationSector.view(sector);
  if (view.FSI_LeadSig !== FSI_LEAD_SIGNATURE || view.FSI_StrucSig !== FSI_STRUCTURE_SIGNATURE) {
    problems.leave('free-count', `the sector at byte ${informationOffset} is no information sector`);
    return;
  }
  if (view.FSI_Free_Count === free) return;
  problems.add(
    'free-count',
    `${view.FSI_Free_Count} clusters are said to be free, ${free} of ${clusterCount} are`,
  );
  view.FSI_Free_Count = free;
  device.writeAt(informationOffset, sector);
}

function checkDirty(device: BlockDevice, geometry: Geometry, table: FatTable, problems: ProblemList): void {
  const field = geometry.fatBits === 32 ? 'BS_Reserved1_32' : 'BS_Reserved1';
  const sector = new Uint8Array(BootSector.size);
  device.readAt(0, sector);
  const boot = BootSector.view(sector);
  if ((boot[field] & 1) !== 0) {
    problems.add('dirty', 'the volume was not unmounted: its boot sector says so');
    boot[field] &= ~1;
    device.writeAt(0, sector);
  }
  if (geometry.fatBits === 12) return;
  const clean = geometry.fatBits === 32 ? 0x08000000 : 0x8000;
  const reserved = table.reserved();
  if ((reserved & clean) !== 0) return;
  problems.add('dirty', 'the volume was not unmounted: its table says so');
  table.set(1, reserved | clean);
}
