/**
 * What images of formats that only qemu reads say of other files. qemu opens whatever they name, as the user that it runs
 * as. Sources: qcow and QED in QEMU's docs/interop, "Virtual Disk Format 5.0" of VMware.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { layout, raw, u32, u64 } from '../../../bytes/layout.ts';
import { latin1 } from '../../../bytes/text.ts';
import { besideFile, folderOf, isWithin } from '../../../block/file-path.ts';
import { GuestfsError } from '../../../errors/index.ts';
import type { BackingPolicy } from '../../../images/index.ts';
import { hostError } from '../../io/host-error.ts';

const QcowHeader = layout('qcow', 20, 'be', {
  magic: raw(0, 4),
  version: u32(4),
  backing_file_offset: u64(8),
  backing_file_size: u32(16),
});
const QedHeader = layout('QED', 64, 'le', {
  magic: raw(0, 4),
  features: u64(16),
  backing_filename_offset: u32(56),
  backing_filename_size: u32(60),
});
const VmdkHeader = layout('vmdk', 44, 'le', {
  magic: raw(0, 4),
  capacity: u64(12),
  desc_offset: u64(28),
  desc_size: u64(36),
});

const QED_BACKING_FILE = 1;
const SECTOR = 512;
/** Bytes of a name or description that are looked at. */
const LONGEST = 1024 * 1024;
/** Longest name that qemu takes. */
const LONGEST_NAME = 4096;
/** Types of extents that are plain bytes, and so name nothing further. */
const PLAIN = /^(FLAT|VMFS)$/i;

/** A file that an image names. */
interface NamedFile {
  what: 'backing file' | 'extent';
  name: string;
  /** It holds plain bytes. */
  plain: boolean;
}

type Read = (offset: number, length: number) => Uint8Array;

/** The files that an image names; none for formats that name none. Throws what opening and reading throw. */
function namedFiles(path: string, format: string): NamedFile[] {
  if (format !== 'qcow' && format !== 'qed' && format !== 'vmdk') return [];
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw hostError(error, 'cannot be opened', path);
  }
  const read: Read = (offset, length) => {
    const bytes = new Uint8Array(Math.min(length, LONGEST));
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, offset));
  };
  try {
    const start = read(0, SECTOR);
    const magic = latin1(start, 0, Math.min(4, start.length));
    if (magic === 'QFI\xfb') return backing(qcowName(start, read));
    if (magic === 'QED\0') return backing(qedName(start, read));
    if (magic === 'KDMV') {
      const { capacity, desc_offset: at, desc_size: sectors } = VmdkHeader.view(start);
      const description = latin1(read(at * SECTOR, sectors * SECTOR));
      // Where it has a capacity of its own qemu takes it for its only extent.
      return vmdkNames(description, capacity === 0);
    }
    return magic === 'COWD' ? [] : vmdkNames(latin1(read(0, LONGEST)), true);
  } finally {
    closeSync(fd);
  }
}

const backing = (name: string | undefined): NamedFile[] =>
  name === undefined ? [] : [{ what: 'backing file', name, plain: false }];

function qcowName(start: Uint8Array, read: Read): string | undefined {
  const { backing_file_offset: at, backing_file_size: size } = QcowHeader.view(start);
  return at === 0 ? undefined : latin1(read(at, Math.min(size, LONGEST_NAME)));
}

function qedName(start: Uint8Array, read: Read): string | undefined {
  const { features, backing_filename_offset: at, backing_filename_size: size } = QedHeader.view(start);
  return (features & QED_BACKING_FILE) === 0 ? undefined : latin1(read(at, Math.min(size, LONGEST_NAME)));
}

function vmdkNames(description: string, withExtents: boolean): NamedFile[] {
  const named = backing(/^\s*parentFileNameHint\s*=\s*"([^"\n]*)"/im.exec(description)?.[1]);
  const extents = description.matchAll(/^\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+(\w+)\s+"([^"\n]*)"/gim);
  for (const [, type = '', name = ''] of withExtents ? extents : []) {
    named.push({ what: 'extent', name, plain: PLAIN.test(type) });
  }
  return named;
}

/**
 * Refuse an image that names other files. The policy `folder` lets in plain bytes in the image's own folder: what names further
 * files would be opened by qemu with all that it names. Throws EPERM.
 */
export function refuseOtherFiles(path: string, format: string, policy: BackingPolicy = 'folder'): void {
  if (policy === 'any') return;
  for (const { what, name, plain } of namedFiles(path, format)) {
    const inside = plain && !name.includes(':') && isWithin(besideFile(path, name), folderOf(path));
    if (inside && policy === 'folder') continue;
    throw new GuestfsError(
      'EPERM',
      `${path}: its ${what} ${name} is not opened, because qemu would open whatever an image of the format ${format} ` +
        `names; allow it with --allow-backing=any (option backing: 'any')`,
      { path },
    );
  }
}
