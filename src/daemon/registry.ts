import { blockdevActions } from './actions/blockdev.ts';
import { devicesActions } from './actions/devices.ts';
import { featuresActions } from './actions/features.ts';
import { identifyActions } from './actions/identify.ts';
import { lifecycleActions } from './actions/lifecycle.ts';
import { mdActions } from './actions/md.ts';
import { mountActions } from './actions/mount.ts';
import type { DaemonActions } from './generated/contract.ts';

/** Every action that has an implementation, merged topic by topic; the order has no meaning. */
export const implementations = {
  ...blockdevActions,
  ...devicesActions,
  ...featuresActions,
  ...identifyActions,
  ...lifecycleActions,
  ...mdActions,
  ...mountActions,
} satisfies Partial<DaemonActions>;
