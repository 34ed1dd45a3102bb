import type { DriveConfig } from '../../../platform/engine/config.ts';

/** A disk that is not a file of this host. */
export interface RemoteDisk {
  protocol: string;
  /** `HOST`, `HOST:PORT`, `tcp:HOST:PORT`, `unix:PATH`; for some protocols several. */
  server: readonly string[];
  username?: string;
  secret?: string;
}

/** A drive with what only a machine makes use of; for a remote disk `path` is its name on the server. */
export interface MachineDrive extends DriveConfig {
  iface?: string;
  cachemode?: string;
  discard?: string;
  copyonread?: boolean;
  remote?: RemoteDisk;
}

/** What a handle says about the machine. */
export interface MachineSettings {
  /** Program that runs the machine: qemu, or a wrapper around it. */
  hv: string;
  /** MiB. */
  memsize: number;
  smp: number;
  /** More words for the kernel's command line. */
  append: string | null;
  network: boolean;
  selinux: boolean;
  identifier: string;
  /** False: the machine is left alone when the program is killed. */
  recoveryProc: boolean;
  /** More parameters for qemu, as config() gave them. */
  parameters: readonly { name: string; value: string | null }[];
  /** `NAME=VALUE` or `NAME`. */
  backendSettings: readonly string[];
  /** `:`-separated folders in which a fixed appliance may be. */
  path: string;
  tmpdir: string;
  cachedir: string;
  sockdir: string;
  /** Folder that must go even when the program is killed, if there is one. */
  temporary?: string;
}

/** Value of a backend setting, `1` for one without a value; undefined where it is not set. */
export function backendSetting(settings: MachineSettings, name: string): string | undefined {
  for (const setting of settings.backendSettings) {
    if (setting === name) return '1';
    if (setting.startsWith(`${name}=`)) return setting.slice(name.length + 1);
  }
  return undefined;
}

/** Whether a backend setting that is 0 or 1 is 1. */
export function isSet(settings: MachineSettings, name: string): boolean {
  const value = backendSetting(settings, name);
  return value !== undefined && !['0', 'false', 'no', 'off'].includes(value.toLowerCase());
}
