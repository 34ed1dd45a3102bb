import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { inodeSeed } from '../checksum.ts';
import { DIRENT_TAIL_SIZE, DIRENT_TAIL_TYPE } from '../layout.ts';
import type { Plan } from './plan.ts';

/** Type of a directory in a directory entry. */
const TYPE_DIRECTORY = 2;
const ENTRY_HEADER = 8;

/** An entry of a directory, all of which are directories here. */
export interface NewEntry {
  name: string;
  inode: number;
}

/** `rec_len` of a whole block of 64 KiB does not fit its 16 bits. */
function recordLength(length: number): number {
  return length < 65536 ? length : 65535;
}

/** A block of a directory. Without entries it is one record that is free. */
export function directoryBlock(
  plan: Plan,
  seed: number,
  directory: number,
  entries: readonly NewEntry[],
): Uint8Array {
  const bytes = new Uint8Array(plan.blockSize);
  const view = new DataView(bytes.buffer);
  const checksums = plan.features.has('metadata_csum');
  const end = plan.blockSize - (checksums ? DIRENT_TAIL_SIZE : 0);
  let at = 0;
  for (const [index, { name, inode }] of entries.entries()) {
    const needed = ENTRY_HEADER + ((name.length + 3) & ~3);
    view.setUint32(at, inode, true);
    view.setUint16(at + 4, recordLength(index === entries.length - 1 ? end - at : needed), true);
    view.setUint8(at + 6, name.length);
    if (plan.features.has('filetype')) view.setUint8(at + 7, TYPE_DIRECTORY);
    for (let i = 0; i < name.length; i++) bytes[at + ENTRY_HEADER + i] = name.charCodeAt(i);
    at += needed;
  }
  if (entries.length === 0) view.setUint16(4, recordLength(end), true);
  if (checksums) {
    view.setUint16(end + 4, DIRENT_TAIL_SIZE, true);
    view.setUint8(end + 7, DIRENT_TAIL_TYPE);
    view.setUint32(end + 8, crc32cRaw(inodeSeed(seed, directory, 0), bytes, 0, end), true);
  }
  return bytes;
}
