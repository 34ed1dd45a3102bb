import type { BlockDevice } from '../../src/block/device.ts';
import { guard } from '../../src/block/guard.ts';
import { memoryDevice } from '../../src/block/memory.ts';
import { GuestfsError, type ErrorCode } from '../../src/errors/index.ts';

/** Bytes that a disk writes whole or not at all. */
const SECTOR = 512;

/** How a device fails. */
export interface FailurePlan {
  /** Number of the first call that fails, from 0; beyond the last none does. */
  at: number;
  /** Every later call fails too, or none does. */
  forever: boolean;
  code: ErrorCode;
  /** A write that fails may have written a part: half of its sectors are there. */
  tears: boolean;
}

/** No call fails. */
export const NEVER: FailurePlan = { at: Number.MAX_SAFE_INTEGER, forever: false, code: 'EIO', tears: false };

/** A device in memory of which calls fail. */
export interface FailingDevice {
  readonly device: BlockDevice;
  /** Calls so far: reads, writes, zeroing and flushes. */
  calls(): number;
  /** What failed first, in words; undefined where nothing did. */
  failed(): string | undefined;
}

/** A device over bytes, which it changes, that fails as planned. */
export function failingDevice(bytes: Uint8Array, plan: FailurePlan): FailingDevice {
  const below = memoryDevice(bytes);
  let calls = 0;
  let failed: string | undefined;
  const call = (what: string, part?: () => void, code = plan.code): void => {
    const number = calls++;
    if (number < plan.at || (number > plan.at && !plan.forever)) return;
    failed ??= what;
    if (plan.tears) part?.();
    throw new GuestfsError(code, `call ${number} of the device fails: ${what}`);
  };
  /** Bytes of a torn write that arrive: whole sectors. */
  const half = (offset: number, length: number): number =>
    Math.max(0, Math.floor((offset + length / 2) / SECTOR) * SECTOR - offset);
  const device = guard(
    {
      size: below.size,
      sectorSize: below.sectorSize,
      writable: true,
      readAt(offset, into) {
        // A full host lets everything be read.
        call(`read of ${into.length} bytes at ${offset}`, undefined, 'EIO');
        below.readAt(offset, into);
      },
      writeAt(offset, from) {
        const part = from.subarray(0, half(offset, from.length));
        call(`write of ${from.length} bytes at ${offset}`, () => below.writeAt(offset, part));
        below.writeAt(offset, from);
      },
      zero(offset, length) {
        call(`zeroing of ${length} bytes at ${offset}`, () => below.zero(offset, half(offset, length)));
        below.zero(offset, length);
      },
      discard(offset, length) {
        call(`discarding of ${length} bytes at ${offset}`);
        below.discard(offset, length);
      },
      extents: (offset, length) => below.extents(offset, length),
      flush() {
        call('flush');
        below.flush();
      },
      close() {},
    },
    'failing device',
  );
  return { device, calls: () => calls, failed: () => failed };
}
