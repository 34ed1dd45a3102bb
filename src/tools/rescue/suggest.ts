import { GuestfsError } from '../../errors/index.ts';
import type { Handle } from '../common/handle.ts';

/** A word for a shell. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** The commands that mount what `mountable` is on a directory of the rescue shell. */
function mountCommand(mountable: string, place: string, options: string): string {
  const volume = /^btrfsvol:(\/dev\/(?:sd[a-z]+\d*|[^/]+\/[^/]+))\/(.+)$/.exec(mountable);
  const device = volume?.[1] ?? mountable;
  const words = [options, volume?.[2] === undefined ? '' : `subvol=${volume[2]}`].filter(Boolean);
  const option = words.length === 0 ? '' : `-o ${quoted(words.join(','))} `;
  return `mount ${option}${quoted(device)} ${quoted(place)}`;
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
  const lines = found.map(([device, type]) =>
    type === 'swap' || type === 'unknown' || type.startsWith('crypto')
      ? `# ${device} has the content ${type}`
      : `${mountCommand(device, '/sysroot', '')}  # ${type}`,
  );
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
  const lines = places
    .toSorted(([a], [b]) => a.length - b.length)
    .map(([place, device]) => mountCommand(device, `/sysroot${place === '/' ? '' : place}`, ''));
  if ((await handle.inspectGetType(root)) === 'linux') {
    for (const place of ['dev', 'proc', 'sys']) lines.push(`mount --rbind /${place} /sysroot/${place}`);
    lines.push('chroot /sysroot');
  }
  return `${await describeSystem(handle, root)}${lines.join('\n')}\n`;
}
