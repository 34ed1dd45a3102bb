import { GuestfsError } from '../../../errors/index.ts';
import type { AttributeChanges, Timestamp } from '../../writer.ts';
import { ATTR_READ_ONLY, Entry } from '../layout.ts';
import { fatTime } from '../times.ts';
import type { FatVolume } from '../volume.ts';
import type { FileContent } from './content.ts';

const PERMISSIONS = 0o777;
const READ_AND_EXECUTE = 0o555;
const WRITE = 0o222;

/**
 * Change what FAT keeps of attributes, by the rules of Linux's vfat: owners can only be set to what they are, modes to
 * what the read-only attribute can say (EPERM for setuid, setgid and sticky bits; other modes are ignored), and the
 * mount option quiet makes that no error. Of the root nothing is kept.
 */
export function setAttributes(
  volume: FatVolume,
  content: FileContent,
  inode: number,
  mode: number,
  changes: AttributeChanges,
): void {
  const { options } = volume;
  const refused =
    (changes.uid !== undefined && changes.uid !== options.uid) ||
    (changes.gid !== undefined && changes.gid !== options.gid) ||
    (changes.mode !== undefined && (changes.mode & 0o7000) !== 0);
  if (refused) {
    if (options.quiet) return;
    throw new GuestfsError(
      'EPERM',
      `FAT keeps no owners and no special mode bits: every file belongs to ${options.uid}:${options.gid}`,
    );
  }
  if (inode === volume.root) return;
  const { isDirectory } = volume.file(inode);
  const readOnly =
    changes.mode === undefined ? undefined : wantedReadOnly(volume, isDirectory, mode, changes.mode);
  if (readOnly === undefined && changes.atime === undefined && changes.mtime === undefined) return;
  const { bytes, view, at } = content.change(inode);
  if (readOnly !== undefined) {
    const attributes = bytes[at + Entry.DIR_Attr]!;
    bytes[at + Entry.DIR_Attr] = readOnly ? attributes | ATTR_READ_ONLY : attributes & ~ATTR_READ_ONLY;
  }
  const fat = (time: Timestamp) => fatTime(time.seconds, time.nanoseconds, options.timeOffset);
  if (changes.atime !== undefined) view.setUint16(at + Entry.DIR_LstAccDate, fat(changes.atime).date, true);
  if (changes.mtime !== undefined) {
    const written = fat(changes.mtime);
    view.setUint16(at + Entry.DIR_WrtDate, written.date, true);
    view.setUint16(at + Entry.DIR_WrtTime, written.time, true);
  }
}

/** What the read-only attribute becomes; undefined where it cannot say what is wanted. `mode` is that of now. */
function wantedReadOnly(
  { options }: FatVolume,
  isDirectory: boolean,
  mode: number,
  wanted: number,
): boolean | undefined {
  const mask = isDirectory ? options.dmask : options.fmask;
  const permissions = wanted & PERMISSIONS & ~mask;
  if ((permissions & READ_AND_EXECUTE) !== (mode & READ_AND_EXECUTE)) return undefined;
  const writable = WRITE & ~mask;
  // Where the mask hides all of the bits, and for most directories, the attribute means nothing.
  const canHold = writable !== 0 && (!isDirectory || options.rodir);
  if (!canHold) return undefined;
  const bits = permissions & WRITE;
  if (bits === 0) return true;
  return bits === writable ? false : undefined;
}
