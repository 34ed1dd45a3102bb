import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/** The real Debian guest that tests and benchmarks read, or why there is none. */
export type DebianGuest =
  | {
      /** qcow2 image. */
      image: string;
      /** The tree that went in, as tar. */
      tar: string;
      /** Stock virt-inspector's answer about the image. */
      inspectorXml: string;
    }
  | { reason: string };

const NEEDED = ['mmdebstrap', 'guestfish', 'virt-inspector', 'qemu-img', 'setfattr', 'setfacl'];

/**
 * The guest that make-debian.sh builds, built now if it is not there: that takes some minutes once. Kept in
 * `.cache/` of the checkout; `GUESTFS_TEST_GUEST=none` says that there shall be none.
 */
export function debianGuest(): DebianGuest {
  if (process.env['GUESTFS_TEST_GUEST'] === 'none') return { reason: 'GUESTFS_TEST_GUEST is none' };
  const folder = join(import.meta.dirname, '..', '..', '.cache', 'guest');
  const image = join(folder, 'debian.qcow2');
  const guest = { image, tar: `${image}.tar`, inspectorXml: `${image}.inspect.xml` };
  if (existsSync(image) && existsSync(guest.inspectorXml)) return guest;
  if (process.getuid?.() !== 0) return { reason: 'building the Debian guest needs root' };
  for (const tool of NEEDED) {
    if (spawnSync('which', [tool]).status !== 0) return { reason: `building the Debian guest needs ${tool}` };
  }
  mkdirSync(folder, { recursive: true });
  const building = join(folder, 'building.qcow2');
  execFileSync('bash', [join(import.meta.dirname, 'make-debian.sh'), building], { stdio: ['ignore', 2, 2] });
  for (const suffix of ['.tar', '.inspect.xml', '']) renameSync(`${building}${suffix}`, `${image}${suffix}`);
  return guest;
}
