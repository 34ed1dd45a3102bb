import { encodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import { deviceMajor, deviceMinor, fileTypeOf, S_IFMT, S_IFREG } from '../../filesystems/mode.ts';
import { ArchiveOutput, type Sink } from '../sink.ts';
import type { FileRef, FileTree, TreeStat } from '../tree.ts';
import { walk } from '../walk.ts';

/** Format of an archive: SVR4's with 32-bit fields in hexadecimal, without or with checksums. */
export type CpioFormat = 'newc' | 'crc';

const MAGIC: Record<CpioFormat, string> = { newc: '070701', crc: '070702' };
const TRAILER = 'TRAILER!!!';
const ALIGNMENT = 4;
/** GNU cpio ends archives on a block of this size. */
const BLOCK = 512;
const MAX_FIELD = 0xffffffff;

interface Member {
  name: string;
  ref: FileRef;
  stat: TreeStat;
}

/**
 * Write a directory and everything below it as a cpio archive, as GNU cpio does when fed by find(1): names are
 * relative, the directory itself is `.`; the content of a file with several names is with the last of them.
 * `tick` is called for every file and piece of content. Throws EFBIG for a file that the format has no room for.
 */
export function writeCpio(
  tree: FileTree,
  directory: FileRef,
  sink: Sink,
  format: CpioFormat,
  tick: () => void = () => {},
): void {
  const writer = new CpioWriter(tree, sink, format, tick);
  writer.add({ name: '.', ref: directory, stat: tree.stat(directory) });
  for (const { path, ref, stat } of walk(tree, directory, { stat: true })) {
    tick();
    writer.add({ name: path, ref, stat: stat as TreeStat });
  }
  writer.end();
}

class CpioWriter {
  readonly #tree: FileTree;
  readonly #out: ArchiveOutput;
  readonly #format: CpioFormat;
  readonly #tick: () => void;
  /** Names met so far of files of which more are to come. */
  readonly #links = new Map<string, Member[]>();

  constructor(tree: FileTree, sink: Sink, format: CpioFormat, tick: () => void) {
    this.#tree = tree;
    this.#out = new ArchiveOutput(sink);
    this.#format = format;
    this.#tick = tick;
  }

  add(member: Member): void {
    const { stat } = member;
    if ((stat.mode & S_IFMT) !== S_IFREG || stat.nlink < 2) {
      this.#write(member);
      return;
    }
    const key = `${stat.dev}:${stat.inode}`;
    const names = this.#links.get(key) ?? [];
    names.push(member);
    if (names.length < stat.nlink) {
      this.#links.set(key, names);
    } else {
      this.#links.delete(key);
      this.#writeLinked(names);
    }
  }

  end(): void {
    // Names beyond the directory are missing here: what is there is complete without them.
    for (const names of this.#links.values()) this.#writeLinked(names);
    this.#header({ name: TRAILER, nlink: 1 });
    this.#out.align(BLOCK);
    this.#out.flush();
  }

  #writeLinked(names: readonly Member[]): void {
    for (const member of names.slice(0, -1)) this.#memberHeader(member, 0, 0);
    const last = names.at(-1);
    if (last) this.#write(last);
  }

  #write(member: Member): void {
    const { ref, stat, name } = member;
    const type = fileTypeOf(stat.mode);
    if (type === 'symlink') {
      const target = encodeText(this.#tree.readlink(ref));
      this.#memberHeader(member, target.length, 0);
      this.#out.write(target);
      this.#out.align(ALIGNMENT);
      return;
    }
    if (type !== 'file') {
      this.#memberHeader(member, 0, 0);
      return;
    }
    if (stat.size > MAX_FIELD) {
      throw new GuestfsError(
        'EFBIG',
        `${name} has ${stat.size} bytes, a cpio archive has room for ${MAX_FIELD}`,
        {
          path: this.#tree.pathOf(ref),
        },
      );
    }
    this.#memberHeader(member, stat.size, this.#format === 'crc' ? this.#checksum(member) : 0);
    this.#out.content(stat.size, (offset, into) => {
      this.#tick();
      return this.#tree.read(ref, offset, into);
    });
    this.#out.align(ALIGNMENT);
  }

  /** The sum of all bytes, which stands before them, so that they are read twice. */
  #checksum({ ref, stat }: Member): number {
    const buffer = new Uint8Array(Math.min(stat.size, 64 * 1024));
    let sum = 0;
    for (let at = 0; at < stat.size;) {
      this.#tick();
      const got = this.#tree.read(ref, at, buffer);
      if (got === 0) break;
      for (let i = 0; i < got; i++) sum = (sum + (buffer[i] as number)) >>> 0;
      at += got;
    }
    return sum;
  }

  #memberHeader({ name, stat }: Member, size: number, checksum: number): void {
    this.#header({
      name,
      inode: stat.inode,
      mode: stat.mode,
      uid: stat.uid,
      gid: stat.gid,
      nlink: stat.nlink,
      mtime: stat.mtime,
      size,
      device: stat.dev,
      rdev: stat.rdev,
      checksum,
    });
  }

  #header(fields: {
    name: string;
    nlink: number;
    inode?: number;
    mode?: number;
    uid?: number;
    gid?: number;
    mtime?: number;
    size?: number;
    device?: number;
    rdev?: number;
    checksum?: number;
  }): void {
    const name = encodeText(fields.name);
    const { device = 0, rdev = 0 } = fields;
    const numbers = [
      fields.inode ?? 0,
      fields.mode ?? 0,
      fields.uid ?? 0,
      fields.gid ?? 0,
      fields.nlink,
      fields.mtime ?? 0,
      fields.size ?? 0,
      deviceMajor(device),
      deviceMinor(device),
      deviceMajor(rdev),
      deviceMinor(rdev),
      name.length + 1,
      fields.checksum ?? 0,
    ];
    const text = MAGIC[this.#format] + numbers.map(hexField).join('');
    this.#out.write(encodeText(text));
    this.#out.write(name);
    this.#out.zeroes(1);
    this.#out.align(ALIGNMENT);
  }
}

/** Eight hexadecimal digits, of the low 32 bits of what has more. */
function hexField(value: number): string {
  const low = ((value % 0x100000000) + 0x100000000) % 0x100000000;
  return low.toString(16).toUpperCase().padStart(8, '0');
}
