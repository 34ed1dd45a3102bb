import type { Statns, Statvfs } from '../../actions/generated/structs.ts';
import { GuestfsError } from '../../errors/index.ts';
import { diskUsage } from '../../vfs/du.ts';
import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../../filesystems/mode.ts';
import type { FileRef, FileTree, TreeStat } from '../../vfs/tree.ts';
import { allZero, CHUNK_BYTES, deviceContent, fileContent, type Content } from '../content.ts';
import type { ActionContext } from '../context.ts';
import { formatDf } from '../df.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { statOf, toStatns } from '../statns.ts';

/** What stands for a name that is not there. */
const MISSING: Statns = {
  stDev: 0,
  stIno: -1,
  stMode: 0,
  stNlink: 0,
  stUid: 0,
  stGid: 0,
  stRdev: 0,
  stSize: 0,
  stBlksize: 0,
  stBlocks: 0,
  stAtimeSec: 0,
  stAtimeNsec: 0,
  stMtimeSec: 0,
  stMtimeNsec: 0,
  stCtimeSec: 0,
  stCtimeNsec: 0,
  stSpare1: 0,
  stSpare2: 0,
  stSpare3: 0,
  stSpare4: 0,
  stSpare5: 0,
  stSpare6: 0,
};

function statPath({ platform }: ActionContext, path: string, followLast: boolean): TreeStat {
  return platform.files.stat(platform.files.resolve(path, { followLast }));
}

function lstatnslist({ platform }: ActionContext, path: string, names: readonly string[]): Statns[] {
  const { files } = platform;
  const directory = files.resolve(path);
  return names.map((name) => {
    const ref = lookupName(files, directory, name);
    return ref === undefined ? { ...MISSING } : toStatns(files.stat(ref));
  });
}

/** A name in a directory, or undefined where there is none or there can be none. */
export function lookupName(files: FileTree, directory: FileRef, name: string): FileRef | undefined {
  try {
    return files.lookup(directory, name);
  } catch (error) {
    if (error instanceof GuestfsError && (error.code === 'EINVAL' || error.code === 'ENAMETOOLONG'))
      return undefined;
    throw error;
  }
}

/** Whether the file is of a type; a path that leads nowhere is not. */
function isType(
  context: ActionContext,
  path: string,
  type: number,
  options: { followsymlinks?: boolean },
): boolean {
  try {
    return (statPath(context, path, options.followsymlinks ?? false).mode & S_IFMT) === type;
  } catch (error) {
    if (error instanceof GuestfsError && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return false;
    throw error;
  }
}

function isZero(context: ActionContext, content: Content): boolean {
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (const { offset, length, kind } of content.extents(0, content.size)) {
    if (kind !== 'data') continue;
    for (let at = offset; at < offset + length;) {
      context.checkCancelled();
      context.progress(at, content.size);
      const got = content.read(at, buffer.subarray(0, Math.min(buffer.length, offset + length - at)));
      if (got === 0) break;
      if (!allZero(buffer.subarray(0, got))) return false;
      at += got;
    }
  }
  return true;
}

function statvfs({ platform }: ActionContext, path: string): Statvfs {
  const answer = platform.files.statvfs(platform.files.resolve(path));
  // The API's field is signed.
  return { ...answer, fsid: BigInt.asIntN(64, BigInt(answer.fsid)) };
}

/** What files are: stat(2), statvfs(3) and tests of type. */
export const statActions = {
  stat: (context, path) => statOf(toStatns(statPath(context, path, true))),

  lstat: (context, path) => statOf(toStatns(statPath(context, path, false))),

  statns: (context, path) => toStatns(statPath(context, path, true)),

  lstatns: (context, path) => toStatns(statPath(context, path, false)),

  lstatnslist,

  internal_lstatnslist: lstatnslist,

  lstatlist: (context, path, names) => lstatnslist(context, path, names).map(statOf),

  exists(context, path) {
    try {
      statPath(context, path, false);
      return true;
    } catch (error) {
      if (
        error instanceof GuestfsError &&
        ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(error.code)
      ) {
        return false;
      }
      throw error;
    }
  },

  is_file: (context, path, options) => isType(context, path, S_IFREG, options),

  is_dir: (context, path, options) => isType(context, path, S_IFDIR, options),

  is_chardev: (context, path, options) => isType(context, path, S_IFCHR, options),

  is_blockdev: (context, path, options) => isType(context, path, S_IFBLK, options),

  is_fifo: (context, path, options) => isType(context, path, S_IFIFO, options),

  is_socket: (context, path, options) => isType(context, path, S_IFSOCK, options),

  is_symlink: (context, path) => isType(context, path, S_IFLNK, {}),

  is_zero: (context, path) => isZero(context, fileContent(context, path)),

  is_zero_device: (context, device) => isZero(context, deviceContent(context, device)),

  filesize: (context, path) => statPath(context, path, true).size,

  statvfs,

  df: (context) => formatDf(context, 'kibibytes'),

  df_h: (context) => formatDf(context, 'human'),

  du(context, path) {
    const { files } = context.platform;
    return diskUsage(files, files.resolve(path, { followLast: false }), () => context.checkCancelled());
  },
} satisfies Partial<DaemonActions>;
