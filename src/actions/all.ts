import { archiveActions } from './records/archive.ts';
import { augeasActions } from './records/augeas.ts';
import { blockdevActions } from './records/blockdev.ts';
import { bootActions } from './records/boot.ts';
import { btrfsActions } from './records/btrfs.ts';
import { checksumActions } from './records/checksum.ts';
import { commandsActions } from './records/commands.ts';
import { copyActions } from './records/copy.ts';
import { devicesActions } from './records/devices.ts';
import { directoryActions } from './records/directory.ts';
import { drivesActions } from './records/drives.ts';
import { extActions } from './records/ext.ts';
import { extensionsActions } from './records/extensions.ts';
import { featuresActions } from './records/features.ts';
import { filesystemToolsActions } from './records/filesystem-tools.ts';
import { hivexActions } from './records/hivex.ts';
import { hostCopyActions } from './records/host-copy.ts';
import { identifyActions } from './records/identify.ts';
import { imagesActions } from './records/images.ts';
import { initrdActions } from './records/initrd.ts';
import { inotifyActions } from './records/inotify.ts';
import { inspectActions } from './records/inspect.ts';
import { internalActions } from './records/internal.ts';
import { isoActions } from './records/iso.ts';
import { journalActions } from './records/journal.ts';
import { ldmActions } from './records/ldm.ts';
import { libvirtActions } from './records/libvirt.ts';
import { lifecycleActions } from './records/lifecycle.ts';
import { luksActions } from './records/luks.ts';
import { lvmActions } from './records/lvm.ts';
import { mdActions } from './records/md.ts';
import { miscActions } from './records/misc.ts';
import { mountActions } from './records/mount.ts';
import { mountLocalActions } from './records/mount-local.ts';
import { ntfsActions } from './records/ntfs.ts';
import { partitionsActions } from './records/partitions.ts';
import { readActions } from './records/read.ts';
import { rsyncActions } from './records/rsync.ts';
import { selinuxActions } from './records/selinux.ts';
import { settingsActions } from './records/settings.ts';
import { sleuthkitActions } from './records/sleuthkit.ts';
import { statActions } from './records/stat.ts';
import { swapActions } from './records/swap.ts';
import { textActions } from './records/text.ts';
import { transferActions } from './records/transfer.ts';
import { wipeActions } from './records/wipe.ts';
import { writeActions } from './records/write.ts';
import { xattrActions } from './records/xattr.ts';
import { xfsActions } from './records/xfs.ts';
import { yaraActions } from './records/yara.ts';
import type { ActionRecord } from './record.ts';

/** Every action of the API, topic by topic. */
export const actionsByTopic = {
  archive: archiveActions,
  augeas: augeasActions,
  blockdev: blockdevActions,
  boot: bootActions,
  btrfs: btrfsActions,
  checksum: checksumActions,
  commands: commandsActions,
  copy: copyActions,
  devices: devicesActions,
  directory: directoryActions,
  drives: drivesActions,
  ext: extActions,
  extensions: extensionsActions,
  features: featuresActions,
  'filesystem-tools': filesystemToolsActions,
  hivex: hivexActions,
  'host-copy': hostCopyActions,
  identify: identifyActions,
  images: imagesActions,
  initrd: initrdActions,
  inotify: inotifyActions,
  inspect: inspectActions,
  internal: internalActions,
  iso: isoActions,
  journal: journalActions,
  ldm: ldmActions,
  libvirt: libvirtActions,
  lifecycle: lifecycleActions,
  luks: luksActions,
  lvm: lvmActions,
  md: mdActions,
  misc: miscActions,
  mount: mountActions,
  'mount-local': mountLocalActions,
  ntfs: ntfsActions,
  partitions: partitionsActions,
  read: readActions,
  rsync: rsyncActions,
  selinux: selinuxActions,
  settings: settingsActions,
  sleuthkit: sleuthkitActions,
  stat: statActions,
  swap: swapActions,
  text: textActions,
  transfer: transferActions,
  wipe: wipeActions,
  write: writeActions,
  xattr: xattrActions,
  xfs: xfsActions,
  yara: yaraActions,
} as const satisfies Record<string, readonly ActionRecord[]>;

/** Every action of the API. */
export const allActions: readonly ActionRecord[] = Object.values(actionsByTopic).flat();
