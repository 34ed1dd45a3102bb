import { GuestfsError } from '../../errors/index.ts';
import type { PackageRecord } from '../../formats/package.ts';
import {
  GuestFiles,
  iconOf,
  inspectOs,
  installedPackages,
  type InspectionHost,
  type OperatingSystem,
  readSystem,
} from '../../inspect/index.ts';
import type { Platform } from '../../platform/contract.ts';
import type { TreeOpener } from '../../platform/inspect-capability.ts';
import type { ActionContext } from '../context.ts';
import { application, application2 } from '../applications.ts';
import type { DaemonActions } from '../generated/contract.ts';

/** What the last inspect_os found, by root. */
interface Inspection {
  systems: Map<string, OperatingSystem>;
}

function state({ state }: ActionContext): Inspection {
  return state.slot('inspect', () => ({ systems: new Map<string, OperatingSystem>() }));
}

function host(context: ActionContext): InspectionHost {
  return {
    platform: context.platform as Platform & Partial<TreeOpener>,
    warn: (message) => context.warn(message),
    checkCancelled: () => context.checkCancelled(),
  };
}

/** The system whose root was found by the last inspect_os; other names of the device count too. */
function systemOf(context: ActionContext, root: string): OperatingSystem {
  const { systems } = state(context);
  const known = systems.get(root);
  if (known !== undefined) return known;
  const aliased = root.startsWith('/dev/')
    ? systems.get(context.platform.devices.find(root).name)
    : undefined;
  if (aliased !== undefined) return aliased;
  throw new GuestfsError(
    'EINVAL',
    systems.size === 0
      ? `${root} is no known root: no operating system was found, or inspect_os was not called`
      : `${root} is no known root: the last inspect_os found ${[...systems.keys()].join(', ')}`,
    { device: root },
  );
}

/** An action that returns one field of the inspected system. */
function field<K extends keyof OperatingSystem>(key: K) {
  return (context: ActionContext, root: string): OperatingSystem[K] => systemOf(context, root)[key];
}

/** An action that only a Windows guest can answer. */
function windowsOnly(what: string) {
  return (context: ActionContext, root: string): never => {
    const { type } = systemOf(context, root);
    throw new GuestfsError('EINVAL', `${root} is a ${type} system, expected Windows: it has no ${what}`, {
      device: root,
    });
  };
}

function packagesOf(context: ActionContext, root: string): PackageRecord[] {
  const system = systemOf(context, root);
  return readSystem(host(context), system, (files) =>
    installedPackages(files, system.packageFormat, {
      warn: (message) => context.warn(`${root}: ${message}`),
      checkCancelled: () => context.checkCancelled(),
    }),
  );
}

/** Which operating systems the guest has. */
export const inspectActions = {
  inspect_os(context) {
    const inspection = state(context);
    inspection.systems = new Map();
    const found = inspectOs(host(context));
    inspection.systems = new Map(found.map((system) => [system.root, system]));
    return [...inspection.systems.keys()];
  },

  inspect_get_roots: (context) => [...state(context).systems.keys()],

  inspect_get_type: field('type'),
  inspect_get_arch: field('arch'),
  inspect_get_distro: field('distro'),
  inspect_get_major_version: field('major'),
  inspect_get_minor_version: field('minor'),
  inspect_get_product_name: field('product'),
  inspect_get_product_variant: field('variant'),
  inspect_get_package_format: field('packageFormat'),
  inspect_get_package_management: field('packageManagement'),
  inspect_get_hostname: field('hostname'),
  inspect_get_build_id: field('buildId'),
  inspect_get_osinfo: field('osinfo'),
  inspect_get_mountpoints: (context, root) => Object.fromEntries(systemOf(context, root).mountpoints),
  inspect_get_filesystems: (context, root) => [...systemOf(context, root).filesystems],

  inspect_get_drive_mappings(context, root) {
    systemOf(context, root);
    return {};
  },

  inspect_get_windows_systemroot: windowsOnly('systemroot'),
  inspect_get_windows_current_control_set: windowsOnly('current control set'),
  inspect_get_windows_software_hive: windowsOnly('software hive'),
  inspect_get_windows_system_hive: windowsOnly('system hive'),

  inspect_get_windows_group_policy(context, root) {
    systemOf(context, root);
    return false;
  },

  inspect_get_icon(context, root, options) {
    const system = systemOf(context, root);
    return readSystem(host(context), system, (files) => iconOf(files, system, options));
  },

  inspect_list_applications2: (context, root) => packagesOf(context, root).map(application2),

  inspect_list_applications: (context, root) => packagesOf(context, root).map(application),

  internal_list_rpm_applications: (context) =>
    installedPackages(
      new GuestFiles(context.platform.files, (message) => context.warn(message)),
      'rpm',
      context,
    ).map(application2),

  inspect_get_format(context, root) {
    systemOf(context, root);
    return 'installed';
  },

  inspect_is_live(context, root) {
    systemOf(context, root);
    return false;
  },

  inspect_is_netinst(context, root) {
    systemOf(context, root);
    return false;
  },

  inspect_is_multipart(context, root) {
    systemOf(context, root);
    return false;
  },
} satisfies Partial<DaemonActions>;
