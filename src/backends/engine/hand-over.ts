import { join } from 'node:path';
import { roundUp } from '../../bytes/round.ts';
import type { ActionContext } from '../../daemon/context.ts';
import { readonlyOverrides } from '../../daemon/device-writing.ts';
import { umaskOf } from '../../daemon/file-writing.ts';
import { GuestfsError } from '../../errors/index.ts';
import { createImage } from '../../images/create.ts';
import { openImage } from '../../images/index.ts';
import type { EnginePlatform } from '../../platform/engine/index.ts';
import type { OpenDrive } from '../../platform/engine/drives.ts';
import type { EngineState } from './state.ts';

/** Bytes that are copied at once. */
const PIECE = 1024 * 1024;

/** Write everything through, put the overlays of read-only drives into images in `folder`, and tell the state. */
export function handOver(context: ActionContext, folder: string): EngineState {
  // The engine's sessions have no other.
  const platform = context.platform as EnginePlatform;
  platform.sync();
  const overlays: EngineState['overlays'] = [];
  for (const [index, drive] of platform.drives().entries()) {
    if (drive.overlay?.isChanged !== true) continue;
    const path = join(folder, `drive${index}-${crypto.randomUUID()}.qcow2`);
    writeOverlay(drive, path, () => context.checkCancelled());
    overlays.push({ drive: index, path });
  }
  const { filter, inactive } = platform.lvm.handOver();
  const { systems } = context.state.slot('inspect', () => ({ systems: new Map<string, unknown>() }));
  return {
    directories: platform.mounts.tree.memoryDirectories(),
    mounts: platform.mounts.list(),
    umask: umaskOf(context).value,
    ...(filter === undefined ? {} : { lvmFilter: [...filter] }),
    inactiveGroups: inactive,
    readonlyDevices: [...readonlyOverrides(context)].filter(([device]) => isThere(platform, device)),
    inspected: systems.size > 0,
    overlays,
  };
}

/** A volume may have been deactivated or removed since. */
function isThere({ devices }: EnginePlatform, device: string): boolean {
  try {
    devices.find(device);
    return true;
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
    return false;
  }
}

/** What an overlay hides of its drive's image, as a qcow2 image over that one. */
function writeOverlay({ config, format, overlay, device }: OpenDrive, path: string, check: () => void): void {
  createImage(path, roundUp(device.size, 512), {
    format: 'qcow2',
    backingfile: config.path,
    backingformat: format,
  });
  const image = openImage(path, { readonly: false, format: 'qcow2', backing: 'any' });
  try {
    const buffer = new Uint8Array(PIECE);
    for (const { offset, length, kind } of overlay!.changes()) {
      for (let at = offset; at < offset + length; at += PIECE) {
        check();
        const piece = buffer.subarray(0, Math.min(PIECE, offset + length - at));
        if (kind === 'zero') {
          image.device.zero(at, piece.length);
          continue;
        }
        device.readAt(at, piece);
        image.device.writeAt(at, piece);
      }
    }
    image.device.flush();
  } finally {
    image.device.close();
  }
}
