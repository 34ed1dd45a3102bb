import { fstatSync, readSync, writeSync } from 'node:fs';
import { nativeCalls } from './file-native.ts';

/** Modes of fallocate(2). */
const KEEP_SIZE = 0x01;
const PUNCH_HOLE = 0x02;
const ZERO_RANGE = 0x10;

const PIECE = 256 * 1024;
/** Pieces in which the file is looked at for zeroes that need not be written. */
const STEP = 4096;
const ZEROES = new Uint8Array(PIECE);
const STEP_ZEROES = ZEROES.subarray(0, STEP);

/** What of fallocate(2) a file turned out not to have. */
export interface ZeroSupport {
  punch: boolean;
  zeroRange: boolean;
}

/** Try to make a range a hole. False where that cannot be done here; then nothing has changed. */
export function punchHole(fd: number, offset: number, length: number, support: ZeroSupport): boolean {
  if (!support.punch) return false;
  const native = nativeCalls();
  if (native === undefined) return false;
  if (native.fallocate(fd, PUNCH_HOLE | KEEP_SIZE, offset, length) === 0) return true;
  support.punch = false;
  return false;
}

/**
 * Make a range of a file read as zeroes, which never makes the file longer: by a hole where the file has holes
 * already, by the kernel's zero range where it is full, else by writing zeroes where there are none yet, so that what
 * is a hole stays one. Throws what node:fs throws; `at(position)` is told where it was.
 */
export function zeroRange(
  fd: number,
  offset: number,
  length: number,
  support: ZeroSupport,
  at: (position: number) => void,
): void {
  at(offset);
  // Not worth a system call that goes through the host's filesystem twice.
  if (length > PIECE / 4 && (support.punch || support.zeroRange)) {
    const native = nativeCalls();
    if (native !== undefined) {
      const stat = fstatSync(fd);
      const sparse = stat.isFile() && stat.blocks * 512 < stat.size;
      if (sparse && punchHole(fd, offset, length, support)) return;
      if (support.zeroRange) {
        if (native.fallocate(fd, ZERO_RANGE | KEEP_SIZE, offset, length) === 0) return;
        support.zeroRange = false;
      }
    }
  }
  writeZeroes(fd, offset, length, at);
}

/** Set space aside for a range that holds zeroes: by fallocate(2), or where that is not there or not asked for by writing. */
export function reserveRange(fd: number, offset: number, length: number, write: boolean): void {
  if (length === 0) return;
  if (!write && nativeCalls()?.fallocate(fd, 0, offset, length) === 0) return;
  for (let done = 0; done < length; done += PIECE) {
    writeAll(fd, ZEROES.subarray(0, Math.min(PIECE, length - done)), offset + done);
  }
}

function writeZeroes(fd: number, offset: number, length: number, at: (position: number) => void): void {
  const found = new Uint8Array(Math.min(PIECE, length));
  for (let done = 0; done < length;) {
    at(offset + done);
    const wanted = Math.min(found.length, length - done);
    const count = readSync(fd, found, 0, wanted, offset + done);
    const part = count === 0 ? wanted : count;
    if (count === 0) writeAll(fd, ZEROES.subarray(0, part), offset + done);
    else overwrite(fd, found.subarray(0, part), offset + done);
    done += part;
  }
}

/** Write zeroes over those runs of `found` that hold something else, in as few writes as that takes. */
function overwrite(fd: number, found: Uint8Array, offset: number): void {
  let from = -1;
  for (let step = 0; step < found.length; step += STEP) {
    const end = Math.min(found.length, step + STEP);
    const zero = Buffer.compare(found.subarray(step, end), STEP_ZEROES.subarray(0, end - step)) === 0;
    if (!zero && from < 0) from = step;
    if (zero && from >= 0) {
      writeAll(fd, ZEROES.subarray(0, step - from), offset + from);
      from = -1;
    }
  }
  if (from >= 0) writeAll(fd, ZEROES.subarray(0, found.length - from), offset + from);
}

function writeAll(fd: number, from: Uint8Array, offset: number): void {
  for (let done = 0; done < from.length;)
    done += writeSync(fd, from, done, from.length - done, offset + done);
}
