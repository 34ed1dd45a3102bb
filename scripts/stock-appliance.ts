import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const MAKERS = ['/usr/sbin/libguestfs-make-fixed-appliance', '/usr/bin/libguestfs-make-fixed-appliance'];

/** The fixed appliance of the installed libguestfs, made once, in .cache; undefined where libguestfs is not installed. */
export function stockAppliance(): string | undefined {
  const maker = MAKERS.find((path) => existsSync(path));
  if (maker === undefined) return undefined;
  const folder = join(import.meta.dirname, '..', '.cache', 'stock-appliance');
  if (existsSync(join(folder, 'README.fixed'))) return folder;
  mkdirSync(folder, { recursive: true });
  const { status } = spawnSync(maker, [folder], {
    stdio: 'inherit',
    env: { ...process.env, LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' },
  });
  if (status !== 0) throw new Error(`${maker} ended with status ${status}`);
  return folder;
}
