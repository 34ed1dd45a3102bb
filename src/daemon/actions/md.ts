import type { DaemonActions } from '../generated/contract.ts';

/** Linux software RAID. The engine assembles no arrays, so that none is ever active. */
export const mdActions = {
  list_md_devices: ({ platform }) => platform.devices.mdDevices?.().map(({ name }) => name) ?? [],
} satisfies Partial<DaemonActions>;
