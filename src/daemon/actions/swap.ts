import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { runOnDevice, runOnPath } from '../tools.ts';

type Switch = 'swapon' | 'swapoff';

function byTag(context: ActionContext, program: Switch, tag: 'LABEL' | 'UUID', value: string): void {
  const device = context.platform.identify.findByTag(tag, value);
  if (device === undefined) throw new GuestfsError('ENOENT', `no device has the ${tag} ${value}`);
  onDevice(context, program, device);
}

function onDevice(context: ActionContext, program: Switch, device: string): void {
  runOnDevice(context, device, program, (node) => ['--', node]);
}

function onFile(context: ActionContext, program: Switch, file: string): void {
  runOnPath(context, file, program, (host) => ['--', host]);
}

/** Swap areas that the kernel uses. */
export const swapActions = {
  swapon_device: (context, device) => onDevice(context, 'swapon', device),
  swapoff_device: (context, device) => onDevice(context, 'swapoff', device),
  swapon_file: (context, file) => onFile(context, 'swapon', file),
  swapoff_file: (context, file) => onFile(context, 'swapoff', file),
  swapon_label: (context, label) => byTag(context, 'swapon', 'LABEL', label),
  swapoff_label: (context, label) => byTag(context, 'swapoff', 'LABEL', label),
  swapon_uuid: (context, uuid) => byTag(context, 'swapon', 'UUID', uuid),
  swapoff_uuid: (context, uuid) => byTag(context, 'swapoff', 'UUID', uuid),
} satisfies Partial<DaemonActions>;
