/** A function of a library, called in this thread or, with a callback as its last argument, in another. */
export interface NativeFunction {
  (...args: unknown[]): unknown;
  async(...args: unknown[]): void;
}

/** A library of C whose functions can be called. */
export interface NativeLibrary {
  /** A function by its declaration in C. */
  func(declaration: string): NativeFunction;
  /** One whose answer is a number. */
  numeric(declaration: string): (...args: unknown[]) => number;
  /** The errno of the last call that failed. */
  errno(): number;
}

/** The parts of koffi that are used. */
interface Koffi {
  load(library: string | null): { func(declaration: string): NativeFunction };
  errno(): number;
}

/**
 * The first of some libraries that is there, by the optional package koffi; undefined where that or the library is
 * missing. Loading koffi costs milliseconds: ask at first use.
 */
export function nativeLibrary(...names: readonly string[]): NativeLibrary | undefined {
  return load(names);
}

/** The C library of this process, as {@link nativeLibrary}. */
export function cLibrary(): NativeLibrary | undefined {
  if (!looked) {
    looked = true;
    library = load([null]);
  }
  return library;
}

let looked = false;
let library: NativeLibrary | undefined;

/** {@link cLibrary} on a 64-bit Linux, the one whose structures and constants callers know; undefined elsewhere. */
export function linuxLibrary(): NativeLibrary | undefined {
  const wide = process.arch === 'x64' || process.arch === 'arm64' || process.arch === 'riscv64';
  return process.platform === 'linux' && wide ? cLibrary() : undefined;
}

function load(names: readonly (string | null)[]): NativeLibrary | undefined {
  let koffi: Koffi;
  try {
    // A CommonJS bundle has no import.meta.url: start at the program then.
    const { createRequire } = process.getBuiltinModule('node:module');
    const require = createRequire(import.meta.url ?? process.argv[1] ?? `${process.cwd()}/`);
    koffi = require('koffi') as Koffi;
  } catch {
    return undefined;
  }
  for (const name of names) {
    try {
      const found = koffi.load(name);
      return {
        func: (declaration) => found.func(declaration),
        numeric(declaration) {
          const call = found.func(declaration);
          return (...args) => Number(call(...args));
        },
        errno: () => koffi.errno(),
      };
    } catch {
      // Not under this name.
    }
  }
  return undefined;
}
