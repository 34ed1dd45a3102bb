import { Writable } from 'node:stream';
import type { Statns } from '../../actions/generated/structs.ts';
import { toStatns } from '../../daemon/statns.ts';
import { WalkReader } from '../../daemon/walk-stream.ts';
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
      for (const { path, stat, link } of reader.push(chunk)) visit({ path, stat: toStatns(stat), link });
      done();
    },
  });
  await handle.walkOut(top, entries);
}
