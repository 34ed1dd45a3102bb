import type { BlockDevice } from '../../block/device.ts';
import { rangeDevice } from '../../block/range.ts';
import { CorruptError, GuestfsError, UnsupportedError } from '../../errors/index.ts';
import type { LogicalVolume, Segment, SegmentArea } from './model.ts';
import { devicePath } from './names.ts';
import { MAX_DEPTH } from './roles.ts';
import { dashedUuid, type FoundVolumeGroup } from './scan.ts';
import { readImageState } from './targets/raid-metadata.ts';
import { stripedDevice } from './targets/chunked.ts';
import { concatDevice } from './targets/concat.ts';
import { cowDevice } from './targets/cow.ts';
import { isParityType, parityDevice } from './targets/parity.ts';
import { raid10Device } from './targets/raid10.ts';
import { errorDevice, zeroDevice } from './targets/virtual.ts';
import { ThinPool } from './thin/pool.ts';

/** A segment's place: what a type's opener needs. */
interface SegmentContext {
  volume: LogicalVolume;
  segment: Segment;
  /** Bytes. */
  size: number;
  /** For messages. */
  name: string;
  depth: number;
}

/**
 * Opens the logical volumes of one group. Devices are made at first use and kept; they are read-only except where
 * every segment is linear, striped or virtual.
 */
export class VolumeOpener {
  readonly #found: FoundVolumeGroup;
  readonly #warn: (message: string) => void;
  readonly #volumes = new Map<string, BlockDevice>();
  readonly #opening = new Set<string>();
  readonly #pools = new Map<string, ThinPool>();
  /** Pseudo volumes of snapshots by their store. */
  readonly #snapshots = new Map<string, LogicalVolume>();
  /** Segments of snapshots that are being merged, by their origin. */
  readonly #merging = new Map<string, Segment>();

  constructor(found: FoundVolumeGroup, warn: (message: string) => void) {
    this.#found = found;
    this.#warn = warn;
    for (const volume of found.group.logicalVolumes.values()) {
      const segment = volume.segments[0];
      if (segment?.type !== 'snapshot') continue;
      const { references } = segment;
      const store = references.get('cow_store') ?? references.get('merging_store');
      if (store !== undefined) this.#snapshots.set(store, volume);
      const origin = references.get('origin');
      if (origin !== undefined && references.has('merging_store')) this.#merging.set(origin, segment);
    }
  }

  /**
   * The volume as its users see it: a snapshot is its origin with the changes, an origin that a snapshot is being
   * merged into is that snapshot. Throws ENOENT, UnsupportedError naming a segment type, EIO naming a missing PV.
   */
  open(name: string): BlockDevice {
    const snapshot = this.snapshotOf(name);
    if (snapshot !== undefined) return this.#openSnapshot(name, snapshot.segments[0]!);
    const merging = this.#merging.get(name);
    if (merging !== undefined) return this.#openSnapshot(name, merging);
    return this.#plain(name, 0);
  }

  /** The pseudo volume that makes `name` a snapshot's store of changes. */
  snapshotOf(name: string): LogicalVolume | undefined {
    return this.#snapshots.get(name);
  }

  /** The pool behind a thin pool's volume. Throws as {@link open}. */
  pool(name: string): ThinPool {
    return this.#pool(name, 0);
  }

  /** How full a snapshot's store is, in sectors, or `invalid` where it overflowed. */
  cowUsage(name: string): { used: number; total: number } | 'invalid' {
    const snapshot = this.snapshotOf(name);
    const chunkSize = snapshot?.segments[0]?.chunkSize ?? 0;
    const store = this.#plain(name, 0);
    const cow = cowDevice(store, store, chunkSize, this.#path(name));
    return cow.invalid ? 'invalid' : { used: cow.usedBytes / 512, total: store.size / 512 };
  }

  #path(name: string): string {
    return devicePath(this.#found.group.name, name);
  }

  #volume(name: string): LogicalVolume {
    const volume = this.#found.group.logicalVolumes.get(name);
    if (volume === undefined) {
      throw new GuestfsError(
        'ENOENT',
        `${this.#path(name)}: volume group ${this.#found.group.name} has no such volume`,
        {
          device: this.#path(name),
        },
      );
    }
    return volume;
  }

  #openSnapshot(name: string, segment: Segment): BlockDevice {
    const { references } = segment;
    const origin = references.get('origin') ?? '';
    const store = references.get('cow_store') ?? references.get('merging_store') ?? '';
    const path = this.#path(name);
    const below = this.#plain(origin, 0);
    const cow = cowDevice(below, this.#plain(store, 0), segment.chunkSize, path);
    return cow.invalid
      ? errorDevice(below.size, path, 'the snapshot is invalid: its store of changes overflowed')
      : cow.device;
  }

  /** A volume without regard to old-style snapshots. */
  #plain(name: string, depth: number): BlockDevice {
    const known = this.#volumes.get(name);
    if (known !== undefined) return known;
    if (depth > MAX_DEPTH || this.#opening.has(name)) {
      throw new CorruptError(
        'LVM2 metadata text',
        `volume ${name} is made of itself, or of more than ${MAX_DEPTH} volumes one on the other`,
        { device: this.#path(name) },
      );
    }
    const volume = this.#volume(name);
    this.#opening.add(name);
    try {
      const parts = volume.segments.map((segment) => this.#segment(volume, segment, depth));
      const path = this.#path(name);
      const device =
        parts.length === 0 ? zeroDevice(0, path) : concatDevice(parts, path, volume.status.has('WRITE'));
      this.#volumes.set(name, device);
      return device;
    } finally {
      this.#opening.delete(name);
    }
  }

  #segment(volume: LogicalVolume, segment: Segment, depth: number): BlockDevice {
    const context: SegmentContext = {
      volume,
      segment,
      size: segment.extentCount * this.#found.group.extentSize,
      name: this.#path(volume.name),
      depth: depth + 1,
    };
    switch (segment.type) {
      case 'striped':
      case 'linear':
        return this.#striped(context);
      case 'mirror':
      case 'raid1':
        return this.#mirrored(context);
      case 'raid0':
      case 'raid0_meta':
        return this.#raid0(context);
      case 'raid10':
      case 'raid10_near':
        return this.#raid10(context);
      case 'zero':
        return zeroDevice(context.size, context.name);
      case 'error':
        return errorDevice(context.size, context.name, 'the segment has the type error');
      case 'thin':
        return this.#thin(context);
      default:
        if (isParityType(segment.type)) return this.#parity(context);
        throw this.#unsupported(context);
    }
  }

  #unsupported({ segment, name }: SegmentContext, detail = ''): UnsupportedError {
    return new UnsupportedError(
      `${name}: LVM segments of type ${segment.type}${detail} cannot be read here; the appliance backend can open them`,
      { device: name },
    );
  }

  #corrupt({ volume, name }: SegmentContext, problem: string): CorruptError {
    return new CorruptError('LVM2 metadata text', `volume ${volume.name}: ${problem}`, { device: name });
  }

  /** `size` bytes at an area of a PV or of another volume. */
  #area(context: SegmentContext, area: SegmentArea, size: number): BlockDevice {
    const { group, devices } = this.#found;
    const start = area.extent * group.extentSize;
    const entry = group.physicalVolumes.get(area.name);
    if (entry === undefined) {
      const below = this.#plain(area.name, context.depth);
      if (start > below.size - size) {
        throw this.#corrupt(
          context,
          `its part at extent ${area.extent} of ${area.name} is not within that volume`,
        );
      }
      return rangeDevice(below, start, size, context.name);
    }
    const found = devices.get(area.name);
    if (found === undefined) {
      throw new GuestfsError(
        'EIO',
        `${context.name}: physical volume ${dashedUuid(entry.uuid)} (${entry.deviceHint}) of volume group ${group.name} is missing`,
        { device: context.name },
      );
    }
    if (start > entry.extentCount * group.extentSize - size) {
      throw this.#corrupt(
        context,
        `its part at extent ${area.extent} of ${found.name} is not within the ${entry.extentCount} extents there`,
      );
    }
    if (entry.start + start > found.device.size - size) {
      throw this.#corrupt(
        context,
        `its part ends at byte ${entry.start + start + size} of ${found.name}, which has only ${found.device.size}`,
      );
    }
    return rangeDevice(found.device, entry.start + start, size, context.name);
  }

  /** As {@link #area}, but undefined where a PV that it needs is missing. */
  #areaIfPresent(context: SegmentContext, area: SegmentArea, size: number): BlockDevice | undefined {
    try {
      return this.#area(context, area, size);
    } catch (error) {
      if (error instanceof GuestfsError && error.code === 'EIO') return undefined;
      throw error;
    }
  }

  /** Bytes in each of the areas of a segment that is dealt out over `count` of them. */
  #share(context: SegmentContext, count: number): number {
    const { segment } = context;
    const { extentSize } = this.#found.group;
    if (count < 1) throw this.#corrupt(context, `a segment of type ${segment.type} has no areas`);
    if (segment.extentCount % count !== 0 && count > 1) {
      throw this.#corrupt(context, `${segment.extentCount} extents cannot be dealt out over ${count} areas`);
    }
    return (segment.extentCount / count) * extentSize;
  }

  #checkStripeSize(context: SegmentContext, share: number): number {
    const { stripeSize } = context.segment;
    if (stripeSize === 0 || share % stripeSize !== 0) {
      throw this.#corrupt(context, `stripe_size is ${stripeSize} bytes, each area has ${share}`);
    }
    return stripeSize;
  }

  #striped(context: SegmentContext): BlockDevice {
    const { areas, numbers } = context.segment;
    const count = numbers.get('stripe_count') ?? areas.length;
    if (count !== areas.length) {
      throw this.#corrupt(context, `stripe_count is ${count}, but ${areas.length} stripes follow`);
    }
    const share = this.#share(context, count);
    const devices = areas.map((area) => this.#area(context, area, share));
    if (devices.length === 1) return devices[0]!;
    return stripedDevice(devices, this.#checkStripeSize(context, share), context.size, context.name);
  }

  /**
   * The images of a RAID segment, undefined where one is missing or does not hold what it should: failed, behind the
   * others, or not yet recovered.
   */
  #images(context: SegmentContext, share: number): (BlockDevice | undefined)[] {
    const { areas, metadataAreas } = context.segment;
    const images = areas.map((area) => this.#areaIfPresent(context, area, share));
    const states = metadataAreas.map((name) => {
      const device = this.#areaIfPresent(context, { name, extent: 0 }, this.#found.group.extentSize);
      return device === undefined ? undefined : readImageState(device);
    });
    const newest = states.reduce(
      (max, state) => (state !== undefined && state.events > max ? state.events : max),
      0n,
    );
    const authority = states.find((state) => state?.events === newest);
    if (authority?.reshaping) throw this.#unsupported(context, ' in the middle of a reshape');
    return images.map((image, i) => {
      const state = states[i];
      if (image === undefined || state === undefined) return image;
      const failed = ((authority?.failed ?? 0n) >> BigInt(i)) & 1n;
      // The kernel accepts a difference of one: a crash between two writes of the superblocks.
      const stale = state.events + 1n < newest;
      return failed === 1n || stale || !state.recovered ? undefined : image;
    });
  }

  #mirrored(context: SegmentContext): BlockDevice {
    const images = this.#images(context, this.#share(context, 1));
    const first = images.findIndex((image) => image !== undefined);
    if (first < 0) {
      // None is known to be good: let the first that is there at all speak, or say what it lacks.
      const area = context.segment.areas[0];
      if (area === undefined)
        throw this.#corrupt(context, `a segment of type ${context.segment.type} has no areas`);
      this.#warn(`${context.name}: no leg of the mirror is known to be good; reading the first`);
      return readOnly(this.#area(context, area, context.size));
    }
    if (first > 0)
      this.#warn(`${context.name}: reading leg ${first} of the mirror, those before it are not usable`);
    return readOnly(images[first]!);
  }

  #raid0(context: SegmentContext): BlockDevice {
    const { areas } = context.segment;
    const share = this.#share(context, areas.length);
    // As the kernel has it: what lies on the images that are there can be read.
    const devices = areas.map(
      (area) =>
        this.#areaIfPresent(context, area, share) ??
        errorDevice(share, context.name, `image ${area.name} is on a physical volume that is missing`),
    );
    const stripeSize = this.#checkStripeSize(context, share);
    return readOnly(stripedDevice(devices, stripeSize, context.size, context.name));
  }

  /** Two copies of each chunk, on neighbours in the row: the layout `near=2`, which is all that LVM makes. */
  #raid10(context: SegmentContext): BlockDevice {
    const { areas, numbers } = context.segment;
    const copies = numbers.get('data_copies') ?? 2;
    this.#refuseReshaped(context);
    if (copies !== 2 || areas.length < 2) throw this.#unsupported(context, ` with ${copies} copies`);
    const share = this.#share(
      { ...context, segment: { ...context.segment, extentCount: context.segment.extentCount * 2 } },
      areas.length,
    );
    const images = this.#images(context, share);
    const chunkSize = this.#checkStripeSize(context, share);
    this.#needPairs(context, images, share);
    return raid10Device(images, chunkSize, context.size, context.name);
  }

  /** Throws what a lost image lacks where its neighbour, which holds the same chunks, is lost too. */
  #needPairs(context: SegmentContext, images: readonly (BlockDevice | undefined)[], share: number): void {
    for (let i = 0; i < images.length; i++) {
      const next = (i + 1) % images.length;
      if (images[i] === undefined && images[next] === undefined) this.#throwLost(context, i, share);
    }
  }

  #parity(context: SegmentContext): BlockDevice {
    const { areas } = context.segment;
    this.#refuseReshaped(context);
    if (areas.length < 3) throw this.#unsupported(context, ` with ${areas.length} images`);
    const share = this.#share(context, areas.length - 1);
    const images = this.#images(context, share);
    const chunkSize = this.#checkStripeSize(context, share);
    const lost = images.flatMap((image, i) => (image === undefined ? [i] : []));
    if (lost.length > 1) this.#throwLost(context, lost[1]!, share);
    if (lost.length === 1)
      this.#warn(`${context.name}: image ${lost[0]} is lost; rebuilding it from the others`);
    return parityDevice(context.segment.type, images, chunkSize, context.size, context.name);
  }

  #throwLost(context: SegmentContext, index: number, share: number): never {
    this.#area(context, context.segment.areas[index]!, share);
    throw new GuestfsError(
      'EIO',
      `${context.name}: image ${index} is out of date and the others do not suffice`,
      {
        device: context.name,
      },
    );
  }

  #refuseReshaped(context: SegmentContext): void {
    const { numbers } = context.segment;
    if ((numbers.get('data_offset') ?? 0) !== 0 || (numbers.get('reshape_len') ?? 0) !== 0) {
      throw this.#unsupported(context, ' with space for a reshape');
    }
  }

  #thin(context: SegmentContext): BlockDevice {
    const { references, numbers } = context.segment;
    const pool = this.#pool(references.get('thin_pool') ?? '', context.depth);
    const origin = references.get('external_origin');
    const device = numbers.get('device_id') ?? -1;
    const below = origin === undefined ? undefined : this.#plain(origin, context.depth);
    return pool.openVolume(device, context.size, below, context.name);
  }

  #pool(name: string, depth: number): ThinPool {
    const known = this.#pools.get(name);
    if (known !== undefined) return known;
    const segment = this.#volume(name).segments[0];
    if (segment?.type !== 'thin-pool') {
      throw new CorruptError('LVM2 metadata text', `volume ${name} is used as a thin pool, but is none`, {
        device: this.#path(name),
      });
    }
    const metadata = this.#plain(segment.references.get('metadata') ?? '', depth + 1);
    const data = this.#plain(segment.references.get('pool') ?? '', depth + 1);
    const pool = new ThinPool(metadata, data, this.#path(name), this.#warn);
    this.#pools.set(name, pool);
    return pool;
  }
}

/** The same device, refusing writes: what keeps several copies must write them all. */
function readOnly(device: BlockDevice): BlockDevice {
  return concatDevice([device], 'mirror', false);
}
