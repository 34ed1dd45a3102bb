import type { MachineSettings } from '../../src/backends/appliance/launch/settings.ts';

/** Settings of a machine whose files are all in one folder. */
export function machineSettings(folder: string, changes: Partial<MachineSettings> = {}): MachineSettings {
  return {
    hv: 'qemu',
    memsize: 512,
    smp: 1,
    append: null,
    network: false,
    selinux: false,
    identifier: '',
    recoveryProc: true,
    parameters: [],
    backendSettings: [],
    path: folder,
    tmpdir: folder,
    cachedir: folder,
    sockdir: folder,
    ...changes,
  };
}
