import { fstatSync } from 'node:fs';

/** Where Linux has the major number in a device number. */
const MAJOR_SHIFT = 8;
const MAJOR_MASK = 0xfff;
/** Major number of null, zero, full, random and kin (devices.txt of the Linux documentation). */
const MEMORY_DEVICES = 1;

/**
 * True if a descriptor is a terminal. Loading node:tty takes longer than all else before a tool's first call, and a
 * terminal is a character device: for files, pipes and sockets it is not loaded, nor for Linux's memory devices, of
 * which one is /dev/null.
 */
export function isTerminal(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    if (!stat.isCharacterDevice()) return false;
    if (process.platform === 'linux' && ((stat.rdev >> MAJOR_SHIFT) & MAJOR_MASK) === MEMORY_DEVICES)
      return false;
  } catch {
    return false;
  }
  return process.getBuiltinModule('node:tty').isatty(fd);
}
