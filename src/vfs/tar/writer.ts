import { encodeText } from '../../bytes/text.ts';
import { ArchiveOutput, type Sink } from '../sink.ts';
import { deviceMajor, deviceMinor, fileTypeOf } from '../../filesystems/mode.ts';
import type { FileRef, FileTree, TreeStat } from '../tree.ts';
import { walk } from '../walk.ts';
import { excluder } from './excludes.ts';
import { BLOCK, fillHeader, MAX_ID, MAX_LARGE, NAME_BYTES, OWNER_BYTES, type TarHeader } from './header.ts';
import { addAttributes, PaxRecords, paxTime, type AttributeOptions } from './pax.ts';

/** What {@link writeTar} puts into the archive. */
export interface TarOptions extends AttributeOptions {
  /** Shell patterns of names to leave out, as for `tar --exclude`. */
  excludes?: readonly string[];
  /** Name of a user, or an empty string; absent for archives with numbers only. */
  userName?: (uid: number) => string;
  groupName?: (gid: number) => string;
  /** Hears of files that are left out, one sentence each. */
  warn?: (message: string) => void;
  /** Called for every file and every piece of content: where a long run can be stopped. */
  tick?: () => void;
}

/** GNU tar writes records of 20 blocks. */
const RECORD = 20 * BLOCK;
/** What stands in a header for an id that does not fit, the real one being in a pax record. */
const NOBODY = 65_534;

const TYPE_FLAGS = {
  file: '0',
  symlink: '2',
  chardev: '3',
  blockdev: '4',
  directory: '5',
  fifo: '6',
} as const;

/** POSIX wants the fields filled in every header. */
const NO_DEVICE = { major: 0, minor: 0 };

const EMPTY = new Uint8Array(0);
const LONG_LINK = encodeText('././@LongLink');

/**
 * Write a directory and everything below it as a tar archive, as GNU tar would that runs in it on `.`: names begin
 * with `./`, order is that of the directories, further names of a file are links to the first, sockets are left
 * out, holes are written as zeroes. The format is GNU's; with attributes it is pax, which has room for them.
 */
export function writeTar(tree: FileTree, directory: FileRef, sink: Sink, options: TarOptions = {}): void {
  const writer = new TarWriter(tree, sink, options);
  writer.add(directory, './', tree.stat(directory));
  const excluded = excluder(options.excludes ?? []);
  for (const { path, ref, stat, type } of walk(tree, directory, {
    stat: true,
    want: (name) => !excluded(`./${name}`),
  })) {
    options.tick?.();
    writer.add(ref, `./${path}${type === 'directory' ? '/' : ''}`, stat as TreeStat);
  }
  writer.end();
}

class TarWriter {
  readonly #tree: FileTree;
  readonly #out: ArchiveOutput;
  readonly #options: TarOptions;
  readonly #format: 'gnu' | 'pax';
  readonly #owners = new Map<number, Uint8Array>();
  readonly #groups = new Map<number, Uint8Array>();
  /** Files with several names, of which not all have been met. */
  readonly #links = new Map<string, { name: string; left: number }>();

  constructor(tree: FileTree, sink: Sink, options: TarOptions) {
    this.#tree = tree;
    this.#out = new ArchiveOutput(sink);
    this.#options = options;
    this.#format = options.xattrs || options.selinux || options.acls ? 'pax' : 'gnu';
  }

  add(ref: FileRef, name: string, stat: TreeStat): void {
    const type = fileTypeOf(stat.mode);
    if (type === 'socket' || type === 'unknown') {
      this.#options.warn?.(
        `${name} is ${type === 'socket' ? 'a socket' : 'of no known type'} and is left out`,
      );
      return;
    }
    const first = type === 'directory' ? undefined : this.#firstName(name, stat);
    const target = first ?? (type === 'symlink' ? this.#tree.readlink(ref) : '');
    const header: TarHeader = {
      name: encodeText(name),
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      size: type === 'file' && first === undefined ? stat.size : 0,
      mtime: stat.mtime,
      type: first === undefined ? TYPE_FLAGS[type] : '1',
      link: target === '' ? EMPTY : encodeText(target),
      uname: this.#name(this.#owners, stat.uid, this.#options.userName),
      gname: this.#name(this.#groups, stat.gid, this.#options.groupName),
      device:
        type === 'chardev' || type === 'blockdev'
          ? { major: deviceMajor(stat.rdev), minor: deviceMinor(stat.rdev) }
          : this.#format === 'pax'
            ? NO_DEVICE
            : undefined,
    };
    if (this.#format === 'gnu') this.#longNames(header);
    else this.#extended(ref, name, stat, header, first === undefined);
    const { size } = header;
    fillHeader(this.#out.room(BLOCK), this.#format === 'gnu' ? header : fitting(header), this.#format);
    if (size === 0) return;
    this.#out.content(size, (offset, into) => {
      this.#options.tick?.();
      return this.#tree.read(ref, offset, into);
    });
    this.#out.align(BLOCK);
  }

  /** Two zero blocks, then zeroes to the end of the record. */
  end(): void {
    this.#out.zeroes(2 * BLOCK);
    this.#out.align(RECORD);
    this.#out.flush();
  }

  /** The name under which the file is in the archive already; remembers files that have further names. */
  #firstName(name: string, stat: TreeStat): string | undefined {
    if (stat.nlink < 2) return undefined;
    const key = `${stat.dev}:${stat.inode}`;
    const known = this.#links.get(key);
    if (known === undefined) {
      this.#links.set(key, { name, left: stat.nlink - 1 });
      return undefined;
    }
    if (--known.left === 0) this.#links.delete(key);
    return known.name;
  }

  #name(known: Map<number, Uint8Array>, id: number, name: ((id: number) => string) | undefined): Uint8Array {
    if (name === undefined) return EMPTY;
    let bytes = known.get(id);
    if (bytes === undefined) known.set(id, (bytes = encodeText(name(id))));
    return bytes;
  }

  /** GNU's way with names that are too long: a member of its own before, with the name as its content. */
  #longNames(header: TarHeader): void {
    if (header.link.length > NAME_BYTES) this.#longName('K', header.link);
    if (header.name.length > NAME_BYTES) this.#longName('L', header.name);
  }

  #longName(type: string, name: Uint8Array): void {
    fillHeader(this.#out.room(BLOCK), privateHeader(LONG_LINK, type, name.length + 1, 0), 'gnu');
    this.#out.write(name);
    this.#out.zeroes(1);
    this.#out.align(BLOCK);
  }

  #extended(ref: FileRef, name: string, stat: TreeStat, header: TarHeader, withAttributes: boolean): void {
    const records = new PaxRecords();
    if (needsRecord(header.name, NAME_BYTES)) records.add('path', header.name);
    if (needsRecord(header.link, NAME_BYTES)) records.add('linkpath', header.link);
    if (needsRecord(header.uname, OWNER_BYTES - 1)) records.add('uname', header.uname);
    if (needsRecord(header.gname, OWNER_BYTES - 1)) records.add('gname', header.gname);
    if (header.uid > MAX_ID) records.add('uid', String(header.uid));
    if (header.gid > MAX_ID) records.add('gid', String(header.gid));
    if (header.size > MAX_LARGE) records.add('size', String(header.size));
    if (stat.mtimeNsec !== 0 || stat.mtime < 0 || stat.mtime > MAX_LARGE) {
      records.add('mtime', paxTime(stat.mtime, stat.mtimeNsec));
    }
    records.add('atime', paxTime(stat.atime, stat.atimeNsec));
    records.add('ctime', paxTime(stat.ctime, stat.ctimeNsec));
    if (withAttributes) addAttributes(records, stat.mode, this.#tree.xattrs(ref), this.#options);
    const path = encodeText(paxHeaderName(name));
    fillHeader(this.#out.room(BLOCK), fitting(privateHeader(path, 'x', records.length, stat.mtime)), 'pax');
    for (const record of records.bytes()) this.#out.write(record);
    this.#out.align(BLOCK);
  }
}

function privateHeader(name: Uint8Array, type: string, size: number, mtime: number): TarHeader {
  return {
    name,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size,
    mtime,
    type,
    link: EMPTY,
    uname: EMPTY,
    gname: EMPTY,
    device: undefined,
  };
}

/** The header with numbers replaced that do not fit and are in pax records. */
function fitting(header: TarHeader): TarHeader {
  return {
    ...header,
    uid: header.uid > MAX_ID ? NOBODY : header.uid,
    gid: header.gid > MAX_ID ? NOBODY : header.gid,
    size: header.size > MAX_LARGE ? 0 : header.size,
    mtime: header.mtime < 0 || header.mtime > MAX_LARGE ? 0 : header.mtime,
  };
}

/** Whether a text is too long for its field or has bytes that only a record, which is UTF-8, may have. */
function needsRecord(text: Uint8Array, limit: number): boolean {
  return text.length > limit || text.some((byte) => byte >= 0x80);
}

/** `./dir/PaxHeaders/file` for `./dir/file`. */
function paxHeaderName(name: string): string {
  const trimmed = name === './' ? './.' : name.replace(/\/$/, '');
  const slash = trimmed.lastIndexOf('/');
  return `${trimmed.slice(0, slash)}/PaxHeaders/${trimmed.slice(slash + 1)}`;
}
