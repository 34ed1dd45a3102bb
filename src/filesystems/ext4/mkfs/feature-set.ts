import { GuestfsError } from '../../../errors/index.ts';
import { featureNames } from '../features.ts';

type Word = 'compat' | 'incompat' | 'ro_compat';
const WORDS: readonly Word[] = ['compat', 'incompat', 'ro_compat'];

/** The three words of the superblock. */
export interface FeatureWords {
  compat: number;
  incompat: number;
  roCompat: number;
}

const BITS = new Map<string, { word: Word; bit: number }>();
for (const word of WORDS) {
  for (let bit = 0; bit < 32; bit++) {
    const [name] = featureNames(word, 2 ** bit);
    if (name !== undefined && !name.startsWith('FEATURE_')) BITS.set(name, { word, bit });
  }
}

/** Other names that mke2fs(8) takes. */
const ALIASES: Readonly<Record<string, string>> = {
  extents: 'extent',
  gdt_csum: 'uninit_bg',
  extra_inode_size: 'extra_isize',
};

/** Features that can be made here; others are known by name, but nothing here fills in what they need. */
const MAKEABLE = new Set([
  'dir_index',
  'ext_attr',
  'has_journal',
  'resize_inode',
  'sparse_super2',
  'stable_inodes',
  'fast_commit',
  'orphan_file',
  '64bit',
  'casefold',
  'ea_inode',
  'encrypt',
  'extent',
  'filetype',
  'flex_bg',
  'inline_data',
  'large_dir',
  'meta_bg',
  'metadata_csum_seed',
  'mmp',
  'bigalloc',
  'dir_nlink',
  'extra_isize',
  'huge_file',
  'large_file',
  'metadata_csum',
  'project',
  'quota',
  'sparse_super',
  'uninit_bg',
  'verity',
]);

/** Features of a filesystem by name, as mke2fs(8) spells them. */
export class FeatureSet {
  readonly #names = new Set<string>();

  has(name: string): boolean {
    return this.#names.has(name);
  }

  set(name: string, on: boolean): void {
    if (on) this.#names.add(name);
    else this.#names.delete(name);
  }

  /**
   * Apply edits as `mke2fs -O` takes them: a name, or a name after `^` or `-`; `none` drops all before it. Throws
   * EINVAL for a name that is none, ENOTSUP for a feature that cannot be made.
   */
  edit(edits: readonly string[]): void {
    for (const edit of edits) {
      if (edit === '') continue;
      if (edit === 'none') {
        this.#names.clear();
        continue;
      }
      const off = edit.startsWith('^') || edit.startsWith('-');
      const stated = edit.startsWith('+') || off ? edit.slice(1) : edit;
      const name = ALIASES[stated] ?? stated;
      if (!BITS.has(name)) {
        throw new GuestfsError('EINVAL', `${edit}: there is no ext4 feature of that name`);
      }
      if (!off && !MAKEABLE.has(name)) {
        throw new GuestfsError('ENOTSUP', `the ext4 feature ${name} cannot be made`);
      }
      this.set(name, !off);
    }
  }

  words(): FeatureWords {
    const words: Record<Word, number> = { compat: 0, incompat: 0, ro_compat: 0 };
    for (const name of this.#names) {
      const known = BITS.get(name);
      if (known !== undefined) words[known.word] += 2 ** known.bit;
    }
    return { compat: words.compat, incompat: words.incompat, roCompat: words.ro_compat };
  }
}
