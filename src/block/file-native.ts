import { createRequire } from 'node:module';

/** The functions of koffi that are used. */
interface Koffi {
  load(library: string | null): { func(declaration: string): (...args: unknown[]) => unknown };
}

type Seek = (fd: number, offset: number, whence: number) => number;

let seek: Seek | undefined;
let looked = false;

/**
 * lseek(2) through the optional package koffi; undefined where the package is missing or the system is not Linux.
 * Loaded at the first call: it costs milliseconds that most runs do not need to spend.
 */
export function nativeSeek(): Seek | undefined {
  if (!looked) {
    looked = true;
    seek = process.platform === 'linux' ? loadSeek() : undefined;
  }
  return seek;
}

function loadSeek(): Seek | undefined {
  try {
    // A CommonJS bundle has no import.meta.url: start at the program then.
    const require = createRequire(import.meta.url ?? process.argv[1] ?? `${process.cwd()}/`);
    const koffi = require('koffi') as Koffi;
    const lseek = koffi.load(null).func('int64_t lseek(int fd, int64_t offset, int whence)');
    return (fd, offset, whence) => Number(lseek(fd, offset, whence));
  } catch {
    return undefined;
  }
}
