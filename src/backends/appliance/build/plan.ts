/** Decides what goes into an appliance, before anything is written. */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { packageVersion } from '../../../actions/version.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { Collector, type MissingTools, requireProgram } from './collect.ts';
import { DAEMON_FILE, DAEMON_START, START_FILE } from './daemon-start.ts';
import { FileSet } from './file-set.ts';
import { chooseKernel, type KernelChoice } from './kernel-choice.ts';
import { LibraryFinder } from './libraries.ts';
import { ModuleIndex, unsignedLength } from './modules.ts';
import { INITRD_LOADER, INITRD_LOADER_OPTIONS, INITRD_MOUNTS, LVM_CONFIG, ROOT_SCRIPT } from './scripts.ts';
import { STARTING, TOOL_GROUPS } from './tool-groups.ts';

/** What an appliance is made of. */
export interface AppliancePlan {
  kernel: KernelChoice;
  /** Files of the initrd, save its /init, which knows the root. */
  initrd: FileSet;
  root: FileSet;
  /** The daemon, a file of the host that is in the root. */
  daemon: string;
  /** Modules that the initrd loads, in order. */
  modules: string[];
  /** What the host lacks, by group. */
  missing: MissingTools[];
  /** Libraries that programs want and that are nowhere. */
  missingLibraries: string[];
  /** Drivers that the kernel has not got and the machine can do without. */
  missingModules: string[];
  /** SHA-256 of everything that decides what the appliance is, in hexadecimal. */
  key: string;
}

/** What an appliance is made from. */
export interface BuildInputs {
  /** Kernel file; the newest of the host by default. */
  kernel?: string;
  /** The daemon: a file that Node can run. */
  daemon: string;
}

/** Programs of the initrd. */
const INITRD_PROGRAMS = ['sh', 'mount', 'switch_root', 'od', 'sleep'];
/** Drivers of the machine and of its root, in the order in which they depend on each other. */
const NEEDED_MODULES = ['virtio_pci', 'virtio_scsi', 'sd_mod', 'ext4', 'virtio_console'];
const MORE_MODULES = ['virtio_mmio', 'crc32c_generic'];
/** A driver that is loaded where there is a device for it. */
const MAYBE_MODULES = ['virtio_blk'];
/** What modprobe(8) reads, of kmod and of busybox. */
const MODULE_TABLES = /^modules\.(dep|alias|builtin|softdep|devname|order|builtin\.modinfo|symbols)(\.bin)?$/;
/** The modules of the root: filesystems, volumes, encryption, character sets, and the network of the machine. */
const ROOT_MODULES =
  /^kernel\/(fs\/(?!(ceph|ocfs2|nfsd|gfs2|dlm|coda|afs|orangefs|smb|lockd|nfs|nfs_common|cachefiles|fscache|netfs|vboxsf|pstore|ecryptfs))|lib\/|crypto\/|arch\/[^/]+\/crypto\/|drivers\/(md|virtio|block|nvme\/host|nvdimm|cdrom)\/|drivers\/net\/(virtio_net|net_failover|tun|dummy|loopback)|net\/core\/failover|net\/packet\/|net\/9p\/9pnet_virtio|drivers\/scsi\/(virtio_scsi|sd_mod|sr_mod|sg|scsi_mod|scsi_common|scsi_debug|scsi_transport_spi)|drivers\/char\/(virtio_console|hw_random\/virtio)|drivers\/char\/hw_random\/rng-core|security\/|drivers\/usb\/storage)/;
/** Folder of the daemon. */
export const DAEMON_HOME = '/usr/lib/guestfs';

/** Work out an appliance. Throws ENOENT or EACCES where the host lacks what none can do without. */
export function planAppliance(inputs: BuildInputs): AppliancePlan {
  if (!existsSync(inputs.daemon)) {
    throw new GuestfsError('ENOENT', `${inputs.daemon}: the daemon of the appliance is not there`, {
      path: inputs.daemon,
    });
  }
  const kernel = chooseKernel(inputs.kernel);
  const index = new ModuleIndex(kernel.modules);
  const lacking = NEEDED_MODULES.filter((name) => !index.has(name) && !index.isBuiltin(name));
  if (lacking.length > 0) {
    throw new GuestfsError(
      'ENOENT',
      `the kernel ${kernel.version} has no module ${lacking.join(', ')}, which the appliance needs`,
    );
  }
  const libraries = new LibraryFinder();
  const modules = [...NEEDED_MODULES, ...MORE_MODULES].filter((name) => index.has(name));
  const initrd = planInitrd(libraries, index, modules);
  const { files: root, missing, missingLibraries } = planRoot(libraries, index, inputs.daemon);
  const missingModules = MORE_MODULES.filter((name) => !index.has(name) && !index.isBuiltin(name));
  const { daemon } = inputs;
  const plan = { kernel, initrd, root, daemon, modules, missing, missingLibraries, missingModules };
  return { ...plan, key: keyOf(plan) };
}

function planInitrd(libraries: LibraryFinder, index: ModuleIndex, modules: readonly string[]): FileSet {
  const files = new FileSet();
  for (const folder of ['/proc', '/sys', '/dev', '/run', '/root', '/etc', '/tmp']) files.directory(folder);
  const collector = new Collector(files, libraries);
  for (const name of INITRD_PROGRAMS) requireProgram(collector, name);
  addShell(collector);
  requireProgram(collector, 'modprobe', INITRD_LOADER);
  files.content('/etc/modprobe.d/guestfs.conf', INITRD_LOADER_OPTIONS);
  files.content('/etc/fstab', INITRD_MOUNTS);
  addModules(
    collector,
    index,
    index.closure([...modules, ...MAYBE_MODULES], { soft: false }),
    /^modules\.(dep|builtin|softdep)(\.bin)?$/,
  );
  return files;
}

function planRoot(
  libraries: LibraryFinder,
  index: ModuleIndex,
  daemon: string,
): { files: FileSet; missing: MissingTools[]; missingLibraries: string[] } {
  const files = new FileSet();
  for (const folder of ['/proc', '/sys', '/dev', '/run', '/root', '/etc/lvm', '/var', '/var/lib', '/mnt'])
    files.directory(folder);
  const collector = new Collector(files, libraries);
  for (const name of STARTING.programs) if (name !== 'switch_root') requireProgram(collector, name);
  addShell(collector);
  // The kernel asks for it there.
  if (existsSync('/sbin/modprobe')) collector.program('/sbin/modprobe');
  const missing: MissingTools[] = [];
  for (const group of TOOL_GROUPS) {
    const programs = collector.group(group);
    if (programs.length > 0) missing.push({ group: group.name, programs });
  }
  addCodePage(files);
  collector.program(realpathSync(process.execPath), '/usr/bin/node');
  files.file(join(DAEMON_HOME, DAEMON_FILE), daemon);
  files.content(join(DAEMON_HOME, START_FILE), DAEMON_START);
  addKoffi(collector, daemon);
  if (existsSync('/etc/ld.so.cache')) files.file('/etc/ld.so.cache', '/etc/ld.so.cache');
  addModules(collector, index, index.closure(index.matching(ROOT_MODULES)), MODULE_TABLES);
  for (const [path, target] of [
    ['/tmp', 'run/tmp'],
    ['/var/tmp', '../run/tmp'],
    ['/var/run', '../run'],
    ['/var/lock', '../run/lock'],
    ['/sysroot', 'run/sysroot'],
    ['/etc/mtab', '../proc/self/mounts'],
    ['/etc/resolv.conf', '../run/resolv.conf'],
    // Where btrfs(8) notes how far a scrub has come.
    ['/var/lib/btrfs', '../../run'],
  ] as const) {
    files.link(path, target);
  }
  files.content('/init', ROOT_SCRIPT, 0o755);
  files.content('/etc/lvm/lvm.conf', LVM_CONFIG);
  files.content('/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n');
  files.content('/etc/group', 'root:x:0:\ntty:x:5:\ndisk:x:6:\nnogroup:x:65534:\n');
  files.content('/etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\n');
  files.content('/etc/hosts', '127.0.0.1 localhost\n::1 localhost\n');
  return { files, missing, missingLibraries: collector.missingLibraries };
}

/** Scripts name /bin/sh. */
function addShell(collector: Collector): void {
  if (existsSync('/bin/sh')) collector.program('/bin/sh');
}

/** syslinux writes to FAT through mtools, whose names are in code page 850: a module of the C library knows that. */
function addCodePage(files: FileSet): void {
  const names = ['gconv-modules', 'gconv-modules.d/gconv-modules-extra.conf', 'IBM850.so'];
  for (const folder of ['/usr/lib/x86_64-linux-gnu/gconv', '/usr/lib64/gconv']) {
    for (const name of names) {
      const path = join(folder, name);
      if (existsSync(path)) files.file(path, path);
    }
  }
}

function addModules(
  { files }: Collector,
  index: ModuleIndex,
  paths: readonly string[],
  tables: RegExp,
): void {
  files.host(index.folder);
  const folder = realpathSync(index.folder);
  const named = readdirSync(folder).filter((name) => tables.test(name));
  for (const name of named) files.file(join(folder, name), join(folder, name));
  for (const module of paths)
    files.file(join(folder, module), join(folder, module), unsignedLength(join(folder, module)));
}

/** System calls that Node has not got come from koffi, where it is installed beside the daemon. */
function addKoffi(collector: Collector, daemon: string): void {
  const require = createRequire(daemon);
  const packages = ['koffi', `@koromix/koffi-${process.platform}-${process.arch}`];
  for (const name of packages) {
    let folder: string;
    try {
      folder = packageFolder(require.resolve(name), name);
    } catch {
      collector.missingLibraries.push(
        `${name}, an optional package: without it the daemon is several times slower`,
      );
      return;
    }
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (!/\.(c?js|node)$|package\.json$/.test(file) || /^(doc|vendor)\//.test(file)) continue;
      const path = join(folder, file);
      collector.files.file(join(DAEMON_HOME, 'node_modules', name, file), path);
      if (file.endsWith('.node')) collector.optionalLibrariesOf(path);
    }
  }
}

function packageFolder(main: string, name: string): string {
  const mark = `/node_modules/${name}/`;
  const at = main.lastIndexOf(mark);
  if (at < 0) throw new GuestfsError('ENOENT', `${main}: is not in a folder of ${name}`);
  return main.slice(0, at + mark.length - 1);
}

function keyOf(plan: Omit<AppliancePlan, 'key'>): string {
  const hash = createHash('sha256');
  hash.update(`${packageVersion}\0${process.version}\0${process.arch}\0`);
  const { mtimeMs, size } = statSync(plan.kernel.path);
  hash.update(JSON.stringify([plan.kernel, mtimeMs, size, plan.modules]));
  for (const files of [plan.initrd, plan.root]) {
    for (const [path, entry] of files.entries()) {
      if (entry.kind === 'content') hash.update(`${path}\0${entry.mode}\0`).update(entry.bytes);
      else hash.update(JSON.stringify([path, entry]));
    }
  }
  return hash.digest('hex');
}
