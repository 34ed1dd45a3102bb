/** Which kernel of the host the appliance boots. */
import { accessSync, closeSync, constants, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { GuestfsError } from '../../../errors/index.ts';

/** A kernel with its modules. */
export interface KernelChoice {
  /** The kernel's file. */
  path: string;
  /** Version, as in `6.1.0-56-amd64`. */
  version: string;
  /** Folder with its modules. */
  modules: string;
}

/** Where the host keeps kernels. */
export interface KernelPlaces {
  boot: string;
  modules: readonly string[];
}

const HOST: KernelPlaces = { boot: '/boot', modules: ['/lib/modules', '/usr/lib/modules'] };
const NAMES = ['vmlinuz-', 'vmlinux-', 'Image-', 'kernel-'];
/** Kernels that are for one cloud only lack drivers of ours; those for debugging are slow. */
const AVOIDED = /debug|rescue|-rt-|\bdbg\b/;
/** The text by which a bzImage tells its version: a 16-bit place at this offset, counted from 512. */
const VERSION_PLACE = 0x20e;
const VERSION_BASE = 0x200;

/**
 * The newest kernel that can be read and has modules, or the one whose file is stated. Throws ENOENT saying what was
 * looked at, EACCES where kernels are there that only root can read.
 */
export function chooseKernel(stated?: string, places: KernelPlaces = HOST): KernelChoice {
  const folders = places.modules.filter((folder) => existsSync(folder));
  if (stated !== undefined) return statedKernel(stated, folders);
  const unreadable: string[] = [];
  const found = new Map<string, KernelChoice>();
  for (const folder of folders) {
    for (const version of readdirSync(folder)) {
      const modules = join(folder, version);
      if (found.has(version) || !existsSync(join(modules, 'modules.dep'))) continue;
      const candidates = [
        ...NAMES.map((name) => join(places.boot, name + version)),
        join(modules, 'vmlinuz'),
      ];
      const path = candidates.find((candidate) => {
        if (!existsSync(candidate)) return false;
        if (isReadable(candidate)) return true;
        unreadable.push(candidate);
        return false;
      });
      if (path !== undefined) found.set(version, { path, version, modules });
    }
  }
  const [best] = [...found.values()].toSorted((a, b) => rank(b.version) - rank(a.version) || byVersion(b, a));
  if (best !== undefined) return best;
  if (unreadable.length > 0) {
    throw new GuestfsError(
      'EACCES',
      `${unreadable[0]}: only root can read the kernel; make it readable (chmod 0644), or give another one with --kernel`,
      { path: unreadable[0] as string },
    );
  }
  throw new GuestfsError(
    'ENOENT',
    `there is no kernel with modules in ${places.boot} and ${places.modules.join(', ')}; install one (Debian: linux-image-amd64), or give one with --kernel`,
  );
}

function rank(version: string): number {
  return AVOIDED.test(version) ? 0 : 1;
}

function byVersion(a: KernelChoice, b: KernelChoice): number {
  return a.version.localeCompare(b.version, 'en', { numeric: true });
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function statedKernel(path: string, folders: readonly string[]): KernelChoice {
  const versions = [kernelVersion(path), /(?:vmlinu[xz]|kernel|Image)-(.+)$/.exec(path)?.[1]];
  for (const version of versions) {
    if (version === undefined) continue;
    const folder = folders.find((place) => existsSync(join(place, version, 'modules.dep')));
    if (folder !== undefined) return { path, version, modules: join(folder, version) };
  }
  throw new GuestfsError(
    'ENOENT',
    `${path}: its modules (version ${versions.find((version) => version !== undefined) ?? 'unknown'}) are not in ${folders.join(', ') || 'any folder of modules'}`,
    { path },
  );
}

/** Version that a bzImage tells, or undefined. Throws where the file cannot be read. */
export function kernelVersion(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code === 'EACCES' ? 'EACCES' : 'ENOENT';
    throw new GuestfsError(code, `${path}: cannot read the kernel: ${(error as Error).message}`, { path });
  }
  try {
    const bytes = Buffer.alloc(0x10000);
    const length = readSync(fd, bytes, 0, bytes.length, 0);
    if (bytes.toString('latin1', 0x202, 0x206) !== 'HdrS') return undefined;
    const place = new DataView(bytes.buffer, bytes.byteOffset).getUint16(VERSION_PLACE, true) + VERSION_BASE;
    if (place >= length) return undefined;
    return /^[\w.+~-]+/.exec(bytes.toString('latin1', place, place + 128))?.[0];
  } finally {
    closeSync(fd);
  }
}
