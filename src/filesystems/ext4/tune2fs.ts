import { uuidText } from '../../bytes/guid.ts';
import { divideUp } from '../../bytes/round.ts';
import { decodeText } from '../../bytes/text.ts';
import * as feature from './features.ts';
import type { SuperBlockView } from './layout.ts';
import { cString } from './superblock.ts';

/**
 * The superblock as tune2fs(8) lists it with `-l`: the same fields under the same names, in the same order and the
 * same words. Times are in UTC. Users and groups other than 0 are "unknown": whose names they have is not the
 * filesystem's business.
 */
export function tune2fsList(view: SuperBlockView): Map<string, string> {
  const list = new Map<string, string>();
  const add = (key: string, value: string | number): void => {
    list.set(key, String(value));
  };
  const dynamic = view.s_rev_level >= 1;
  const has = (word: number, bit: number): boolean => (word & bit) !== 0;
  const { s_feature_compat: compat, s_feature_incompat: incompat, s_feature_ro_compat: roCompat } = view;
  const blockSize = 1024 * 2 ** (view.s_log_block_size & 31);
  const clusterSize = 1024 * 2 ** (view.s_log_cluster_size & 31);
  const bigalloc = has(roCompat, feature.RO_COMPAT_BIGALLOC);
  const is64Bit = has(incompat, feature.INCOMPAT_64BIT);
  const wide = (low: number, high: number): string =>
    String(BigInt(low) + (is64Bit ? BigInt(high) << 32n : 0n));

  add('Filesystem volume name', cString(view.s_volume_name) || '<none>');
  add('Last mounted on', cString(view.s_last_mounted) || '<not available>');
  add('Filesystem UUID', uuidOrNone(view.s_uuid));
  add('Filesystem magic number', `0x${view.s_magic.toString(16).toUpperCase().padStart(4, '0')}`);
  add(
    'Filesystem revision #',
    `${view.s_rev_level} ${['(original)', '(dynamic)'][view.s_rev_level] ?? '(unknown)'}`,
  );
  add(
    'Filesystem features',
    [
      ...feature.featureNames('compat', compat),
      ...feature.featureNames('incompat', incompat),
      ...feature.featureNames('ro_compat', roCompat),
    ].join(' ') || '(none)',
  );
  add('Filesystem flags', flagNames(view.s_flags));
  add('Default mount options', defaultOptions(view.s_default_mount_opts));
  const mountOptions = cString(view.s_mount_opts);
  if (mountOptions !== '') add('Mount options', mountOptions);
  add('Filesystem state', `${view.s_state & 1 ? '' : 'not '}clean${view.s_state & 2 ? ' with errors' : ''}`);
  add(
    'Errors behavior',
    ['Continue', 'Remount read-only', 'Panic'][view.s_errors - 1] ?? 'Unknown (continue)',
  );
  add(
    'Filesystem OS type',
    ['Linux', 'Hurd', 'Masix', 'FreeBSD', 'Lites'][view.s_creator_os] ?? '(unknown os)',
  );
  add('Inode count', view.s_inodes_count);
  add('Block count', wide(view.s_blocks_count_lo, view.s_blocks_count_hi));
  add('Reserved block count', wide(view.s_r_blocks_count_lo, view.s_r_blocks_count_hi));
  if (view.s_overhead_blocks !== 0) add('Overhead clusters', view.s_overhead_blocks);
  add('Free blocks', wide(view.s_free_blocks_count_lo, view.s_free_blocks_count_hi));
  add('Free inodes', view.s_free_inodes_count);
  add('First block', view.s_first_data_block);
  add('Block size', blockSize);
  add(bigalloc ? 'Cluster size' : 'Fragment size', clusterSize);
  if (is64Bit) add('Group descriptor size', view.s_desc_size);
  if (view.s_reserved_gdt_blocks !== 0) add('Reserved GDT blocks', view.s_reserved_gdt_blocks);
  add('Blocks per group', view.s_blocks_per_group);
  add(bigalloc ? 'Clusters per group' : 'Fragments per group', view.s_clusters_per_group);
  add('Inodes per group', view.s_inodes_per_group);
  add(
    'Inode blocks per group',
    divideUp(view.s_inodes_per_group * (dynamic ? view.s_inode_size : 128), blockSize),
  );
  if (view.s_raid_stride !== 0) add('RAID stride', view.s_raid_stride);
  if (view.s_raid_stripe_width !== 0) add('RAID stripe width', view.s_raid_stripe_width);
  if (view.s_first_meta_bg !== 0) add('First meta block group', view.s_first_meta_bg);
  if (view.s_log_groups_per_flex !== 0) add('Flex block group size', 2 ** (view.s_log_groups_per_flex & 31));
  if (view.s_mkfs_time !== 0) add('Filesystem created', time(view.s_mkfs_time, view.s_mkfs_time_hi));
  add('Last mount time', view.s_mtime === 0 ? 'n/a' : time(view.s_mtime, view.s_mtime_hi));
  add('Last write time', time(view.s_wtime, view.s_wtime_hi));
  add('Mount count', view.s_mnt_count);
  add('Maximum mount count', (view.s_max_mnt_count << 16) >> 16);
  add('Last checked', time(view.s_lastcheck, view.s_lastcheck_hi));
  add('Check interval', `${view.s_checkinterval} (${interval(view.s_checkinterval)})`);
  if (view.s_checkinterval !== 0) {
    add('Next check after', time(view.s_lastcheck + view.s_checkinterval, view.s_lastcheck_hi));
  }
  if (written(view) !== undefined) add('Lifetime writes', written(view)!);
  add('Reserved blocks uid', `${view.s_def_resuid} (user unknown)`);
  add('Reserved blocks gid', `${view.s_def_resgid} (group unknown)`);
  if (dynamic) {
    add('First inode', view.s_first_ino);
    add('Inode size', view.s_inode_size);
    if (view.s_min_extra_isize !== 0) add('Required extra isize', view.s_min_extra_isize);
    if (view.s_want_extra_isize !== 0) add('Desired extra isize', view.s_want_extra_isize);
  }
  if (view.s_journal_uuid.some((byte) => byte !== 0)) add('Journal UUID', uuidText(view.s_journal_uuid));
  if (view.s_journal_inum !== 0) add('Journal inode', view.s_journal_inum);
  if (view.s_journal_dev !== 0) add('Journal device', `0x${hex(view.s_journal_dev, 4)}`);
  if (view.s_last_orphan !== 0) add('First orphan inode', view.s_last_orphan);
  if (has(compat, feature.COMPAT_DIR_INDEX) || view.s_def_hash_version !== 0) {
    const version = view.s_def_hash_version;
    add('Default directory hash', ['legacy', 'half_md4', 'tea'][version] ?? `HASHALG_${version}`);
  }
  if (view.s_hash_seed.some((word) => word !== 0)) {
    add('Directory Hash Seed', uuidText(view.bytes.subarray(view.base + 0xec, view.base + 0xfc)));
  }
  if (view.s_jnl_backup_type !== 0) {
    add('Journal backup', view.s_jnl_backup_type === 1 ? 'inode blocks' : `type ${view.s_jnl_backup_type}`);
  }
  const backups = view.s_backup_bgs.filter((group) => group !== 0);
  if (backups.length > 0) add('Backup block groups', backups.map((group) => `${group} `).join(''));
  if (view.s_snapshot_inum !== 0) {
    add('Snapshot inode', view.s_snapshot_inum);
    add('Snapshot ID', view.s_snapshot_id);
    add('Snapshot reserved blocks', u64(view, 0x188));
    add('Snapshot list head', view.s_snapshot_list);
  }
  addErrors(view, add);
  if (has(incompat, feature.INCOMPAT_MMP)) {
    add('MMP block number', u64(view, 0x168));
    add('MMP update interval', view.s_mmp_interval);
  }
  const quotas = [view.s_usr_quota_inum, view.s_grp_quota_inum, view.s_prj_quota_inum];
  ['User', 'Group', 'Project'].forEach((kind, i) => {
    if (quotas[i] !== 0) add(`${kind} quota inode`, quotas[i]!);
  });
  if (has(roCompat, feature.RO_COMPAT_METADATA_CSUM)) {
    add('Checksum type', view.s_checksum_type === 1 ? 'crc32c' : `checksum ${view.s_checksum_type}`);
    add('Checksum', `0x${hex(view.s_checksum, 8)}`);
  }
  if (view.s_encrypt_pw_salt.some((byte) => byte !== 0)) {
    add('Encryption PW Salt', uuidText(view.s_encrypt_pw_salt));
  }
  if (has(incompat, feature.INCOMPAT_CSUM_SEED)) add('Checksum seed', `0x${hex(view.s_checksum_seed, 8)}`);
  if (has(incompat, feature.INCOMPAT_CASEFOLD)) {
    add('Character encoding', view.s_encoding === 1 ? 'utf8-12.1' : `UNKNOWN_ENCODING_${view.s_encoding}`);
  }
  if (has(compat, feature.COMPAT_ORPHAN_FILE)) add('Orphan file inode', view.s_orphan_file_inum);
  return list;
}

function uuidOrNone(bytes: Uint8Array): string {
  return bytes.some((byte) => byte !== 0) ? uuidText(bytes) : '<none>';
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

function u64(view: SuperBlockView, offset: number): string {
  return String(view.data.getBigUint64(view.base + offset, true));
}

function flagNames(flags: number): string {
  const names = ['signed_directory_hash ', 'unsigned_directory_hash ', 'test_filesystem '];
  return names.filter((_, bit) => (flags >>> bit) & 1).join('') || '(none)';
}

const DEFAULT_OPTIONS: Readonly<Record<number, string>> = {
  0: 'debug',
  1: 'bsdgroups',
  2: 'user_xattr',
  3: 'acl',
  4: 'uid16',
  8: 'nobarrier',
  9: 'block_validity',
  10: 'discard',
  11: 'nodelalloc',
};
const JOURNAL_MODES = ['journal_data', 'journal_data_ordered', 'journal_data_writeback'];

function defaultOptions(options: number): string {
  const names: string[] = [];
  const mode = (options >>> 5) & 3;
  if (mode !== 0) names.push(JOURNAL_MODES[mode - 1]!);
  for (let bit = 0; bit < 32; bit++) {
    if (bit === 5 || bit === 6 || ((options >>> bit) & 1) === 0) continue;
    names.push(DEFAULT_OPTIONS[bit] ?? `MNTOPT_${bit}`);
  }
  return names.join(' ') || '(none)';
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A time as ctime(3) writes it, in UTC. */
function time(low: number, high: number): string {
  const date = new Date((low + high * 0x100000000) * 1000);
  const two = (value: number, pad: string): string => String(value).padStart(2, pad);
  const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map((part) =>
    two(part, '0'),
  );
  return (
    `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${two(date.getUTCDate(), ' ')} ` +
    `${clock.join(':')} ${date.getUTCFullYear()}`
  );
}

/** Seconds in words: months of 30 days, weeks, days, then the clock. */
function interval(seconds: number): string {
  if (seconds === 0) return '<none>';
  const parts: string[] = [];
  let rest = seconds;
  for (const [unit, size] of [
    ['month', 30 * 86400],
    ['week', 7 * 86400],
    ['day', 86400],
  ] as const) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${unit}${count === 1 ? '' : 's'}`);
  }
  if (rest > 0) {
    const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
    parts.push(`${Math.floor(rest / 3600)}:${two((rest % 3600) / 60)}:${two(rest % 60)}`);
  }
  return parts.join(', ');
}

/** Kilobytes ever written, in the unit that leaves fewer than 8192 of them; undefined where nothing was counted. */
function written(view: SuperBlockView): string | undefined {
  let amount = view.data.getBigUint64(view.base + 0x178, true);
  if (amount === 0n) return undefined;
  const units = ['kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  let divisor = 1n;
  while (unit < 4 && amount / divisor >= 8192n) {
    divisor *= 1024n;
    unit++;
  }
  amount = (amount + divisor / 2n) / divisor;
  return `${amount} ${units[unit]}`;
}

const ERROR_CODES = [
  '',
  'UNKNOWN',
  'EIO',
  'ENOMEM',
  'EFSBADCRC',
  'EFSCORRUPTED',
  'ENOSPC',
  'ENOKEY',
  'EROFS',
  'EFBIG',
  'EEXIST',
  'ERANGE',
  'EOVERFLOW',
  'EBUSY',
  'ENOTDIR',
  'ENOTEMPTY',
  'ESHUTDOWN',
  'EFAULT',
];

/** The record of errors that the kernel met in this filesystem. */
function addErrors(view: SuperBlockView, add: (key: string, value: string | number) => void): void {
  if (view.s_error_count !== 0) add('FS Error count', view.s_error_count);
  const one = (
    which: 'First' | 'Last',
    at: number,
    atHigh: number,
    name: Uint8Array,
    line: number,
    inode: number,
    block: string,
    code: number,
  ): void => {
    if (at === 0) return;
    add(`${which} error time`, time(at, atHigh));
    add(`${which} error function`, decodeText(name, 0, name.indexOf(0) < 0 ? name.length : name.indexOf(0)));
    add(`${which} error line #`, line);
    if (inode !== 0) add(`${which} error inode #`, inode);
    if (block !== '0') add(`${which} error block #`, block);
    if (code !== 0) add(`${which} error err`, ERROR_CODES[code] ?? `UNKNOWN_ERRCODE_${code}`);
  };
  one(
    'First',
    view.s_first_error_time,
    view.s_first_error_time_hi,
    view.s_first_error_func,
    view.s_first_error_line,
    view.s_first_error_ino,
    u64(view, 0x1a0),
    view.s_first_error_errcode,
  );
  one(
    'Last',
    view.s_last_error_time,
    view.s_last_error_time_hi,
    view.s_last_error_func,
    view.s_last_error_line,
    view.s_last_error_ino,
    u64(view, 0x1d8),
    view.s_last_error_errcode,
  );
}
