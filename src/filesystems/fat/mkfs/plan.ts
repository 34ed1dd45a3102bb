import { divideUp, isPowerOfTwo, roundUp } from '../../../bytes/round.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { ENTRY } from '../layout.ts';
import type { MakeFatOptions } from './index.ts';

/** Most clusters of each type, and fewest of FAT16: with fewer it would be taken for FAT12. */
const MAX_CLUSTERS = { 12: 4084, 16: 65524, 32: 268_435_446 } as const;
const MIN_FAT16 = 4087;
const MAX_SECTORS_PER_CLUSTER = 128;
/** From here on FAT32 is what is made. */
const FAT32_BYTES = 512 * 1024 * 1024;
/** Volumes of more sectors have their parts aligned to clusters. */
const UNALIGNED_SECTORS = 8192;

/** BPB_Media of what is no floppy, and its number for a BIOS. */
const HARD_DISK = 0xf8;
const FIRST_DISK = 0x80;

/** Everything that a new volume's boot sector says; sizes in logical sectors unless said otherwise. */
export interface FatPlan {
  fatBits: 12 | 16 | 32;
  /** Bytes. */
  sectorSize: number;
  sectorsPerCluster: number;
  reserved: number;
  fats: number;
  fatLength: number;
  rootEntries: number;
  total: number;
  clusters: number;
  media: number;
  drive: number;
  heads: number;
  sectorsPerTrack: number;
  hidden: number;
}

/** What depends on the size of a medium. */
interface Medium {
  media: number;
  drive: number;
  heads: number;
  sectorsPerTrack: number;
  rootEntries: number;
  /** Sectors of a cluster, where it is usual. */
  cluster?: number;
}

/** Floppies by KiB. */
const FLOPPIES: ReadonlyMap<number, Medium> = new Map(
  (
    [
      [360, 0xfd, 9, 112, 2],
      [720, 0xf9, 9, 112, 2],
      [1200, 0xf9, 15, 224, 1],
      [1440, 0xf0, 18, 224, 1],
      [2880, 0xf0, 36, 224, 2],
    ] as const
  ).map(([kibibytes, media, sectorsPerTrack, rootEntries, cluster]) => [
    kibibytes,
    { media, drive: 0, heads: 2, sectorsPerTrack, rootEntries, cluster },
  ]),
);

/** Geometries up to a number of sectors: of SD cards (Part 2 File System Specification), then LBA-assisted. */
const DISKS: readonly (readonly [sectors: number, heads: number, sectorsPerTrack: number])[] = [
  [4096, 2, 16],
  [32_768, 2, 32],
  [65_536, 4, 32],
  [262_144, 8, 32],
  [524_288, 16, 32],
  [1_032_192, 16, 63],
  [2_064_384, 32, 63],
  [4_128_768, 64, 63],
  [8_257_536, 128, 63],
  [Infinity, 255, 63],
];

/** Sectors per cluster of FAT32 up to a number of sectors. */
const FAT32_CLUSTERS: readonly (readonly [sectors: number, perCluster: number])[] = [
  [532_480, 1],
  [16_777_216, 8],
  [33_554_432, 16],
  [67_108_864, 32],
  [Infinity, 64],
];

function medium(size: number, sectorSize: number): Medium {
  const floppy = FLOPPIES.get(size / 1024);
  if (floppy !== undefined) return floppy;
  const sectors = Math.floor(size / sectorSize);
  const [, heads, sectorsPerTrack] = DISKS.find(([most]) => sectors <= most)!;
  return { media: HARD_DISK, drive: FIRST_DISK, heads, sectorsPerTrack, rootEntries: 512 };
}

/**
 * Lay a volume out on a device of so many bytes, as mkfs.fat 4.2 does. Throws EINVAL for options that make no sense, and
 * where no volume of the size and type that are asked for is possible.
 */
export function planFat(size: number, deviceSectorSize: number, options: MakeFatOptions): FatPlan {
  const sectorSize = options.sectorSize ?? deviceSectorSize;
  check(isPowerOfTwo(sectorSize) && sectorSize >= 512 && sectorSize <= 4096, 'sector size', sectorSize);
  const kind = medium(size, sectorSize);
  const fats = options.fats ?? 2;
  check(Number.isInteger(fats) && fats >= 1 && fats <= 4, 'number of tables', fats);
  const fixed = options.sectorsPerCluster;
  if (fixed !== undefined) {
    check(isPowerOfTwo(fixed) && fixed <= MAX_SECTORS_PER_CLUSTER, 'sectors per cluster', fixed);
  }
  const sectors = Math.floor(size / sectorSize);
  const total = sectors - (sectors % kind.sectorsPerTrack);
  if (total > 0xffffffff) {
    throw new GuestfsError(
      'EINVAL',
      `FAT can count 4294967295 sectors, the device has ${total} of ${sectorSize} bytes`,
    );
  }
  const wanted = options.fatBits ?? (size >= FAT32_BYTES ? 32 : undefined);
  const usual = wanted === 32 ? FAT32_CLUSTERS.find(([most]) => sectors <= most)![1] : (kind.cluster ?? 4);
  const types = wanted === undefined ? ([12, 16] as const) : [wanted];
  const most = wanted === 32 ? usual : MAX_SECTORS_PER_CLUSTER;
  for (let perCluster = fixed ?? usual; perCluster <= (fixed ?? most); perCluster *= 2) {
    for (const fatBits of types) {
      const plan = layOut(fatBits, perCluster, total, sectorSize, fats, kind, options);
      if (plan !== undefined) return plan;
    }
  }
  throw new GuestfsError(
    'EINVAL',
    `a device of ${size} bytes is too small or too large for ${wanted === undefined ? 'FAT' : `FAT${wanted}`}` +
      (fixed === undefined ? '' : ` with ${fixed} sectors per cluster`),
  );
}

function layOut(
  fatBits: 12 | 16 | 32,
  perCluster: number,
  total: number,
  sectorSize: number,
  fats: number,
  kind: Medium,
  options: MakeFatOptions,
): FatPlan | undefined {
  const unit = total > UNALIGNED_SECTORS && options.align !== false ? perCluster : 1;
  const least = fatBits === 32 ? 32 : 1;
  const asked = options.reservedSectors ?? least;
  check(Number.isInteger(asked) && asked >= (fatBits === 32 ? 2 : 1), 'reserved sectors', asked);
  const reserved = roundUp(asked, unit);
  check(reserved <= 0xffff, 'reserved sectors', reserved);
  const perSector = sectorSize / ENTRY;
  const askedEntries = options.rootEntries ?? kind.rootEntries;
  check(Number.isInteger(askedEntries) && askedEntries > 0, 'entries of the root directory', askedEntries);
  // Only whole sectors can be mounted.
  const rootEntries = fatBits === 32 ? 0 : roundUp(askedEntries, perSector * unit);
  check(rootEntries <= 0xffff, 'entries of the root directory', rootEntries);
  const rest = total - reserved - rootEntries / perSector;
  // Start below what is needed, and lengthen the table until it numbers all clusters that it leaves.
  let fatLength = unit;
  let clusters = 0;
  for (;;) {
    clusters = Math.floor((rest - fats * fatLength) / perCluster);
    if (clusters < 1) return undefined;
    const needed = roundUp(divideUp(divideUp((clusters + 2) * fatBits, 8), sectorSize), unit);
    if (needed <= fatLength) break;
    // Half of the way at most: a longer table leaves fewer clusters.
    fatLength += Math.max(unit, Math.floor((needed - fatLength) / 2 / unit) * unit);
  }
  if (clusters > MAX_CLUSTERS[fatBits] || (fatBits === 16 && clusters < MIN_FAT16)) return undefined;
  if (fatBits !== 32 && fatLength > 0xffff) return undefined;
  return {
    fatBits,
    sectorSize,
    sectorsPerCluster: perCluster,
    reserved,
    fats,
    fatLength,
    rootEntries,
    total,
    clusters,
    media: options.media ?? kind.media,
    drive: options.media === undefined ? kind.drive : options.media === HARD_DISK ? FIRST_DISK : 0,
    heads: kind.heads,
    sectorsPerTrack: kind.sectorsPerTrack,
    hidden: options.hiddenSectors ?? 0,
  };
}

function check(good: boolean, what: string, found: number): void {
  if (!good) throw new GuestfsError('EINVAL', `${found} is not possible for FAT as ${what}`);
}
