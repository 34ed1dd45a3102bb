/** What a session on the engine has become, beside what is on the drives: enough to go on somewhere else. */
import type { MountEntry } from '../../platform/contract.ts';
import type { Backend } from '../backend.ts';

/** State of a session that another daemon can be brought into. */
export interface EngineState {
  /** Directories of memory that mkmountpoint made, parents first. */
  directories: string[];
  /** In the order in which they were mounted. */
  mounts: MountEntry[];
  umask: number;
  /** Devices that lvm_set_filter named. */
  lvmFilter?: string[];
  /** Volume groups none of whose volumes are active. */
  inactiveGroups: string[];
  /** What blockdev_setro and blockdev_setrw set. */
  readonlyDevices: [device: string, readonly: boolean][];
  /** True where inspect_os found something, about which may be asked further. */
  inspected: boolean;
  /** What was written to read-only drives, as images over theirs. */
  overlays: { drive: number; path: string }[];
}

/** A backend that can tell its state. */
export interface EngineBackend extends Backend {
  /**
   * Write everything through, put what was written to read-only drives into images in a folder, and tell the state. The
   * engine goes on. Rejects with ENOSPC and the like where the folder cannot take it.
   */
  handOver(folder: string): Promise<EngineState>;
}
