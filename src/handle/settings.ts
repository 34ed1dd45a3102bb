import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { MachineSettings } from '../backends/appliance/launch/settings.ts';
import { hostError } from '../backends/io/host-error.ts';
import { parseBackend } from '../backends/names.ts';
import { GuestfsError } from '../errors/index.ts';

/** Least memory of an appliance in MiB, as libguestfs has it. */
const MIN_MEMSIZE = 256;
const DEFAULT_MEMSIZE = 1280;
const MAX_SMP = 255;
const DEFAULT_PATH = '/usr/lib/guestfs';

/** Options of qemu without which, or with others of which, the machine cannot be reached. `set_append` is there for words of the kernel. */
const OWN_PARAMETERS = [
  'append',
  'daemonize',
  'display',
  'full-screen',
  'incoming',
  'initrd',
  'kernel',
  'nographic',
  'serial',
  'std-vga',
  'vnc',
];

const MACHINES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64', ia32: 'i386' };

/** The settings of a handle, with libguestfs's defaults and limits. Those about qemu matter to the appliance only. */
export class Settings {
  hv = `/usr/bin/qemu-system-${MACHINES[process.arch] ?? process.arch}`;
  path = DEFAULT_PATH;
  append: string | null = null;
  autosync = true;
  verbose = false;
  trace = false;
  memsize = DEFAULT_MEMSIZE;
  smp = 1;
  recoveryProc = true;
  network = false;
  backend = 'engine';
  pgroup = false;
  selinux = false;
  direct = false;
  program = basename(process.argv[1] ?? 'node').replace(/\.[cm]?[jt]s$/, '');
  identifier = '';
  backendSettings: string[] = [];
  /** Parameters for qemu that `config` gave. */
  hvParameters: { name: string; value: string | null }[] = [];
  #tmpdir: string | undefined;
  #cachedir: string | undefined;
  #environmentTmpdir: string | undefined;

  /** What a machine is launched with. */
  machine(): MachineSettings {
    const { hv, memsize, smp, append, network, selinux, identifier, recoveryProc, path } = this;
    const { tmpdir, cachedir, sockdir, hvParameters: parameters, backendSettings } = this;
    const plain = { hv, memsize, smp, append, network, selinux, identifier, recoveryProc, path };
    return { ...plain, tmpdir, cachedir, sockdir, parameters, backendSettings };
  }

  setMemsize(megabytes: number): void {
    if (megabytes < MIN_MEMSIZE) {
      throw new GuestfsError('EINVAL', `memory size is ${megabytes} MiB, it must be at least ${MIN_MEMSIZE}`);
    }
    this.memsize = megabytes;
  }

  setSmp(count: number): void {
    if (count < 1 || count > MAX_SMP) {
      throw new GuestfsError('EINVAL', `number of virtual CPUs is ${count}, it must be 1 to ${MAX_SMP}`);
    }
    this.smp = count;
  }

  setBackend(name: string): void {
    parseBackend(name);
    this.backend = name;
  }

  /** True if the backend runs a machine, or can, which reaches disks of other hosts. */
  get hasMachine(): boolean {
    const { kind } = parseBackend(this.backend);
    return kind === 'appliance' || kind === 'auto';
  }

  /** Throws EINVAL for a name that could not be a word of a kernel's command line, or part of a host's name. */
  setIdentifier(identifier: string): void {
    if (!/^[\w-]*$/.test(identifier)) {
      throw new GuestfsError('EINVAL', `identifier is '${identifier}', expected letters, digits, _ and -`);
    }
    this.identifier = identifier;
  }

  /** Throws EINVAL for what is no option, and for those that a launch gives itself. */
  addHvParameter(name: string, value: string | null): void {
    if (!/^--?[^-]/.test(name)) {
      throw new GuestfsError('EINVAL', `'${name}' is no option of the hypervisor: expected - and a name`);
    }
    if (OWN_PARAMETERS.includes(name.replace(/^--?/, ''))) {
      throw new GuestfsError('EINVAL', `${name}: is not allowed, because the launch needs it for itself`);
    }
    this.hvParameters.push({ name, value });
  }

  setPath(path: string | null): void {
    this.path = path ?? DEFAULT_PATH;
  }

  /** Folder for temporary files; null goes back to TMPDIR or /tmp. */
  setTmpdir(path: string | null): void {
    this.#tmpdir = path === null ? undefined : folder(path);
  }

  get tmpdir(): string {
    return this.#tmpdir ?? this.#environmentTmpdir ?? '/tmp';
  }

  /** Folder for what is kept between runs; null goes back to TMPDIR or /var/tmp. */
  setCachedir(path: string | null): void {
    this.#cachedir = path === null ? undefined : folder(path);
  }

  get cachedir(): string {
    return this.#cachedir ?? this.#environmentTmpdir ?? '/var/tmp';
  }

  /** Folder for sockets: the user's run-time folder if there is one. */
  get sockdir(): string {
    const runtime = process.env['XDG_RUNTIME_DIR'];
    if (runtime !== undefined && runtime !== '') {
      try {
        accessSync(runtime, constants.W_OK);
        if (statSync(runtime).isDirectory()) return runtime;
      } catch {
        // Not usable: the other place is.
      }
    }
    return '/tmp';
  }

  /** A backend setting's value, `1` for one without a value. Throws ESRCH where it is not set. */
  backendSetting(name: string): string {
    for (const setting of this.backendSettings) {
      if (setting === name) return '1';
      if (setting.startsWith(`${name}=`)) return setting.slice(name.length + 1);
    }
    throw new GuestfsError('ESRCH', `the backend setting ${name} is not set`);
  }

  /** Remove a backend setting; returns how many there were. */
  clearBackendSetting(name: string): number {
    const kept = this.backendSettings.filter((s) => s !== name && !s.startsWith(`${name}=`));
    const removed = this.backendSettings.length - kept.length;
    this.backendSettings = kept;
    return removed;
  }

  setBackendSetting(name: string, value: string): void {
    this.clearBackendSetting(name);
    this.backendSettings.push(`${name}=${value}`);
  }

  /**
   * Take what `LIBGUESTFS_*` and `TMPDIR` of an environment say; variables that are not there, and empty ones,
   * change nothing. Throws EINVAL for a value that makes no sense.
   */
  parseEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
    const get = (name: string): string | undefined => environment[name] || undefined;
    const trace = get('LIBGUESTFS_TRACE');
    if (trace !== undefined) this.trace = truth('LIBGUESTFS_TRACE', trace);
    const debug = get('LIBGUESTFS_DEBUG');
    if (debug !== undefined) this.verbose = truth('LIBGUESTFS_DEBUG', debug);
    const tmpdir = get('LIBGUESTFS_TMPDIR');
    if (tmpdir !== undefined) this.setTmpdir(tmpdir);
    const cachedir = get('LIBGUESTFS_CACHEDIR');
    if (cachedir !== undefined) this.setCachedir(cachedir);
    this.#environmentTmpdir = get('TMPDIR') ?? this.#environmentTmpdir;
    this.path = get('LIBGUESTFS_PATH') ?? this.path;
    this.hv = get('LIBGUESTFS_HV') ?? get('LIBGUESTFS_QEMU') ?? this.hv;
    this.append = get('LIBGUESTFS_APPEND') ?? this.append;
    const memsize = get('LIBGUESTFS_MEMSIZE');
    if (memsize !== undefined) {
      if (!/^\s*[+-]?\d{1,9}$/.test(memsize)) {
        throw new GuestfsError('EINVAL', `LIBGUESTFS_MEMSIZE=${memsize}: not a number`);
      }
      this.setMemsize(Number(memsize));
    }
    const backend = get('LIBGUESTFS_BACKEND') ?? get('LIBGUESTFS_ATTACH_METHOD');
    if (backend !== undefined) this.setBackend(backend);
    const settings = get('LIBGUESTFS_BACKEND_SETTINGS');
    if (settings !== undefined) this.backendSettings = settings.split(':').filter((item) => item !== '');
  }
}

/** Absolute path of a folder without links in it. Throws as realpath(3). */
function folder(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw hostError(error, 'cannot be used as a folder', path);
  }
}

function truth(name: string, value: string): boolean {
  const word = value.toLowerCase();
  if (['1', 'true', 't', 'yes', 'y', 'on'].includes(word)) return true;
  if (['0', 'false', 'f', 'no', 'n', 'off'].includes(word)) return false;
  throw new GuestfsError('EINVAL', `${name}=${value}: expected 1 or 0`);
}

/** `NAME=value` strings as an environment; a string without `=` is left out. */
export function environmentOf(list: readonly string[]): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const item of list) {
    const at = item.indexOf('=');
    if (at > 0) environment[item.slice(0, at)] = item.slice(at + 1);
  }
  return environment;
}
