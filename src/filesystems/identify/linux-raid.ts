import { bits64, raw, u32 } from '../../bytes/layout.ts';
import { uuidText } from '../../bytes/guid.ts';
import type { IdentifyOptions, Signature, Tags } from './signature.ts';
import { fieldText, setText } from './text.ts';
import type { Window } from './window.ts';
import { structure } from './structure.ts';

/** Source: md(4) and the kernel's include/uapi/linux/raid/md_p.h. */
const MAGIC = 0xa92b4efc;

const fields090 = {
  md_magic: u32(0),
  major_version: u32(4),
  minor_version: u32(8),
  patch_version: u32(12),
  set_uuid0: u32(20),
  size: u32(32),
  set_uuid1: u32(52),
  set_uuid2: u32(56),
  set_uuid3: u32(60),
};
const SuperBlock090 = structure('mdp_super_t', 64, 'le', fields090);
const SuperBlock090BigEndian = structure('mdp_super_t', 64, 'be', fields090);

const SuperBlock1 = structure('mdp_superblock_1', 256, 'le', {
  magic: u32(0),
  major_version: u32(4),
  set_uuid: raw(16, 16),
  set_name: raw(32, 32),
  super_offset: bits64(144),
  device_uuid: raw(168, 16),
});

/** Version 0.90 lies in the last whole 64 KiB but one, in the byte order of the machine that made it. */
function probe090(window: Window, options: IdentifyOptions): Tags | null {
  const offset = window.size - (window.size % 65536) - 65536;
  const bytes = window.read(offset, SuperBlock090.size);
  if (bytes === null) return null;
  let sb = SuperBlock090.view(bytes);
  if (sb.md_magic !== MAGIC) sb = SuperBlock090BigEndian.view(bytes);
  if (sb.md_magic !== MAGIC || sb.major_version !== 0) return null;
  // `size` is what the array uses of this member, in KiB.
  if (sb.size * 1024 > offset) return null;
  // At the end of a disk's last partition it is at the end of the disk as well.
  if (options.wholeDisk && options.insidePartition?.(offset, 4096)) return null;
  const uuid = new Uint8Array(16);
  const words = new DataView(uuid.buffer);
  for (const [i, word] of [sb.set_uuid0, sb.set_uuid1, sb.set_uuid2, sb.set_uuid3].entries()) {
    words.setUint32(i * 4, word);
  }
  return {
    UUID: uuidText(uuid),
    VERSION: `${sb.major_version}.${sb.minor_version}.${sb.patch_version}`,
  };
}

function probe1(window: Window, offset: number, version: string): Tags | null {
  const bytes = window.read(offset, SuperBlock1.size);
  if (bytes === null) return null;
  const sb = SuperBlock1.view(bytes);
  if (sb.magic !== MAGIC || sb.major_version !== 1 || sb.super_offset !== BigInt(offset / 512)) return null;
  const tags: Tags = {
    UUID: uuidText(sb.set_uuid),
    UUID_SUB: uuidText(sb.device_uuid),
    VERSION: version,
  };
  setText(tags, 'LABEL', fieldText(sb.set_name));
  return tags;
}

/** A member of a Linux software RAID, metadata 0.90, 1.0 (at the end), 1.1 (at the start), 1.2 (4 KiB in). */
export const linuxRaid: Signature = {
  type: 'linux_raid_member',
  usage: 'raid',
  probe(window, _magic, options) {
    const sectors = Math.floor(window.size / 512);
    const end = sectors - 16 - ((sectors - 16) % 8);
    return (
      probe090(window, options) ??
      probe1(window, end * 512, '1.0') ??
      probe1(window, 0, '1.1') ??
      probe1(window, 4096, '1.2')
    );
  },
};
