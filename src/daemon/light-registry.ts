import { blockdevActions } from './actions/blockdev.ts';
import { devicesActions } from './actions/devices.ts';
import { directoryActions } from './actions/directory.ts';
import { extensionsActions } from './actions/extensions.ts';
import { identifyActions } from './actions/identify.ts';
import { lifecycleActions } from './actions/lifecycle.ts';
import { mdActions } from './actions/md.ts';
import { mountActions } from './actions/mount.ts';
import { statActions } from './actions/stat.ts';
import { transferActions } from './actions/transfer.ts';
import type { DaemonActions } from './generated/contract.ts';

/**
 * The topics that load quickly and that most tools need nothing beside: a tool that shows one file is done before
 * archives, package databases and regular expressions would have been loaded. All of it is in `registry.ts` as well.
 */
export const lightImplementations: Partial<DaemonActions> = {
  ...blockdevActions,
  ...devicesActions,
  ...directoryActions,
  ...extensionsActions,
  ...identifyActions,
  ...lifecycleActions,
  ...mdActions,
  ...mountActions,
  ...statActions,
  ...transferActions,
};
