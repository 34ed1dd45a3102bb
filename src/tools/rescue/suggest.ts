import { shellWord } from '../../bytes/shell-word.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { Handle } from '../common/handle.ts';

/** The command that mounts what `mountable` is on a directory of the rescue shell. */
async function mountCommand(handle: Handle, mountable: string, place: string): Promise<string> {
  const words = ['mount'];
  if (mountable.startsWith('btrfsvol:'))
    words.push('-o', `subvol=${await handle.mountableSubvolume(mountable)}`);
  words.push(await handle.mountableDevice(mountable), place);
  return words.map(shellWord).join(' ');
}

/** What virt-rescue --suggest prints: how to mount what is on the disks of a launched handle. */
export async function suggestions(handle: Handle): Promise<string> {
  const roots = await handle.inspectOs();
  if (roots.length > 0) {
    const parts: string[] = [];
    for (const root of roots) parts.push(await systemCommands(handle, root));
    const head = 'Commands for the prompt of virt-rescue that mount the operating system of these disks';
    return `${head}${roots.length > 1 ? ' (choose one)' : ''}:\n\n${parts.join('\n')}`;
  }
  const found = Object.entries(await handle.listFilesystems());
  if (found.length === 0) return 'There is no filesystem on these disks.\n';
  const lines: string[] = [];
  for (const [device, type] of found) {
    const isMountable = type !== 'swap' && type !== 'unknown';
    const command = isMountable ? await mountCommand(handle, device, '/sysroot') : '';
    lines.push(isMountable ? `${command}  # ${type}` : `# ${device} has the content ${type}`);
  }
  return `There is no operating system on these disks. Commands for the prompt of virt-rescue, one of which mounts what you want:\n\n${lines.join('\n')}\n`;
}

/** What inspection found about a system, as comments of a shell. */
export async function describeSystem(handle: Handle, root: string): Promise<string> {
  const type = await handle.inspectGetType(root);
  const lines = [`# ${root} is the root of a system of the type ${type}`];
  try {
    lines.push(`# ${await handle.inspectGetProductName(root)}`);
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
  }
  return `${lines.join('\n')}\n`;
}

async function systemCommands(handle: Handle, root: string): Promise<string> {
  const places = Object.entries(await handle.inspectGetMountpoints(root));
  const lines: string[] = [];
  for (const [place, device] of places.toSorted(([a], [b]) => a.length - b.length)) {
    lines.push(await mountCommand(handle, device, `/sysroot${place === '/' ? '' : place}`));
  }
  if ((await handle.inspectGetType(root)) === 'linux') {
    for (const place of ['dev', 'proc', 'sys']) lines.push(`mount --rbind /${place} /sysroot/${place}`);
    lines.push('chroot /sysroot');
  }
  return `${await describeSystem(handle, root)}${lines.join('\n')}\n`;
}
