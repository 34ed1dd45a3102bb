import { fstatSync } from 'node:fs';

/**
 * True if a descriptor is a terminal. Loading node:tty takes longer than all else before a tool's first call, and a
 * terminal is a character device: for files, pipes and sockets it is not loaded.
 */
export function isTerminal(fd: number): boolean {
  try {
    if (!fstatSync(fd).isCharacterDevice()) return false;
  } catch {
    return false;
  }
  return process.getBuiltinModule('node:tty').isatty(fd);
}
