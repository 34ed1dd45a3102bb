import type { Backend } from '../backend.ts';
import { run } from './restore.ts';

/** Actions that list what may lie on arrays and in subvolumes, which the engine does not look into. */
const LISTINGS = new Set(['list_filesystems', 'list_md_devices']);

/**
 * Why the engine's answer to a listing lacks something that a kernel would find; undefined where it does not. Types that the
 * answer gives are not looked for again.
 */
export async function hiddenFrom(
  engine: Pick<Backend, 'call'>,
  action: string,
  result: unknown,
): Promise<string | undefined> {
  if (!LISTINGS.has(action)) return undefined;
  const known = action === 'list_filesystems' ? (result as Record<string, string>) : {};
  const btrfs = Object.keys(known).find((device) => known[device] === 'btrfs');
  if (btrfs !== undefined) return `${btrfs} holds btrfs, whose subvolumes the engine cannot list`;
  const lists = [
    await run(engine, 'list_devices', []),
    await run(engine, 'list_partitions', []),
  ] as string[][];
  for (const device of lists.flat()) {
    if (Object.hasOwn(known, device)) continue;
    const type = await run(engine, 'vfs_type', [device]).catch(() => '');
    if (type === 'linux_raid_member')
      return `${device} is part of an array, which the engine cannot assemble`;
  }
  return undefined;
}
