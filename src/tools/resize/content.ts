import { GuestfsError } from '../../errors/index.ts';
import type { Handle } from '../common/handle.ts';
import { humanSize } from '../common/human.ts';
import { ToolError } from '../common/usage-error.ts';

/** What is in a partition or volume, as far as its size can be changed. */
export type ContentKind = 'ext' | 'btrfs' | 'f2fs' | 'ntfs' | 'xfs' | 'pv' | 'swap' | 'other' | 'none';

/** What a device holds; `type` is its name for a person. */
export async function contentOf(
  handle: Handle,
  device: string,
): Promise<{ kind: ContentKind; type: string }> {
  const type = await handle.vfsType(device);
  if (/^ext[234]$/.test(type)) return { kind: 'ext', type };
  if (type === 'LVM2_member') return { kind: 'pv', type };
  if (/^(swap|btrfs|f2fs|ntfs|xfs)$/.test(type)) return { kind: type as ContentKind, type };
  return type === '' ? { kind: 'none', type: 'nothing' } : { kind: 'other', type };
}

/** What is done about a filesystem that cannot be expanded here. */
export type UnknownPolicy = 'ignore' | 'warn' | 'error';

/** Throws ToolError where what a device holds cannot be expanded and `policy` wants that to be an error. */
export async function checkExpandable(handle: Handle, device: string, policy: UnknownPolicy): Promise<void> {
  if (policy !== 'error') return;
  const { kind, type } = await contentOf(handle, device);
  if (kind === 'other') throw new ToolError(notExpanded(type, device));
}

function notExpanded(type: string, device: string): string {
  return `the ${type} filesystem on ${device} is not expanded: nothing is known about resizing this type`;
}

/** Make what a device holds as large as the device. */
export async function expandContent(
  handle: Handle,
  device: string,
  policy: UnknownPolicy,
  warn: (line: string) => void,
): Promise<void> {
  const { kind, type } = await contentOf(handle, device);
  switch (kind) {
    case 'ext':
      // resize2fs wants a filesystem that was checked.
      await handle.e2fsck(device, { forceall: true });
      await handle.resize2fs(device);
      return;
    case 'btrfs':
      await mounted(handle, device, () => handle.btrfsFilesystemResize('/'));
      return;
    case 'f2fs':
      await handle.f2fsExpand(device);
      return;
    case 'ntfs':
      // The bootloader's geometry may be another one, which ntfsresize only goes on over with force.
      await handle.ntfsresize(device, { force: true });
      return;
    case 'xfs':
      await mounted(handle, device, () => handle.xfsGrowfs('/', { datasec: true }));
      return;
    case 'pv':
      await handle.pvresize(device);
      return;
    case 'swap': {
      const [label, uuid] = [await handle.vfsLabel(device), await handle.vfsUuid(device)];
      await handle.mkswap(device, { uuid, ...(label === '' ? {} : { label }) });
      return;
    }
    case 'none':
      return;
    case 'other': {
      const words = notExpanded(type, device);
      if (policy === 'error') throw new ToolError(words);
      if (policy === 'warn') warn(words);
    }
  }
}

/** Some filesystems grow only while they are mounted. */
async function mounted(handle: Handle, device: string, grow: () => Promise<void>): Promise<void> {
  await handle.mount(device, '/');
  try {
    await grow();
  } finally {
    await handle.umountAll();
  }
}

/**
 * Make what a device holds fit into `size` bytes; the device is in an overlay, the image itself stays. Throws ToolError
 * where it cannot be made so small.
 */
export async function shrinkContent(handle: Handle, device: string, size: number): Promise<void> {
  const { kind, type } = await contentOf(handle, device);
  try {
    switch (kind) {
      case 'ext':
        await handle.e2fsck(device, { forceall: true });
        await handle.resize2fsSize(device, size);
        return;
      case 'pv':
        await handle.pvresizeSize(device, size);
        return;
      case 'swap':
      case 'none':
        return;
      default:
        throw new ToolError(
          `${device} holds ${type}, which cannot be shrunk here; --resize-force cuts it off`,
        );
    }
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
    throw new ToolError(`${device} cannot be shrunk to ${humanSize(size)}: ${error.message}`);
  }
}
