import type { BlockDevice } from '../block/device.ts';
import { latin1 } from '../bytes/text.ts';
import { hasQcow2Magic } from './qcow2/index.ts';

/** A disk image format: how it is recognised, and whether it can be read here. */
export interface ImageFormat {
  /** Name as `qemu-img` spells it. */
  readonly name: string;
  readonly readable: boolean;
  /** `start` is the first {@link PROBE_BYTES} of the file, fewer if it is smaller. */
  matches(start: Uint8Array): boolean;
}

/** Bytes at the start of a file that probing looks at. */
export const PROBE_BYTES = 1024;

const text = (start: Uint8Array, at: number, value: string): boolean =>
  start.length >= at + value.length && latin1(start, at, at + value.length) === value;

const word = (start: Uint8Array, at: number): number | undefined =>
  start.length >= at + 4 ? new DataView(start.buffer, start.byteOffset + at, 4).getUint32(0) : undefined;

/**
 * All formats that probing tells apart, in the order they are tried. Those that can be read come first; the others
 * are named so that they are refused instead of being taken for raw disks. `raw` matches everything and is last.
 */
export const IMAGE_FORMATS: readonly ImageFormat[] = [
  { name: 'qcow2', readable: true, matches: hasQcow2Magic },
  // Version 1 of the same magic.
  {
    name: 'qcow',
    readable: false,
    matches: (start) => word(start, 0) === 0x514649fb && word(start, 4) === 1,
  },
  { name: 'qed', readable: false, matches: (start) => text(start, 0, 'QED\0') },
  {
    name: 'vmdk',
    readable: false,
    // A sparse extent, the older COW form, or a descriptor file.
    matches: (start) =>
      text(start, 0, 'KDMV') || text(start, 0, 'COWD') || text(start, 0, '# Disk DescriptorFile'),
  },
  { name: 'vdi', readable: false, matches: (start) => word(start, 0x40) === 0x7f10dabe },
  { name: 'vhdx', readable: false, matches: (start) => text(start, 0, 'vhdxfile') },
  // Dynamic and differencing disks repeat the footer at the start; fixed ones are raw disks with a footer.
  { name: 'vpc', readable: false, matches: (start) => text(start, 0, 'conectix') },
  {
    name: 'parallels',
    readable: false,
    matches: (start) => text(start, 0, 'WithoutFreeSpace') || text(start, 0, 'WithouFreSpacExt'),
  },
  { name: 'raw', readable: true, matches: () => true },
];

/** The format that the start of a file shows; `raw` where nothing matches. */
export function probeImageFormat(file: BlockDevice): ImageFormat {
  const start = new Uint8Array(Math.min(PROBE_BYTES, file.size));
  if (start.length > 0) file.readAt(0, start);
  return IMAGE_FORMATS.find((format) => format.matches(start)) as ImageFormat;
}
