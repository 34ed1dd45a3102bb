/**
 * The initrd: a cpio archive in SVR4's format. Source: initramfs buffer format, in the documentation of Linux
 * (driver-api/early-userspace/buffer-format).
 */
import { encodeText } from '../../../bytes/text.ts';
import { contentOf, type FileSet, type FileSetEntry } from './file-set.ts';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../../../filesystems/mode.ts';

const ALIGNMENT = 4;
const TYPES = { directory: S_IFDIR, link: S_IFLNK, file: S_IFREG, content: S_IFREG } as const;

/** The archive of a set of files; all times are 0, so that the same files make the same archive. */
export function cpioOf(files: FileSet): Uint8Array {
  const parts: Uint8Array[] = [];
  let inode = 0;
  for (const [path, entry] of files.entries()) {
    const content = entry.kind === 'link' ? encodeText(entry.target) : contentOf(entry);
    const mode = TYPES[entry.kind] | modeOf(entry);
    member(parts, ++inode, path.slice(1), mode, content);
  }
  member(parts, 0, 'TRAILER!!!', 0, new Uint8Array(0));
  return Buffer.concat(parts);
}

function modeOf(entry: FileSetEntry): number {
  return entry.kind === 'link' ? 0o777 : entry.mode;
}

function member(parts: Uint8Array[], inode: number, path: string, mode: number, content: Uint8Array): void {
  const name = encodeText(`${path}\0`);
  // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  parts.push(
    encodeText(header),
    name,
    padding(header.length + name.length),
    content,
    padding(content.length),
  );
}

function padding(length: number): Uint8Array {
  return new Uint8Array((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT);
}
