import { Writable } from 'node:stream';
import type { Statns } from '../../actions/generated/structs.ts';
import { WalkReader, type WalkedEntry } from '../../daemon/walk-stream.ts';
import type { Handle } from './handle.ts';

/** One file of a walk. */
export interface WalkedFile {
  /** Full guest path. */
  path: string;
  stat: Statns;
  /** Target of a symbolic link. */
  link: string | undefined;
}

/**
 * Hand everything from `top` down to `visit`: names in order of their bytes, a directory before what is in it. One
 * call to the handle, whose stream is taken apart as it comes.
 */
export async function walk(handle: Handle, top: string, visit: (file: WalkedFile) => void): Promise<void> {
  const reader = new WalkReader();
  const entries = new Writable({
    write(chunk: Uint8Array, _encoding, done): void {
      for (const entry of reader.push(chunk)) visit(walkedFile(entry));
      done();
    },
  });
  await handle.walkOut(top, entries);
}

function walkedFile({ path, stat, link }: WalkedEntry): WalkedFile {
  return {
    path,
    link,
    stat: {
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
    },
  };
}
