import { S_IFDIR, S_IFLNK, S_IFMT } from '../../filesystems/mode.ts';
import type { FileRef, TreeStat } from '../../vfs/tree.ts';
import { walk } from '../../vfs/walk.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { WalkWriter } from '../walk-stream.ts';

/** How many files are walked between two looks at whether the user cancelled. */
const CHECK_EVERY = 1024;

/** Actions that libguestfs does not have. */
export const extensionsActions = {
  walk_out(context, directory, entries) {
    const tree = context.platform.files;
    const writer = new WalkWriter(entries);
    const add = (path: string, ref: FileRef, stat: TreeStat): void => {
      writer.add(path, stat, (stat.mode & S_IFMT) === S_IFLNK ? tree.readlink(ref) : undefined);
    };
    const start = tree.resolve(directory, { followLast: false });
    const stat = tree.stat(start);
    add(directory, start, stat);
    if ((stat.mode & S_IFMT) === S_IFDIR) {
      const prefix = directory.endsWith('/') ? directory : `${directory}/`;
      let count = 0;
      for (const file of walk(tree, start, { order: 'sorted', stat: true })) {
        if (++count % CHECK_EVERY === 0) context.checkCancelled();
        add(prefix + file.path, file.ref, file.stat as TreeStat);
      }
    }
    writer.flush();
  },
} satisfies Partial<DaemonActions>;
