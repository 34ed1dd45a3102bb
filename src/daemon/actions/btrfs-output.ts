import type {
  Btrfsbalance,
  Btrfsqgroup,
  Btrfsscrub,
  Btrfssubvolume,
} from '../../actions/generated/structs.ts';

/** What `btrfs subvolume list` prints: `ID 256 gen 7 top level 5 path s1`. */
export function parseSubvolumes(text: string): Btrfssubvolume[] {
  return [...text.matchAll(/^ID (\d+) .*?\btop level (\d+) path (.*)$/gm)].map(([, id, top, path]) => ({
    btrfssubvolumeId: BigInt(id as string),
    btrfssubvolumeTopLevelId: BigInt(top as string),
    btrfssubvolumePath: path as string,
  }));
}

/** The number in what `btrfs subvolume get-default` prints: `ID 5 (FS_TREE)`. */
export function parseDefaultSubvolume(text: string): bigint | undefined {
  const id = /^ID (\d+)\b/m.exec(text)?.[1];
  return id === undefined ? undefined : BigInt(id);
}

/**
 * What `btrfs subvolume show` prints: lines `KEY: VALUE` below the path, and the snapshots, a line each, in
 * `Snapshot(s)`. A dash stands for nothing.
 */
export function parseSubvolume(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  let key: string | undefined;
  for (const line of text.split('\n').slice(1)) {
    const match = /^\s+([A-Z][^:]*):\s*(.*)$/.exec(line);
    if (match !== null) {
      key = match[1] as string;
      const value = (match[2] as string).trim();
      found[key] = value === '-' ? '' : value;
    } else if (key === 'Snapshot(s)' && line.trim() !== '') {
      found[key] = found[key] === '' ? line.trim() : `${found[key]},${line.trim()}`;
    }
  }
  return found;
}

/** What `btrfs qgroup show --raw` prints: the id, and bytes referred to and exclusive. */
export function parseQgroups(text: string): Btrfsqgroup[] {
  return [...text.matchAll(/^(\d+\/\d+)\s+(\d+)\s+(\d+)\b/gm)].map(([, id, rfer, excl]) => ({
    btrfsqgroupId: id as string,
    btrfsqgroupRfer: Number(rfer),
    btrfsqgroupExcl: Number(excl),
  }));
}

/** The paths in what `btrfs filesystem show` prints. */
export function parseShownDevices(text: string): string[] {
  return [...text.matchAll(/^\s*devid\s+\d+\s.*\spath (.+)$/gm)].map(([, path]) => path as string);
}

/** What `btrfs balance status` prints; it has no such words where none goes on. */
export function parseBalance(text: string): Btrfsbalance {
  const state = /^Balance on .* is (\w+)/m.exec(text)?.[1] ?? 'none';
  const counts = /^(\d+) out of about (\d+) chunks balanced \((\d+) considered\),\s*(\d+)% left/m.exec(text);
  const count = (index: number): number => Number(counts?.[index] ?? '0');
  return {
    btrfsbalanceStatus: state,
    btrfsbalanceBalanced: count(1),
    btrfsbalanceTotal: count(2),
    btrfsbalanceConsidered: count(3),
    btrfsbalanceLeft: count(4),
  };
}

/** What `btrfs scrub status -R` prints: `	tree_extents_scrubbed: 26`. */
export function parseScrub(text: string): Btrfsscrub {
  const found = new Map<string, number>();
  for (const [, key, value] of text.matchAll(/^\s+([a-z_]+): (\d+)$/gm))
    found.set(key as string, Number(value));
  const field = (key: string): number => found.get(key) ?? 0;
  return {
    btrfsscrubDataExtentsScrubbed: field('data_extents_scrubbed'),
    btrfsscrubTreeExtentsScrubbed: field('tree_extents_scrubbed'),
    btrfsscrubDataBytesScrubbed: field('data_bytes_scrubbed'),
    btrfsscrubTreeBytesScrubbed: field('tree_bytes_scrubbed'),
    btrfsscrubReadErrors: field('read_errors'),
    btrfsscrubCsumErrors: field('csum_errors'),
    btrfsscrubVerifyErrors: field('verify_errors'),
    btrfsscrubNoCsum: field('no_csum'),
    btrfsscrubCsumDiscards: field('csum_discards'),
    btrfsscrubSuperErrors: field('super_errors'),
    btrfsscrubMallocErrors: field('malloc_errors'),
    btrfsscrubUncorrectableErrors: field('uncorrectable_errors'),
    btrfsscrubUnverifiedErrors: field('unverified_errors'),
    btrfsscrubCorrectedErrors: field('corrected_errors'),
    btrfsscrubLastPhysical: field('last_physical'),
  };
}
