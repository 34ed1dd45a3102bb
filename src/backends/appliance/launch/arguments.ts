/** The command line of qemu. Source: qemu(1). */
import { readFileSync } from 'node:fs';
import { GuestfsError } from '../../../errors/index.ts';
import type { DriveSource } from './drive-source.ts';
import type { KeptSecret } from './private-folder.ts';
import type { Acceleration } from './probe.ts';
import type { Watchdog } from './watchdog.ts';
import { backendSetting, type MachineDrive, type MachineSettings } from './settings.ts';

/** SCSI target of the appliance's own disk: the last one, so that the user's disks come first. */
const ROOT_TARGET = 255;
/** Name by which the daemon finds its line to the library; stock daemons and libraries have the same. */
export const CHANNEL_NAME = 'org.libguestfs.channel.0';
/** Name of the line by which the library speaks to the scripts in the machine. */
export const CONTROL_NAME = 'org.guestfs.control.0';

/** What a machine is, wherever its sockets are. */
export interface MachineFacts {
  settings: MachineSettings;
  acceleration: Acceleration;
  /** `-sandbox` is understood. */
  sandbox: boolean;
  appliance: { kernel: string; initrd: string; root: string; uuid: string; own: boolean };
  drives: readonly { drive: MachineDrive; source: DriveSource }[];
  verbose: boolean;
  /** A person is to work in it: the kernel's names of the disks are in their order. */
  rescue?: boolean;
  /** Cleans up behind it where the program is killed. */
  watchdog?: Watchdog | undefined;
}

/** Everything that a command line says. */
export interface MachinePlan extends MachineFacts {
  /** Sockets on which the library listens; with a monitor for a machine that is saved or restored. */
  sockets: { channel: string; control: string; monitor?: string };
  /** Files that hold secrets, by the id of their object. */
  secrets: ReadonlyMap<string, KeptSecret>;
  /** File that is the machine's memory, and whether what is written goes into it. */
  memory?: { file: string; share: boolean };
  /** Wait for the state of a saved machine instead of booting. */
  incoming?: boolean;
}

/** A kind of machine. */
interface MachineKind {
  /** Value of -machine. */
  machine: string;
  console: string;
  /** How its virtio devices are attached: what the names of qemu's devices end in. */
  bus: 'pci' | 'device';
  /** It has nothing by which its kernel could learn that it is a copy of another, or how fast its clock runs. */
  bare?: boolean;
}

/** Kinds of machine by the processor of the host; the first is used where nothing else is said. */
const MACHINES: Readonly<Record<string, Readonly<Record<string, MachineKind>>>> = {
  x64: {
    q35: { machine: 'q35', console: 'ttyS0', bus: 'pci' },
    // Kernels find its devices by ACPI; without a clock the first times would be of 1970.
    microvm: { machine: 'microvm,acpi=on,rtc=on', console: 'ttyS0', bus: 'device', bare: true },
  },
  arm64: { virt: { machine: 'virt', console: 'ttyAMA0', bus: 'pci' } },
};

/**
 * Kind of the machine that settings ask for. Throws ENOTSUP on a host with a processor that has no machine here, EINVAL for a
 * kind that is not known there.
 */
function machineKind(settings: MachineSettings): MachineKind {
  const kinds = MACHINES[process.arch];
  if (kinds === undefined) {
    throw new GuestfsError(
      'ENOTSUP',
      `the backend appliance has no machine for the processor ${process.arch}`,
    );
  }
  const names = Object.keys(kinds);
  const wanted = backendSetting(settings, 'machine') ?? (names[0] as string);
  const kind = Object.hasOwn(kinds, wanted) ? kinds[wanted] : undefined;
  if (kind === undefined) {
    throw new GuestfsError('EINVAL', `machine=${wanted}: expected ${names.join(' or ')}`);
  }
  return kind;
}

/** A value within an option: commas are doubled. */
function escaped(value: string): string {
  return value.replaceAll(',', ',,');
}

/** `key=value,...` of what is not undefined. */
function option(first: string, values: Readonly<Record<string, string | number | undefined>>): string {
  const parts = Object.entries(values).filter(([, value]) => value !== undefined);
  return [first, ...parts.map(([key, value]) => `${key}=${escaped(String(value))}`)]
    .filter(Boolean)
    .join(',');
}

/** Arguments for qemu. Throws as {@link machineKind}. */
export function qemuArguments(plan: MachinePlan): string[] {
  const { settings, acceleration, appliance, sockets } = plan;
  const kind = machineKind(settings);
  const virtio = (name: string): string => `virtio-${name}-${kind.bus}`;
  const args = ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'];
  if (plan.sandbox) {
    args.push('-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny');
  }
  const memory = plan.memory === undefined ? undefined : 'ram0';
  args.push('-machine', option(kind.machine, { accel: acceleration, 'memory-backend': memory }));
  args.push(
    '-cpu',
    processorModel(acceleration),
    '-m',
    String(settings.memsize),
    '-smp',
    String(settings.smp),
  );
  if (plan.memory !== undefined) {
    const { file, share } = plan.memory;
    const size = `${settings.memsize}M`;
    args.push(
      '-object',
      option('memory-backend-file', { id: 'ram0', size, 'mem-path': file, share: share ? 'on' : 'off' }),
    );
    if (kind.bare !== true) args.push('-device', 'vmgenid,guid=auto');
  }
  args.push('-rtc', 'driftfix=slew');
  for (const [id, { file, format }] of plan.secrets)
    args.push('-object', option('secret', { id, file, format }));
  // A machine that goes on from a saved state has its kernel in memory.
  if (!plan.incoming) {
    args.push('-kernel', appliance.kernel, '-initrd', appliance.initrd);
    args.push('-append', kernelWords(plan, kind));
  }
  args.push('-device', option(virtio('scsi'), { id: 'scsi' }));
  for (const [index, { drive, source }] of plan.drives.entries())
    args.push(...driveArguments(index, drive, source));
  // Our own root is never written to; another's is, and forgets it.
  const kept = appliance.own ? { readonly: 'on' } : { snapshot: 'on' };
  const root = { file: appliance.root, ...kept, id: 'appliance', if: 'none', format: 'raw', cache: 'unsafe' };
  args.push('-drive', option('', root));
  args.push('-device', option('scsi-hd', { drive: 'appliance', 'scsi-id': ROOT_TARGET }));
  // An emulated processor that has written tells another thread, unless it is to hand the bytes over itself.
  const direct = acceleration === 'tcg' && kind.bus === 'pci' ? { ioeventfd: 'off' } : {};
  args.push(
    '-device',
    option(virtio('serial'), direct),
    '-chardev',
    'stdio,id=console,signal=off',
    '-serial',
    'chardev:console',
  );
  args.push('-chardev', option('socket', { id: 'channel', path: sockets.channel }));
  args.push('-device', option('virtserialport', { chardev: 'channel', name: CHANNEL_NAME }));
  args.push('-chardev', option('socket', { id: 'control', path: sockets.control }));
  args.push('-device', option('virtserialport', { chardev: 'control', name: CONTROL_NAME }));
  if (sockets.monitor !== undefined) {
    args.push('-chardev', option('socket', { id: 'monitor', path: sockets.monitor }));
    args.push('-mon', 'chardev=monitor,mode=control');
  }
  if (settings.network) {
    args.push(
      '-netdev',
      'user,id=network,net=169.254.0.0/16',
      '-device',
      option(virtio('net'), { netdev: 'network' }),
    );
  }
  if (plan.incoming) args.push('-incoming', 'defer');
  for (const { name, value } of settings.parameters) args.push(name, ...(value === null ? [] : [value]));
  return args;
}

/** What the host says how fast its processors count. Throws ENOTSUP where it does not. Source: proc_cpuinfo(5). */
function processorKilohertz(): number {
  let megahertz: string | undefined;
  try {
    megahertz = /^cpu MHz\s*:\s*([\d.]+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
  } catch {
    // No Linux; the same as if it did not say.
  }
  if (megahertz === undefined) {
    throw new GuestfsError(
      'ENOTSUP',
      'machine=microvm without KVM needs to know the rate of the processor: /proc/cpuinfo has no cpu MHz',
    );
  }
  return Math.round(Number(megahertz) * 1000);
}

/** Value of the option -cpu. */
export function processorModel(acceleration: Acceleration): string {
  if (acceleration === 'kvm') return 'host';
  if (process.arch !== 'x64') return 'max';
  // 57-bit addresses were seen to break kernels under emulation. String instructions that a processor says are fast are
  // emulated byte by byte; without them kernel and C library copy by words, which makes an upload a third shorter. Each
  // change of a protection key, which Node's compiler makes many of, empties the emulated TLB.
  return 'max,la57=off,erms=off,fsrm=off,pku=off';
}

function driveArguments(index: number, drive: MachineDrive, source: DriveSource): string[] {
  const id = `drive${index}`;
  const discards = drive.discard === 'enable' || drive.discard === 'besteffort';
  const file = Object.fromEntries(Object.entries(source.file).map(([key, value]) => [`file.${key}`, value]));
  const backend = option('', {
    ...file,
    format: source.format,
    id,
    if: 'none',
    cache: drive.cachemode ?? 'writeback',
    snapshot: drive.readonly ? 'on' : undefined,
    discard: discards ? 'unmap' : undefined,
    'copy-on-read': drive.copyonread === true ? 'on' : undefined,
  });
  const device = {
    drive: id,
    serial: drive.label,
    logical_block_size: drive.blockSize,
    physical_block_size: drive.blockSize,
  };
  // On one bus all are in their order, whatever interface is wished for.
  return ['-drive', backend, '-device', option('scsi-hd', { ...device, 'scsi-id': index, lun: 0 })];
}

function kernelWords(plan: MachinePlan, { console, bare }: MachineKind): string {
  const { settings, appliance, verbose, drives, memory, rescue, acceleration } = plan;
  const words = [
    'panic=1',
    `console=${console}`,
    'edd=off',
    'udevtimeout=6000',
    'udev.event-timeout=6000',
    'no_timer_check',
    'printk.time=1',
    'cgroup_disable=memory',
    'usbcore.nousb',
    'cryptomgr.notests',
    'tsc=reliable',
    '8250.nr_uarts=1',
    `root=UUID=${appliance.uuid}`,
  ];
  // KVM tells it; emulated processors count with the host's.
  if (bare === true && acceleration === 'tcg') words.push(`tsc_early_khz=${processorKilohertz()}`);
  if (appliance.own) {
    words.push('init_on_alloc=0', 'audit=0', 'mitigations=off', 'random.trust_cpu=on');
    words.push(`guestfs_control=${CONTROL_NAME}`);
    if (memory === undefined) words.push(`guestfs_drives=${drives.length + 1}`);
    if (rescue) words.push('guestfs_ordered=1');
  } else if (rescue) words.push('guestfs_rescue=1');
  words.push(verbose ? 'guestfs_verbose=1' : 'quiet');
  if (settings.network) words.push('guestfs_network=1');
  words.push(`selinux=${settings.selinux ? 1 : 0}`);
  // Kernels that have several security modules start the first of their list, whatever selinux says.
  if (settings.selinux) words.push('security=selinux', 'enforcing=0');
  const term = process.env['TERM'];
  words.push(`TERM=${term !== undefined && /^[\w.+-]+$/.test(term) ? term : 'linux'}`);
  if (/^[\w.-]+$/.test(settings.identifier)) words.push(`guestfs_identifier=${settings.identifier}`);
  if (settings.append !== null && settings.append !== '') words.push(settings.append);
  return words.join(' ');
}
