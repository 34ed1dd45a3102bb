import { GuestfsError } from '../errors/index.ts';

/** Bytes one request for memory may have where the caller states no cap: 64 MiB. */
export const DEFAULT_ALLOCATION_CAP = 64 * 1024 * 1024;

let meter: ((length: number, what: string) => void) | undefined;

/**
 * Have `check` called before each allocation of this thread with its size and purpose; what it throws is thrown by
 * {@link allocate}. For a thread that bounds the sum of its buffers.
 */
export function setAllocationMeter(check: ((length: number, what: string) => void) | undefined): void {
  meter = check;
}

/**
 * A zeroed buffer whose size came from an image. A worker's resource limits do not cap ArrayBuffers, so every
 * size that an image dictates goes through here. Throws ENOMEM naming `what` where `length` is over `cap`.
 */
export function allocate(length: number, what: string, cap = DEFAULT_ALLOCATION_CAP): Uint8Array {
  if (!Number.isSafeInteger(length) || length < 0 || length > cap) {
    throw new GuestfsError('ENOMEM', `${what} asks for ${length} bytes of memory, the cap is ${cap}`, {
      structure: what,
    });
  }
  meter?.(length, what);
  return new Uint8Array(length);
}
