import { defaultTable, fillBlankDisk, parseVolumeName, type BlankDisk } from './common/blank-disk.ts';
import { EXIT } from './common/errors.ts';
import { createHandle } from './common/handle.ts';
import { readShared } from './common/operands.ts';
import { runTool } from './common/run.ts';
import { openLaunched } from './common/session.ts';
import { maybeShowProgress } from './common/show-progress.ts';
import type { ToolSpec } from './common/spec.ts';
import { UsageError } from './common/usage-error.ts';
import { virtFormatSpec } from './specs/virt-format.ts';

const DEFAULT_VOLUME = '/dev/VG/LV';

/** What `--partition`, `--lvm` and `--filesystem` say for "do not". */
const NONE = 'none';

/** Bytes of the disk that is tried first: larger ones would only take longer. */
const REHEARSED = 64 * 1024 ** 3;

interface FormatOptions {
  /** `default` goes by the size of the disk. */
  table: string;
  volume: string | undefined;
  filesystem: string | undefined;
  label: string | undefined;
  wipe: boolean;
}

/** virt-format: erase disks and put an empty filesystem on each. */
export async function main(args: readonly string[], spec: ToolSpec = virtFormatSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const options: FormatOptions = {
      table: 'default',
      volume: undefined,
      filesystem: undefined,
      label: undefined,
      wipe: false,
    };
    const { shared, operands } = readShared(context, (option) => take(options, option.name, option.value), 0);
    if (operands.length > 0) throw new UsageError(`unexpected argument ${operands[0]}`);
    if (shared.disks.length === 0) throw new UsageError('no disk was named: give at least one with -a');
    if (options.volume !== undefined) parseVolumeName(options.volume);
    if (options.label !== undefined && options.filesystem === undefined) {
      throw new UsageError('--label needs --filesystem: without one there is nothing to label');
    }
    shared.writable = true;
    const handle = await openLaunched(spec.name, shared);
    try {
      maybeShowProgress(handle, undefined, false);
      const devices = await handle.listDevices();
      // A guest of libvirt may have more disks than options name.
      if (options.volume !== undefined && devices.length > 1) {
        throw new UsageError('--lvm makes one volume group of a fixed name: format one disk at a time');
      }
      for (const device of devices)
        await rehearse(spec.name, await handle.blockdevGetsize64(device), options);
      for (const device of devices) {
        if (options.wipe) await handle.zeroDevice(device);
        else await handle.wipefs(device);
        await fillBlankDisk(handle, device, blankOf(options, await handle.blockdevGetsize64(device)));
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    return EXIT.ok;
  });
}

/** What goes on a disk of so many bytes. */
function blankOf({ table, ...rest }: FormatOptions, size: number): BlankDisk {
  const type = table === 'default' ? defaultTable(size) : table;
  return { ...rest, table: type === NONE ? undefined : type };
}

/**
 * Do the same to a disk that nobody misses: what cannot be (a type, a label, a size) is found before anything is
 * erased. Throws what the real one would.
 */
async function rehearse(tool: string, size: number, options: FormatOptions): Promise<void> {
  const handle = await createHandle({ thread: 'own' });
  try {
    await handle.setProgram(tool);
    await handle.addDriveScratch(Math.min(size, REHEARSED));
    await handle.launch();
    await fillBlankDisk(handle, '/dev/sda', blankOf(options, size));
  } finally {
    await handle.close();
  }
}

function take(options: FormatOptions, name: string, value: string | undefined): void {
  switch (name) {
    case 'filesystem':
      options.filesystem = value === NONE ? undefined : value;
      break;
    case 'label':
      options.label = value;
      break;
    case 'lvm':
      options.volume = value === NONE ? undefined : (value ?? DEFAULT_VOLUME);
      break;
    case 'partition':
      if (value !== undefined && !['gpt', 'mbr', 'msdos', 'efi', NONE].includes(value)) {
        throw new UsageError(`--partition=${value}: expected gpt, mbr or none`);
      }
      options.table = value ?? 'default';
      break;
    case 'wipe':
      options.wipe = true;
      break;
    default:
      break;
  }
}
