import { CorruptError } from '../../../errors/index.ts';
import { BtreeNode } from './layout.ts';
import type { Node, ThinMetadata } from './metadata.ts';

/** 126 children a block: 12 levels hold more keys than there are. */
const MAX_LEVELS = 12;

/** A leaf and a place in it. */
export interface Position {
  leaf: Node;
  /** First entry whose key is at least the one looked for; `leaf.count` where there is none in this leaf. */
  index: number;
  /** Keys from here on are in other leaves. */
  limit: number;
}

/** Index of the first key that is at least `key`; `node.count` if all are smaller. */
function lowerBound(node: Node, key: number): number {
  let low = 0;
  let high = node.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (node.key(middle) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Value `i` as a 64-bit block number. */
function child(node: Node, i: number): number {
  const at = node.valueOffset(i);
  return node.data.getUint32(at + 4, true) * 0x100000000 + node.data.getUint32(at, true);
}

/** Walk down to where `key` is or would be. `valueSize` is that of the leaves, in bytes. */
export function seek(metadata: ThinMetadata, root: number, key: number, valueSize: number): Position {
  let block = root;
  let limit = Number.POSITIVE_INFINITY;
  for (let level = 0; level < MAX_LEVELS; level++) {
    const node = metadata.node(block, valueSize);
    const index = lowerBound(node, key);
    if (node.leaf) return { leaf: node, index, limit };
    // The child's keys begin with its own: the last one that is not above the key, or the first of all.
    const exact = index < node.count && node.key(index) === key;
    const down = exact ? index : Math.max(index - 1, 0);
    if (down + 1 < node.count) limit = Math.min(limit, node.key(down + 1));
    block = child(node, down);
  }
  throw new CorruptError(BtreeNode.name, `the tree at block ${root} has more than ${MAX_LEVELS} levels`);
}

/** The value of `key` as its place in a leaf; undefined where the tree has none. */
export function lookup(
  metadata: ThinMetadata,
  root: number,
  key: number,
  valueSize: number,
): { leaf: Node; index: number } | undefined {
  const { leaf, index } = seek(metadata, root, key, valueSize);
  return index < leaf.count && leaf.key(index) === key ? { leaf, index } : undefined;
}
