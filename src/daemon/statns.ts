import type { Stat, Statns } from '../actions/generated/structs.ts';
import type { TreeStat } from '../vfs/tree.ts';

/** The API's struct of what stat(2) tells. Written out: a walk makes one for every file, and a spread costs microseconds. */
export function toStatns(stat: TreeStat): Statns {
  return {
    stDev: stat.dev,
    stIno: stat.inode,
    stMode: stat.mode,
    stNlink: stat.nlink,
    stUid: stat.uid,
    stGid: stat.gid,
    stRdev: stat.rdev,
    stSize: stat.size,
    stBlksize: stat.blockSize,
    stBlocks: stat.blocks,
    stAtimeSec: stat.atime,
    stAtimeNsec: stat.atimeNsec,
    stMtimeSec: stat.mtime,
    stMtimeNsec: stat.mtimeNsec,
    stCtimeSec: stat.ctime,
    stCtimeNsec: stat.ctimeNsec,
    stSpare1: 0,
    stSpare2: 0,
    stSpare3: 0,
    stSpare4: 0,
    stSpare5: 0,
    stSpare6: 0,
  };
}

/** The older struct, without nanoseconds. */
export function statOf(stat: Statns): Stat {
  return {
    dev: stat.stDev,
    ino: stat.stIno,
    mode: stat.stMode,
    nlink: stat.stNlink,
    uid: stat.stUid,
    gid: stat.stGid,
    rdev: stat.stRdev,
    size: stat.stSize,
    blksize: stat.stBlksize,
    blocks: stat.stBlocks,
    atime: stat.stAtimeSec,
    mtime: stat.stMtimeSec,
    ctime: stat.stCtimeSec,
  };
}
