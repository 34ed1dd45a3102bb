import { compareBytes } from '../../vfs/order.ts';
import type { Handle } from '../common/handle.ts';
import type { WalkedFile } from '../common/walk.ts';
import { walkByDirectory } from '../common/walk-by-directory.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../filesystems/mode.ts';

/** Which differences count. */
export interface CompareOptions {
  atime: boolean;
  dirLinks: boolean;
  dirTimes: boolean;
  /** Type of checksum by which content is compared instead of size and times. */
  checksum: string | undefined;
}

/** One file of a guest and its checksum if that was asked for. */
export interface Side {
  file: WalkedFile;
  checksum: string | undefined;
  /** `name=value` of the extended attributes, values in hexadecimal. */
  xattrs: readonly string[];
}

/** A difference between two guests. */
export type Difference =
  | { kind: 'removed'; old: Side }
  | { kind: 'added'; now: Side }
  | { kind: 'content'; old: Side; now: Side }
  /** Names of the fields that changed, as stat(2) has them. */
  | { kind: 'attributes'; old: Side; now: Side; changed: readonly string[] };

/** Order of paths in which both walks come: names by their bytes, a directory before what is in it. */
function comparePaths(a: string, b: string): number {
  const left = a.split('/');
  const right = b.split('/');
  for (let at = 0; at < left.length && at < right.length; at++) {
    const order = compareBytes(left[at] as string, right[at] as string);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** All differences between the trees of two guests, in order of path. */
export async function* compareGuests(
  first: Handle,
  second: Handle,
  options: CompareOptions,
): AsyncGenerator<Difference> {
  const olds = walkByDirectory(first, '/');
  const nows = walkByDirectory(second, '/');
  let old = await olds.next();
  let now = await nows.next();
  while (!old.done || !now.done) {
    const order = old.done ? 1 : now.done ? -1 : comparePaths(old.value.path, now.value.path);
    if (order < 0) {
      yield { kind: 'removed', old: await sideOf(first, old.value as WalkedFile, options) };
      old = await olds.next();
    } else if (order > 0) {
      yield { kind: 'added', now: await sideOf(second, now.value as WalkedFile, options) };
      now = await nows.next();
    } else {
      const difference = await compareFiles(
        first,
        second,
        old.value as WalkedFile,
        now.value as WalkedFile,
        options,
      );
      if (difference !== undefined) yield difference;
      old = await olds.next();
      now = await nows.next();
    }
  }
}

async function sideOf(handle: Handle, file: WalkedFile, { checksum }: CompareOptions): Promise<Side> {
  const attributes = await handle.lgetxattrs(file.path).catch(() => []);
  const isFile = (file.stat.stMode & S_IFMT) === S_IFREG;
  return {
    file,
    checksum: isFile && checksum !== undefined ? await handle.checksum(checksum, file.path) : undefined,
    xattrs: attributes
      .map(({ attrname, attrval }) => `${attrname}=${Buffer.from(attrval).toString('hex')}`)
      .toSorted(),
  };
}

async function compareFiles(
  first: Handle,
  second: Handle,
  oldFile: WalkedFile,
  nowFile: WalkedFile,
  options: CompareOptions,
): Promise<Difference | undefined> {
  const old = await sideOf(first, oldFile, options);
  const now = await sideOf(second, nowFile, options);
  const changed = changedFields(old, now, options);
  if (changed.length === 0) return undefined;
  const bothFiles = isRegular(oldFile) && isRegular(nowFile);
  if (bothFiles && (await contentDiffers(first, second, old, now))) return { kind: 'content', old, now };
  return { kind: 'attributes', old, now, changed };
}

function isRegular({ stat }: WalkedFile): boolean {
  return (stat.stMode & S_IFMT) === S_IFREG;
}

async function contentDiffers(first: Handle, second: Handle, old: Side, now: Side): Promise<boolean> {
  if (old.file.stat.stSize !== now.file.stat.stSize) return true;
  if (old.checksum !== undefined && now.checksum !== undefined) return old.checksum !== now.checksum;
  const [a, b] = [
    await first.checksum('sha256', old.file.path),
    await second.checksum('sha256', now.file.path),
  ];
  return a !== b;
}

function changedFields(old: Side, now: Side, options: CompareOptions): string[] {
  const a = old.file.stat;
  const b = now.file.stat;
  const bothDirectories = (a.stMode & S_IFMT) === S_IFDIR && (b.stMode & S_IFMT) === S_IFDIR;
  const changed: string[] = [];
  const compare = (name: string, differs: boolean): void => {
    if (differs) changed.push(name);
  };
  compare('st_mode', a.stMode !== b.stMode);
  compare('st_nlink', a.stNlink !== b.stNlink && (!bothDirectories || options.dirLinks));
  compare('st_uid', a.stUid !== b.stUid);
  compare('st_gid', a.stGid !== b.stGid);
  compare('st_rdev', a.stRdev !== b.stRdev);
  compare('st_size', a.stSize !== b.stSize && !bothDirectories);
  const times = options.checksum === undefined || !isRegular(old.file);
  if (!bothDirectories || options.dirTimes) {
    compare('st_atime_sec', options.atime && a.stAtimeSec !== b.stAtimeSec);
    compare('st_mtime_sec', times && a.stMtimeSec !== b.stMtimeSec);
    compare('st_ctime_sec', times && a.stCtimeSec !== b.stCtimeSec);
  }
  compare('link', old.file.link !== now.file.link);
  compare('checksum', old.checksum !== now.checksum);
  compare('xattrs', old.xattrs.join('\n') !== now.xattrs.join('\n'));
  return changed;
}
