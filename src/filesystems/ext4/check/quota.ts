import { GuestfsError } from '../../../errors/index.ts';
import { RO_COMPAT_QUOTA } from '../features.ts';
import { INODE_EA_INODE, ROOT_INODE } from '../layout.ts';
import { inodeSectors } from '../stat.ts';
import { flagsOf, groupOf, projectOf, userOf } from '../writer/fields.ts';
import {
  QUOTA_BLOCK_SIZE,
  QUOTA_DEPTH,
  QUOTA_ENTRIES,
  QUOTA_MAGICS,
  QUOTA_ROOT,
  QuotaBlock,
  QuotaEntry,
  QuotaHeader,
} from '../writer/quota/layout.ts';
import { walkMap } from './block-map.ts';
import type { CheckState } from './state.ts';
import type { Volume } from './volume.ts';

const KINDS = ['users', 'groups', 'projects'] as const;

/** What an identifier uses, in bytes and inodes. */
interface Usage {
  space: number;
  inodes: number;
}

/** An entry of a quota file: its usage and the block and place in it where it is. */
interface Entry extends Usage {
  block: number;
  at: number;
}

/** Compare what the quota files count with what users, groups and projects have; usage that differs is put right. */
export function checkQuotas(state: CheckState): void {
  const { volume } = state;
  const { superBlock, roCompat } = volume.geometry;
  if ((roCompat & RO_COMPAT_QUOTA) === 0) return;
  const files = [superBlock.s_usr_quota_inum, superBlock.s_grp_quota_inum, superBlock.s_prj_quota_inum];
  if (files.every((number) => number === 0)) return;
  const used = countUsage(state);
  for (const [kind, number] of files.entries()) {
    if (number === 0) continue;
    let entries: Map<number, Entry>;
    try {
      entries = readEntries(volume, number, kind);
    } catch (error) {
      if (!(error instanceof GuestfsError)) throw error;
      state.found('quota-file', `the quota file of ${KINDS[kind]} cannot be read: ${error.message}`);
      continue;
    }
    compare(state, kind, used[kind]!, entries);
  }
}

function countUsage(state: CheckState): Map<number, Usage>[] {
  const { volume } = state;
  const { geometry } = volume;
  const { superBlock, firstInode, inodesCount } = geometry;
  const used: Map<number, Usage>[] = KINDS.map(() => new Map());
  const note = (kind: number, id: number, space: number): void => {
    const known = used[kind]!.get(id);
    if (known === undefined) used[kind]!.set(id, { space, inodes: 1 });
    else {
      known.space += space;
      known.inodes++;
    }
  };
  for (let number = ROOT_INODE; number <= inodesCount; number++) {
    if (state.links[number] === 0 || (number > ROOT_INODE && number < firstInode)) continue;
    if (number === superBlock.s_prj_quota_inum || number === superBlock.s_orphan_file_inum) continue;
    const inode = volume.readInode(number);
    if (flagsOf(inode) & INODE_EA_INODE) continue;
    const space = inodeSectors(inode, geometry) * 512;
    note(0, userOf(inode), space);
    note(1, groupOf(inode), space);
    note(2, projectOf(inode, geometry), space);
  }
  return used;
}

/** The entries of a quota file by identifier. Throws CorruptError where the tree makes no sense. */
function readEntries(volume: Volume, number: number, kind: number): Map<number, Entry> {
  const { blockSize } = volume.geometry;
  const places = new Map<number, number>();
  walkMap(volume, volume.readInode(number), {
    node() {},
    run(logical, block, length) {
      for (let i = 0; i < length; i++) places.set(logical + i, block + i);
    },
    badChecksum() {},
  });
  const place = (block: number): { block: number; base: number } => {
    const offset = block * QUOTA_BLOCK_SIZE;
    const found = places.get(Math.floor(offset / blockSize));
    if (found === undefined) {
      throw new GuestfsError('EUCLEAN', `block ${block} is asked for, which the file has not`);
    }
    return { block: found, base: offset % blockSize };
  };
  const header = place(0);
  const magic = QuotaHeader.view(volume.blocks.read(header.block).bytes, header.base).dqh_magic;
  if (magic !== QUOTA_MAGICS[kind]) {
    throw new GuestfsError(
      'EUCLEAN',
      `dqh_magic is 0x${magic.toString(16)}, expected 0x${QUOTA_MAGICS[kind]!.toString(16)}`,
    );
  }
  const entries = new Map<number, Entry>();
  const seen = new Set<number>();
  const visit = (block: number, level: number): void => {
    if (seen.has(block)) throw new GuestfsError('EUCLEAN', `block ${block} is twice in the tree`);
    seen.add(block);
    const at = place(block);
    const { bytes, view } = volume.blocks.read(at.block);
    if (level < QUOTA_DEPTH) {
      // What was read may give way to other blocks: the references are copied first.
      const children: number[] = [];
      for (let index = 0; index < QUOTA_BLOCK_SIZE / 4; index++) {
        const child = view.getUint32(at.base + index * 4, true);
        if (child !== 0 && (level < QUOTA_DEPTH - 1 || !seen.has(child))) children.push(child);
      }
      for (const child of new Set(children)) if (!seen.has(child)) visit(child, level + 1);
      return;
    }
    for (let index = 0; index < QUOTA_ENTRIES; index++) {
      const start = at.base + QuotaBlock.size + index * QuotaEntry.size;
      if (bytes.subarray(start, start + QuotaEntry.size).every((byte) => byte === 0)) continue;
      const entry = QuotaEntry.view(bytes, start);
      entries.set(entry.dqb_id, {
        space: entry.dqb_curspace,
        inodes: entry.dqb_curinodes,
        block: at.block,
        at: start,
      });
    }
  };
  visit(QUOTA_ROOT, 0);
  return entries;
}

function compare(
  state: CheckState,
  kind: number,
  used: ReadonlyMap<number, Usage>,
  entries: ReadonlyMap<number, Entry>,
): void {
  const { volume } = state;
  for (const [id, entry] of entries) {
    const right = used.get(id) ?? { space: 0, inodes: 0 };
    if (entry.space === right.space && entry.inodes === right.inodes) continue;
    state.found(
      'quota-usage',
      `the quota of ${KINDS[kind]} counts ${entry.space} bytes and ${entry.inodes} inodes of ${id}, expected ${right.space} and ${right.inodes}`,
      () => {
        const view = QuotaEntry.view(volume.blocks.change(entry.block).bytes, entry.at);
        view.dqb_curspace = right.space;
        view.dqb_curinodes = right.inodes;
      },
    );
  }
  for (const [id, { space, inodes }] of used) {
    if (entries.has(id)) continue;
    state.found(
      'quota-entry',
      `the quota of ${KINDS[kind]} has no entry of ${id}, which has ${space} bytes and ${inodes} inodes`,
    );
  }
}
