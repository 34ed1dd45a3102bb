import { raw, u16, u32 } from '../../bytes/layout.ts';
import { uuidText } from '../../bytes/guid.ts';
import type { Signature, Tags } from './signature.ts';
import { fieldText, setText, setUuid } from './text.ts';
import type { Window } from './window.ts';
import { structure } from './structure.ts';

/** Source: Documentation/filesystems/ext4/super.rst of the kernel. */
const SuperBlock = structure('ext4_super_block', 1024, 'le', {
  s_log_block_size: u32(24),
  s_minor_rev_level: u16(62),
  s_rev_level: u32(76),
  s_feature_compat: u32(92),
  s_feature_incompat: u32(96),
  s_feature_ro_compat: u32(100),
  s_uuid: raw(104, 16),
  s_volume_name: raw(120, 16),
  s_journal_uuid: raw(208, 16),
  s_flags: u32(352),
});

const COMPAT_HAS_JOURNAL = 0x4;
const INCOMPAT_FILETYPE = 0x2;
const INCOMPAT_RECOVER = 0x4;
const INCOMPAT_JOURNAL_DEV = 0x8;
const INCOMPAT_META_BG = 0x10;
/** sparse_super, large_file, btree_dir. */
const RO_COMPAT_OLD = 0x1 | 0x2 | 0x4;
const FLAG_TEST_FILESYS = 0x4;
const INCOMPAT_EXT2 = INCOMPAT_FILETYPE | INCOMPAT_META_BG;
const INCOMPAT_EXT3 = INCOMPAT_EXT2 | INCOMPAT_RECOVER;

interface Features {
  compat: number;
  incompat: number;
  roCompat: number;
  flags: number;
}

/** A member of the family: which features make the superblock this one, and what it adds to the tags. */
function member(
  type: string,
  usage: Signature['usage'],
  fits: (features: Features) => boolean,
  extra?: (tags: Tags) => void,
): Signature {
  return {
    type,
    usage,
    magics: [{ at: 1024 + 56, bytes: '\x53\xef' }],
    probe(window) {
      const tags = probe(window, fits);
      if (tags !== null) extra?.(tags);
      return tags;
    },
  };
}

function probe(window: Window, fits: (features: Features) => boolean): Tags | null {
  const bytes = window.read(1024, SuperBlock.size);
  if (bytes === null) return null;
  const sb = SuperBlock.view(bytes);
  const features: Features = {
    compat: sb.s_feature_compat,
    incompat: sb.s_feature_incompat,
    roCompat: sb.s_feature_ro_compat,
    flags: sb.s_flags,
  };
  if (!fits(features)) return null;
  const tags: Tags = {};
  setText(tags, 'LABEL', fieldText(sb.s_volume_name));
  setUuid(tags, 'UUID', sb.s_uuid);
  if ((features.compat & COMPAT_HAS_JOURNAL) !== 0) setUuid(tags, 'EXT_JOURNAL', sb.s_journal_uuid);
  if (features.incompat & INCOMPAT_JOURNAL_DEV) tags['LOGUUID'] = uuidText(sb.s_uuid);
  tags['VERSION'] = `${sb.s_rev_level}.${sb.s_minor_rev_level}`;
  if (sb.s_log_block_size < 32) tags['BLOCK_SIZE'] = `${(1024 * 2 ** sb.s_log_block_size) % 2 ** 32}`;
  return tags;
}

const hasJournal = (f: Features): boolean => (f.compat & COMPAT_HAS_JOURNAL) !== 0;
const isJournal = (f: Features): boolean => (f.incompat & INCOMPAT_JOURNAL_DEV) !== 0;
const isTest = (f: Features): boolean => (f.flags & FLAG_TEST_FILESYS) !== 0;
const within = (f: Features, incompat: number): boolean =>
  (f.roCompat & ~RO_COMPAT_OLD) === 0 && (f.incompat & ~incompat) === 0;

/** ext4 under development. */
export const ext4dev = member('ext4dev', 'filesystem', (f) => !isJournal(f) && isTest(f));

/** ext4: whatever has a feature that ext3 does not know. */
export const ext4 = member(
  'ext4',
  'filesystem',
  (f) => !isJournal(f) && !within(f, INCOMPAT_EXT3) && !isTest(f),
);

/** ext3: ext2 with a journal. */
export const ext3 = member(
  'ext3',
  'filesystem',
  (f) => hasJournal(f) && within(f, INCOMPAT_EXT3),
  (tags) => {
    tags['SEC_TYPE'] = 'ext2';
  },
);

/** ext2. */
export const ext2 = member('ext2', 'filesystem', (f) => !hasJournal(f) && within(f, INCOMPAT_EXT2));

/** A journal of ext3 or ext4 on a device of its own. */
export const jbd = member('jbd', 'other', isJournal);
