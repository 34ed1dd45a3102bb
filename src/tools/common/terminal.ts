import { fstatSync } from 'node:fs';
import { createRequire } from 'node:module';

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
  const { isatty } = createRequire(import.meta.url)('node:tty') as typeof import('node:tty');
  return isatty(fd);
}
