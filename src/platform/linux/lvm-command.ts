import { decodeText } from '../../bytes/text.ts';
import { GuestfsError, type ErrorCode } from '../../errors/index.ts';
import type { LinuxDeviceTable } from './device-table.ts';
import { guestDevices } from './kernel-error.ts';
import { runTool } from './run-tool.ts';

/** What lvm(8) says where something fails, and the code that it stands for; the first that fits. */
const MEANINGS: readonly (readonly [RegExp, ErrorCode])[] = [
  [
    /insufficient (suitable |allocatable )?(free )?(space|extents)|not enough free|insufficient free/i,
    'ENOSPC',
  ],
  [/already exists|New (logical volume|volume group).* exists/i, 'EEXIST'],
  [
    /in use|still open|contains an open|has active|belongs? to volume group|of volume group .* without -ff|open \S+ exclusively|already in volume group|is used by VG/i,
    'EBUSY',
  ],
  // The device is there; what is on it is something else.
  [/failed to find physical volume|no PV found on device/i, 'EINVAL'],
  [/not found|failed to find|cannot find|no such|cannot process volume group/i, 'ENOENT'],
  [/invalid|must be|not allowed|expected/i, 'EINVAL'],
  [/missing/i, 'EIO'],
];

/** What the commands need of the platform. */
export interface LvmHost {
  readonly devices: LinuxDeviceTable;
  /** Nothing may be open while a command runs, and what is known of devices is old after it. */
  release(): void;
}

/** Runs lvm(8) so that it sees the guest's devices and nothing of the machine's own. */
export class LvmCommand {
  readonly #host: LvmHost;
  #filter: readonly string[] | undefined;

  constructor(host: LvmHost) {
    this.#host = host;
  }

  /** See only these devices of the guest, with the partitions of a disk, from now on; all where it is undefined. */
  setFilter(devices: readonly string[] | undefined): void {
    this.#filter = devices;
  }

  run(args: readonly string[], about: { device?: string } = {}): string {
    const [command = '', ...rest] = args;
    const config = this.#config();
    this.#host.release();
    try {
      const { stdout } = runTool('lvm', [command, '--config', config, ...rest], {
        environment: { LVM_SUPPRESS_FD_WARNINGS: '1' },
        about,
      });
      return decodeText(stdout);
    } catch (error) {
      throw meaning(guestDevices(error, this.#host.devices));
    } finally {
      this.#host.release();
    }
  }

  /** The rows of a report, values by the names of their fields, in the order of the metadata: as libguestfs has them. */
  report(command: 'pvs' | 'vgs' | 'lvs', fields: readonly string[], ...args: readonly string[]): Row[] {
    const text = this.run([
      command, '--unbuffered', '--reportformat', 'json', '--units', 'b', '--nosuffix', '-o', fields.join(','), ...args,
    ]); // prettier-ignore
    return parseReport(text, command.slice(0, 2));
  }

  /** The devices that are looked at. Their nodes are letters, digits and slashes: nothing of a pattern. */
  #config(): string {
    const filter = this.#filter;
    const seen = this.#host.devices
      .nodes()
      .filter(
        ({ name, parent }) =>
          filter === undefined || filter.includes(name) || (parent !== undefined && filter.includes(parent)),
      );
    const accepted = seen.map(({ node }) => `"a|^${node}$|"`);
    return [
      `devices { filter=[${[...accepted, '"r|.*|"'].join(',')}] use_devicesfile=0 obtain_device_list_from_udev=0 }`,
      'global { event_activation=0 use_lvmpolld=0 }',
      'activation { udev_sync=0 udev_rules=0 verify_udev_operations=0 monitoring=0 }',
      'backup { backup=0 archive=0 }',
    ].join(' ');
  }
}

/** A row of a report. */
export type Row = Readonly<Record<string, string>>;

/** What lvm(8) prints with `--reportformat json`. Throws EIO where it is something else. */
export function parseReport(text: string, kind: string): Row[] {
  try {
    const { report } = JSON.parse(text) as { report: Record<string, Row[]>[] };
    return report.flatMap((part) => part[kind] ?? []);
  } catch (error) {
    throw new GuestfsError('EIO', `lvm printed no report: ${text.slice(0, 200)}`, { cause: error });
  }
}

function meaning(error: unknown): unknown {
  if (!(error instanceof GuestfsError) || error.code === 'ENOTSUP') return error;
  const code = MEANINGS.find(([pattern]) => pattern.test(error.message))?.[1];
  if (code === undefined || code === error.code) return error;
  return new GuestfsError(code, error.message, {
    cause: error,
    ...(error.device === undefined ? {} : { device: error.device }),
  });
}
