import { archiveActions } from './actions/archive.ts';
import { attributesActions } from './actions/attributes.ts';
import { blockdevActions } from './actions/blockdev.ts';
import { checkActions } from './actions/check.ts';
import { checksumActions } from './actions/checksum.ts';
import { copyActions } from './actions/copy.ts';
import { devicesActions } from './actions/devices.ts';
import { directoryActions } from './actions/directory.ts';
import { extActions } from './actions/ext.ts';
import { extensionsActions } from './actions/extensions.ts';
import { featuresActions } from './actions/features.ts';
import { identifyActions } from './actions/identify.ts';
import { initrdActions } from './actions/initrd.ts';
import { inspectActions } from './actions/inspect.ts';
import { internalActions } from './actions/internal.ts';
import { isoActions } from './actions/iso.ts';
import { lifecycleActions } from './actions/lifecycle.ts';
import { linksActions } from './actions/links.ts';
import { lvmActions } from './actions/lvm.ts';
import { mdActions } from './actions/md.ts';
import { mkfsActions } from './actions/mkfs.ts';
import { mountActions } from './actions/mount.ts';
import { namesActions } from './actions/names.ts';
import { partitionsActions } from './actions/partitions.ts';
import { readActions } from './actions/read.ts';
import { resizeActions } from './actions/resize.ts';
import { statActions } from './actions/stat.ts';
import { textActions } from './actions/text.ts';
import { transferActions } from './actions/transfer.ts';
import { tuneActions } from './actions/tune.ts';
import { wipeActions } from './actions/wipe.ts';
import { writeActions } from './actions/write.ts';
import { xattrActions } from './actions/xattr.ts';
import type { DaemonActions } from './generated/contract.ts';

/** Every action that has an implementation, merged topic by topic; the order has no meaning. */
export const implementations = {
  ...archiveActions,
  ...attributesActions,
  ...blockdevActions,
  ...checkActions,
  ...checksumActions,
  ...copyActions,
  ...devicesActions,
  ...directoryActions,
  ...extActions,
  ...extensionsActions,
  ...featuresActions,
  ...identifyActions,
  ...initrdActions,
  ...inspectActions,
  ...internalActions,
  ...isoActions,
  ...lifecycleActions,
  ...linksActions,
  ...lvmActions,
  ...mdActions,
  ...mkfsActions,
  ...mountActions,
  ...namesActions,
  ...partitionsActions,
  ...readActions,
  ...resizeActions,
  ...statActions,
  ...textActions,
  ...transferActions,
  ...tuneActions,
  ...wipeActions,
  ...writeActions,
  ...xattrActions,
} satisfies Partial<DaemonActions>;
