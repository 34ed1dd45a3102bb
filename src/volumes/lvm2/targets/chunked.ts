import type { BlockDevice, Extent } from '../../../block/device.ts';
import { guard } from '../../../block/guard.ts';
import { GuestfsError } from '../../../errors/index.ts';

/** Where a chunk lies: on which of the devices, and at which byte of it. */
export interface ChunkPlace {
  device: BlockDevice;
  offset: number;
}

/** How the chunks of a striped or RAID volume are laid out. */
export interface ChunkLayout {
  /** Bytes of the volume. */
  size: number;
  /** Bytes in a chunk. */
  chunkSize: number;
  /** Devices that hold chunks; for flush and sector size. */
  devices: readonly BlockDevice[];
  writable: boolean;
  /** Where chunk `index` lies, counted from the start of the volume; undefined where only `rebuild` can give it. */
  place(index: number): ChunkPlace | undefined;
  /** Read from a chunk whose device is lost, beginning `within` bytes into it. */
  rebuild?(index: number, within: number, into: Uint8Array): void;
}

/** A volume cut into chunks that are spread over several devices. */
export function chunkedDevice(layout: ChunkLayout, name: string): BlockDevice {
  const { chunkSize } = layout;
  const each = (
    offset: number,
    length: number,
    visit: (
      place: ChunkPlace | undefined,
      index: number,
      within: number,
      done: number,
      count: number,
    ) => void,
  ): void => {
    for (let done = 0; done < length;) {
      const at = offset + done;
      const within = at % chunkSize;
      const count = Math.min(length - done, chunkSize - within);
      const index = (at - within) / chunkSize;
      visit(layout.place(index), index, within, done, count);
      done += count;
    }
  };
  const found = (place: ChunkPlace | undefined): ChunkPlace => {
    if (place === undefined) throw new GuestfsError('EIO', `${name}: the device of this chunk is missing`);
    return place;
  };
  return guard(
    {
      size: layout.size,
      sectorSize: Math.max(...layout.devices.map((device) => device.sectorSize)),
      writable: layout.writable && layout.devices.every((device) => device.writable),
      readAt(offset, into) {
        each(offset, into.length, (place, index, within, done, count) => {
          const part = into.subarray(done, done + count);
          if (place === undefined && layout.rebuild !== undefined) layout.rebuild(index, within, part);
          else found(place).device.readAt(found(place).offset + within, part);
        });
      },
      writeAt(offset, from) {
        each(offset, from.length, (place, _index, within, done, count) => {
          found(place).device.writeAt(found(place).offset + within, from.subarray(done, done + count));
        });
      },
      zero(offset, length) {
        each(offset, length, (place, _index, within, _done, count) => {
          found(place).device.zero(found(place).offset + within, count);
        });
      },
      discard(offset, length) {
        each(offset, length, (place, _index, within, _done, count) => {
          found(place).device.discard(found(place).offset + within, count);
        });
      },
      // Chunks are small: asking the devices below about each one costs more than reading them would.
      extents: (offset, length): Iterable<Extent> => [{ offset, length, kind: 'data' }],
      flush() {
        for (const device of layout.devices) device.flush();
      },
      close() {},
    },
    name,
  );
}

/** Segment type `striped` with several stripes, and RAID 0: chunks dealt out in turn. Offsets count in each device. */
export function stripedDevice(
  devices: readonly BlockDevice[],
  chunkSize: number,
  size: number,
  name: string,
): BlockDevice {
  const count = devices.length;
  return chunkedDevice(
    {
      size,
      chunkSize,
      devices,
      writable: true,
      place: (index) => ({
        device: devices[index % count]!,
        offset: Math.floor(index / count) * chunkSize,
      }),
    },
    name,
  );
}
