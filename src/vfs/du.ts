import type { FileRef, FileTree, TreeStat } from './tree.ts';
import { S_IFDIR, S_IFMT } from '../filesystems/mode.ts';
import { walk } from './walk.ts';

/**
 * Space that a file, or a directory and all below it, takes up: units of 1024 bytes, rounded up, files with
 * several names counted once, as `du -s` has it. `each` is called for every file.
 */
export function diskUsage(tree: FileTree, start: FileRef, each: () => void = () => {}): number {
  const counted = new Set<string>();
  let blocks = 0;
  const add = (stat: TreeStat): void => {
    if (stat.nlink > 1 && (stat.mode & S_IFMT) !== S_IFDIR) {
      const key = `${stat.dev}:${stat.inode}`;
      if (counted.has(key)) return;
      counted.add(key);
    }
    blocks += stat.blocks;
  };
  const top = tree.stat(start);
  add(top);
  if ((top.mode & S_IFMT) === S_IFDIR) {
    for (const { stat } of walk(tree, start, { stat: true })) {
      each();
      add(stat as TreeStat);
    }
  }
  return Math.ceil(blocks / 2);
}
