/** Finds the appliance to boot: a folder of the user's, or the one in the cache, which is built when it is missing. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageVersion } from '../../../actions/version.ts';
import {
  applianceCache,
  CURRENT,
  folderOf,
  KEPT_DAYS,
  keepValue,
  madeOnce,
  MARK,
  noteUse,
  tidyCache,
} from './cache.ts';
import type { FileSet } from './file-set.ts';
import { chooseKernel } from './kernel-choice.ts';
import type { AppliancePlan, BuildInputs } from './plan.ts';

const PARTS = [MARK, 'kernel', 'initrd', 'root'];
/** Folders whose change may mean that a program came or went. */
const WATCHED = [
  '/usr/bin',
  '/usr/sbin',
  '/bin',
  '/sbin',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/etc/ld.so.cache',
];

/** The daemon that belongs to this package, or undefined in a tree that was not built. */
export function daemonBundle(): string | undefined {
  const places = ['./guestfsd.cjs', '../../../bin/guestfsd.cjs', '../../../../dist/bin/guestfsd.cjs'];
  return places
    .map((place) => fileURLToPath(new URL(place, import.meta.url)))
    .find((path) => existsSync(path));
}

/** The first folder of a `:`-separated list that holds a whole fixed appliance, or undefined. */
export function fixedAppliance(path: string): string | undefined {
  return path
    .split(':')
    .find((folder) => folder !== '' && PARTS.every((part) => existsSync(join(folder, part))));
}

/** What the cache remembers of its appliance: enough to tell in milliseconds that it still fits. */
interface Current {
  folder: string;
  version: string;
  node: string;
  inputs: BuildInputs;
  kernel: string;
  /** Path, bytes, and milliseconds of the last change. */
  sources: [path: string, size: number, mtime: number][];
}

/**
 * Folder of the appliance made from this host, built if it is not there or does not fit. One process builds, others
 * wait. Throws as planAppliance, and what writing throws.
 */
export async function cachedAppliance(
  cachedir: string,
  inputs: BuildInputs,
  log: (message: string) => void = () => {},
): Promise<string> {
  const cache = applianceCache(cachedir);
  const current = readCurrent(cache);
  if (current !== undefined && fits(current, inputs)) {
    noteUse(current.folder);
    return current.folder;
  }
  // Most launches build nothing, and begin sooner without loading what builds.
  const [{ planAppliance }, { writeAppliance }] = await Promise.all([
    import('./plan.ts'),
    import('./build.ts'),
  ]);
  const plan = planAppliance(inputs);
  const folder = folderOf(cache, plan.key);
  await madeOnce(cache, folder, (unfinished) => {
    log(`building the appliance from kernel ${plan.kernel.version} and ${plan.root.entries().length} files`);
    const { took } = writeAppliance(unfinished, plan);
    log(`the appliance was built in ${(took / 1000).toFixed(1)} s`);
  });
  noteUse(folder);
  writeCurrent(cache, folder, inputs, plan);
  tidyCache(cache, folder, KEPT_DAYS);
  return folder;
}

function readCurrent(cache: string): Current | undefined {
  try {
    return JSON.parse(readFileSync(join(cache, CURRENT), 'utf8')) as Current;
  } catch {
    // Not there, or cut short: found out anew.
    return undefined;
  }
}

function fits({ folder, version, node, inputs, kernel, sources }: Current, wanted: BuildInputs): boolean {
  if (version !== packageVersion || node !== process.execPath || inputs.daemon !== wanted.daemon)
    return false;
  if (inputs.kernel !== wanted.kernel || fixedAppliance(folder) === undefined) return false;
  try {
    if (chooseKernel(wanted.kernel).path !== kernel) return false;
    return sources.every(([path, size, mtime]) => {
      const stat = statSync(path);
      return stat.mtimeMs === mtime && (stat.isDirectory() || stat.size === size);
    });
  } catch {
    return false;
  }
}

function writeCurrent(cache: string, folder: string, inputs: BuildInputs, plan: AppliancePlan): void {
  const sources: Current['sources'] = [];
  const add = (path: string): void => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat !== undefined) sources.push([path, stat.size, stat.mtimeMs]);
  };
  for (const path of WATCHED) add(path);
  add(plan.kernel.path);
  for (const path of sourcesOf(plan.initrd, plan.root)) add(path);
  const current: Current = {
    folder,
    version: packageVersion,
    node: process.execPath,
    inputs,
    kernel: plan.kernel.path,
    sources,
  };
  keepValue(join(cache, CURRENT), current);
}

function sourcesOf(...sets: readonly FileSet[]): Set<string> {
  const paths = new Set<string>();
  for (const files of sets) {
    for (const [, entry] of files.entries()) if (entry.kind === 'file') paths.add(entry.source);
  }
  return paths;
}
