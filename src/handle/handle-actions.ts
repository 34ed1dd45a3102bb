import { API_LEVEL, packageVersion } from '../actions/version.ts';
import { GuestfsError, UnsupportedError } from '../errors/index.ts';
import { parseMountable } from '../daemon/mountable.ts';
import type { HandleCore } from './core.ts';
import { MAX_DRIVES, type AddDriveOptions } from './drives.ts';
import { available, featureAvailable } from './features.ts';
import { canonicalDeviceName, deviceIndex, deviceName } from './device-names.ts';

/** An action that lives in the handle. Arguments are checked. */
export type HandleAction = (
  core: HandleCore,
  args: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
) => unknown;

/** Actions that answer even while a call runs: they ask for the handle's state or stop the call. */
const AT_ONCE: ReadonlySet<string> = new Set([
  'is_ready',
  'is_config',
  'is_launching',
  'is_busy',
  'get_state',
  'user_cancel',
  'c_pointer',
  'version',
  'max_disks',
]);

/** True for an action that does not wait for its turn. */
export function runsAtOnce(name: string): boolean {
  return AT_ONCE.has(name);
}

/** Actions that take their place in the queue even when nothing runs, because they take time. */
const LONG: ReadonlySet<string> = new Set([
  'add_domain',
  'add_libvirt_dom',
  'launch',
  'shutdown',
  'kill_subprocess',
  'available',
  'feature_available',
  'canonical_device_name',
  'disk_format',
  'disk_virtual_size',
  'disk_has_backing_file',
  'disk_create',
  'copy_in',
  'copy_out',
]);

/** True for an action of the handle that may take time. */
export function runsLong(name: string): boolean {
  return LONG.has(name);
}

const STATE_NAMES = ['config', 'launching', 'ready', 'busy'] as const;

function isState(name: (typeof STATE_NAMES)[number]): HandleAction {
  return (core) => STATE_NAMES[core.state] === name;
}

function addDrive(core: HandleCore, action: string, filename: string, options: AddDriveOptions): void {
  core.requireConfig(action);
  core.drives.add(filename, options, core.settings.hasMachine);
}

const refusals = new WeakSet<HandleAction>();

/** An action that always fails with ENOTSUP. */
function refused(message: string): HandleAction {
  const action: HandleAction = () => {
    throw new UnsupportedError(message);
  };
  refusals.add(action);
  return action;
}

function unsupported(what: string): HandleAction {
  return refused(`${what} is not part of this version`);
}

/** True if the handle answers an action with more than ENOTSUP. */
export function handleAnswers(name: string): boolean {
  const action = handleActions[name];
  return action !== undefined && !refusals.has(action);
}

/** Numbers of c_pointer: unlike addresses, but unique in the process and never 0. */
const POINTER_STEP = 0x1000;

/** The actions of the handle by their API names. */
export const handleActions: Readonly<Record<string, HandleAction | undefined>> = {
  // Lifecycle.
  launch: (core) => core.launch(),
  shutdown: (core) => core.shutdown(),
  kill_subprocess: (core) => core.shutdown(),
  is_config: isState('config'),
  is_launching: isState('launching'),
  is_ready: isState('ready'),
  is_busy: isState('busy'),
  get_state: (core) => core.state,
  wait_ready: (core) => void core.requireLaunched('wait_ready'),
  user_cancel: (core) => core.cancel(),
  c_pointer: (core) => core.id * POINTER_STEP,
  parse_environment: (core) => core.settings.parseEnvironment(process.env),
  parse_environment_list: (core, [list]) => core.parseEnvironment(list as string[]),

  // Drives.
  add_drive: (core, [filename], options) => addDrive(core, 'add_drive', filename as string, options),
  add_drive_ro: (core, [filename]) => addDrive(core, 'add_drive_ro', filename as string, { readonly: true }),
  add_cdrom: (core, [filename]) => addDrive(core, 'add_cdrom', filename as string, { readonly: true }),
  add_drive_with_if: (core, [filename, iface]) =>
    addDrive(core, 'add_drive_with_if', filename as string, { iface: iface as string }),
  add_drive_ro_with_if: (core, [filename, iface]) =>
    addDrive(core, 'add_drive_ro_with_if', filename as string, { iface: iface as string, readonly: true }),
  add_drive_scratch(core, [size], options) {
    core.requireConfig('add_drive_scratch');
    core.drives.addScratch(size as number, options);
  },
  remove_drive: refused('drives cannot be removed: make a new handle without the drive'),
  debug_drives: (core) => core.drives.describe(),
  max_disks: () => MAX_DRIVES,
  config: (core, [name, value]) => core.settings.addHvParameter(name as string, value as string | null),

  // Names.
  device_index: (_core, [device]) => deviceIndex(device as string),
  device_name: (core, [index]) => deviceName(index as number, core.drives.length),
  canonical_device_name: (core, [device]) => canonicalDeviceName(core, device as string),
  mountable_device: (_core, [mountable]) => parseMountable(mountable as string).device,
  mountable_subvolume(_core, [mountable]) {
    const { volume } = parseMountable(mountable as string);
    if (volume === undefined) {
      throw new GuestfsError('EINVAL', `${String(mountable)}: names a device, not a btrfs subvolume`, {
        device: mountable as string,
      });
    }
    return volume;
  },

  // Features.
  version: () => ({ ...API_LEVEL, extra: `guestfs-${packageVersion}` }),
  available: (core, [groups]) => available(core, groups as string[]),
  feature_available: (core, [groups]) => featureAvailable(core, groups as string[]),

  // Files of the host.
  disk_format: (core, [filename]) => core.hostCall('disk_format', [filename]),
  disk_virtual_size: (core, [filename]) => core.hostCall('disk_virtual_size', [filename]),
  disk_has_backing_file: (core, [filename]) => core.hostCall('disk_has_backing_file', [filename]),
  disk_create: (core, [filename, format, size], options) =>
    core.hostCall('disk_create', [filename, format, size, options]),
  async copy_out(core, [remotePath, localDirectory], options) {
    const { copyOut } = await import('./copy-out.ts');
    await copyOut(core, remotePath as string, localDirectory as string, options);
  },
  async copy_in(core, [localPath, remoteDirectory]) {
    const { copyIn } = await import('./copy-in.ts');
    await copyIn(core, localPath as string, remoteDirectory as string);
  },
  mount_local: unsupported('mounting a guest on the host'),
  mount_local_run: unsupported('mounting a guest on the host'),
  umount_local: unsupported('mounting a guest on the host'),
  async add_domain(core, [domain], options) {
    const { addDomain } = await import('./add-domain.ts');
    return addDomain(core, domain as string, options);
  },
  async add_libvirt_dom(core, [domain], options) {
    const { addLibvirtDomain } = await import('./add-domain.ts');
    return addLibvirtDomain(core, domain, options);
  },

  // Settings.
  set_hv: (core, [hv]) => void (core.settings.hv = hv as string),
  get_hv: (core) => core.settings.hv,
  set_qemu(core, [hv]) {
    if (hv !== null) core.settings.hv = hv as string;
  },
  get_qemu: (core) => core.settings.hv,
  set_path: (core, [path]) => core.settings.setPath(path as string | null),
  get_path: (core) => core.settings.path,
  set_append: (core, [append]) => void (core.settings.append = append as string | null),
  get_append: (core) => core.settings.append,
  set_autosync: (core, [value]) => void (core.settings.autosync = value as boolean),
  get_autosync: (core) => core.settings.autosync,
  set_verbose: (core, [value]) => void (core.settings.verbose = value as boolean),
  get_verbose: (core) => core.settings.verbose,
  set_trace: (core, [value]) => void (core.settings.trace = value as boolean),
  get_trace: (core) => core.settings.trace,
  set_memsize: (core, [value]) => core.settings.setMemsize(value as number),
  get_memsize: (core) => core.settings.memsize,
  set_smp: (core, [value]) => core.settings.setSmp(value as number),
  get_smp: (core) => core.settings.smp,
  get_pid(core) {
    core.requireLaunched('get_pid');
    return core.backendPid;
  },
  set_recovery_proc: (core, [value]) => void (core.settings.recoveryProc = value as boolean),
  get_recovery_proc: (core) => core.settings.recoveryProc,
  set_network: (core, [value]) => void (core.settings.network = value as boolean),
  get_network: (core) => core.settings.network,
  set_backend: (core, [name]) => core.settings.setBackend(name as string),
  get_backend: (core) => core.settings.backend,
  set_attach_method: (core, [name]) => core.settings.setBackend(name as string),
  get_attach_method: (core) => (core.settings.backend === 'direct' ? 'appliance' : core.settings.backend),
  set_pgroup: (core, [value]) => void (core.settings.pgroup = value as boolean),
  get_pgroup: (core) => core.settings.pgroup,
  set_selinux: (core, [value]) => void (core.settings.selinux = value as boolean),
  get_selinux: (core) => core.settings.selinux,
  set_direct: (core, [value]) => void (core.settings.direct = value as boolean),
  get_direct: (core) => core.settings.direct,
  set_tmpdir: (core, [path]) => core.settings.setTmpdir(path as string | null),
  get_tmpdir: (core) => core.settings.tmpdir,
  set_cachedir: (core, [path]) => core.settings.setCachedir(path as string | null),
  get_cachedir: (core) => core.settings.cachedir,
  get_sockdir: (core) => core.settings.sockdir,
  set_program: (core, [program]) => void (core.settings.program = program as string),
  get_program: (core) => core.settings.program,
  set_identifier: (core, [identifier]) => core.settings.setIdentifier(identifier as string),
  get_identifier: (core) => core.settings.identifier,
  get_backend_settings: (core) => [...core.settings.backendSettings],
  set_backend_settings: (core, [settings]) => void (core.settings.backendSettings = settings as string[]),
  get_backend_setting: (core, [name]) => core.settings.backendSetting(name as string),
  set_backend_setting: (core, [name, value]) =>
    core.settings.setBackendSetting(name as string, value as string),
  clear_backend_setting: (core, [name]) => core.settings.clearBackendSetting(name as string),
};
