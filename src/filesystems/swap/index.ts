/** Linux swap areas, version 1, in pages of 4096 bytes. Source: union swap_header of the kernel's linux/swap.h. */
import type { BlockDevice } from '../../block/device.ts';
import { layout, raw, u32 } from '../../bytes/layout.ts';
import { encodeText } from '../../bytes/text.ts';
import { randomUuid } from '../../crypto/random.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { IdentifyOptions } from '../identify/signature.ts';
import { eraseSignatures } from '../wipe/index.ts';

const PAGE = 4096;
/** Fewer pages are no swap area. */
const MINIMUM_PAGES = 10;
const MAGIC = 'SWAPSPACE2';
const MAGIC_AT = PAGE - MAGIC.length;
/** The header begins after what a loader may have put there. */
const HEADER_AT = 1024;
/** What a disk writes whole or not at all. */
const SECTOR = 512;
/** The field has 16 bytes, the last of which is a NUL. */
const LABEL_MOST = 15;

const Header = layout('swap_header', 48, 'le', {
  version: u32(0),
  last_page: u32(4),
  nr_badpages: u32(8),
  sws_uuid: raw(12, 16),
  sws_volume: raw(28, 16),
});

/** How a swap area is made. */
export interface MakeSwapOptions {
  /** At most 15 bytes. */
  label?: string;
  /** 16 bytes. Default random. */
  uuid?: Uint8Array;
}

function labelBytes(label: string): Uint8Array {
  const bytes = encodeText(label);
  if (bytes.length > LABEL_MOST) {
    throw new GuestfsError(
      'EINVAL',
      `the label ${label} has ${bytes.length} bytes, at most ${LABEL_MOST} fit a swap area`,
    );
  }
  return bytes;
}

function uuidBytes(uuid: Uint8Array): Uint8Array {
  if (uuid.length !== 16) throw new GuestfsError('EINVAL', `the UUID has ${uuid.length} bytes, expected 16`);
  return uuid;
}

/** Pages of an area of `size` bytes. Throws EINVAL where that is too small to be one. */
export function swapPages(size: number): number {
  const pages = Math.min(Math.floor(size / PAGE), 0xffffffff);
  if (pages < MINIMUM_PAGES) {
    throw new GuestfsError(
      'EINVAL',
      `a swap area has at least ${MINIMUM_PAGES * PAGE} bytes, here are ${size}`,
    );
  }
  return pages;
}

/** The first page of a swap area of `size` bytes. Throws EINVAL for what is too small or too long. */
export function swapHeader(size: number, options: MakeSwapOptions = {}): Uint8Array {
  const page = new Uint8Array(PAGE);
  const header = Header.view(page, HEADER_AT);
  header.version = 1;
  header.last_page = swapPages(size) - 1;
  header.sws_uuid = uuidBytes(options.uuid ?? randomUuid());
  header.sws_volume = labelBytes(options.label ?? '');
  page.set(encodeText(MAGIC), MAGIC_AT);
  return page;
}

/**
 * Make a device a swap area, as mkswap(8). The magic comes last, in a sector of its own: after a crash the device has
 * what it had, nothing that is recognised, or the area. Durable when it returns. Throws EINVAL, before anything is
 * written, for a device that is too small and names that do not fit.
 */
export function makeSwap(
  device: BlockDevice,
  options: MakeSwapOptions = {},
  identify: IdentifyOptions = {},
): void {
  const page = swapHeader(device.size, options);
  if (!device.writable)
    throw new GuestfsError('EROFS', 'the device is read-only, a swap area cannot be made on it');
  eraseSignatures(device, identify);
  const last = PAGE - SECTOR;
  device.writeAt(0, page.subarray(0, last));
  device.flush();
  device.writeAt(last, page.subarray(last));
  device.flush();
}

/** Read the header of a swap area, or throw EINVAL where there is none that can be changed. */
function changeHeader(device: BlockDevice, change: (header: ReturnType<typeof Header.view>) => void): void {
  const magic = new Uint8Array(MAGIC.length);
  const sector = new Uint8Array(SECTOR);
  if (device.size >= PAGE) {
    device.readAt(MAGIC_AT, magic);
    device.readAt(HEADER_AT, sector);
  }
  const header = Header.view(sector);
  if (header.version !== 1 || !encodeText(MAGIC).every((byte, i) => magic[i] === byte)) {
    throw new GuestfsError('EINVAL', 'the device has no swap area of version 1 with pages of 4096 bytes');
  }
  change(header);
  device.writeAt(HEADER_AT, sector);
  device.flush();
}

/** Set the label of a swap area, as swaplabel(8), in one sector. Throws EINVAL where it is too long, or no area. */
export function setSwapLabel(device: BlockDevice, label: string): void {
  const bytes = labelBytes(label);
  changeHeader(device, (header) => {
    header.sws_volume = bytes;
  });
}

/** Set the UUID of a swap area, in one sector. Throws EINVAL. */
export function setSwapUuid(device: BlockDevice, uuid: Uint8Array): void {
  const bytes = uuidBytes(uuid);
  changeHeader(device, (header) => {
    header.sws_uuid = bytes;
  });
}
