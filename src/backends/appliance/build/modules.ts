/** Kernel modules: which there are, and what each needs. Source: depmod(8), modules.dep(5), kernel documentation. */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Suffixes of module files; compressed ones are loaded as they are. */
const SUFFIX = /\.ko(\.(gz|xz|zst))?$/;

/** Name of a module as modprobe(8) compares it. */
export function moduleName(path: string): string {
  return basename(path).replace(SUFFIX, '').replaceAll('-', '_');
}

/** How a signed module ends: the signature, twelve bytes whose last four are its length, this. Source: scripts/sign-file.c of Linux. */
const SIGNED = Buffer.from('~Module signature appended~\n');
const SIGNATURE_FACTS = 12;

/**
 * Bytes of a module without its signature. A kernel that demands none takes it without as well, and checking one takes
 * longer than loading the module where there is no KVM.
 */
export function unsignedLength(path: string): number {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const end = Buffer.alloc(SIGNATURE_FACTS + SIGNED.length);
    const start = size - end.length;
    if (start < 0 || readSync(fd, end, 0, end.length, start) < end.length) return size;
    if (!end.subarray(SIGNATURE_FACTS).equals(SIGNED)) return size;
    const length = start - end.readUInt32BE(SIGNATURE_FACTS - 4);
    return length > 0 ? length : size;
  } finally {
    closeSync(fd);
  }
}

/** The modules of one kernel. */
export class ModuleIndex {
  readonly folder: string;
  /** Path below the folder, by name. */
  readonly #paths = new Map<string, string>();
  readonly #needs = new Map<string, string[]>();
  readonly #softNeeds = new Map<string, string[]>();
  readonly #aliases = new Map<string, string[]>();
  readonly #builtin = new Set<string>();

  /** Reads `modules.dep` and its kin. Throws where the folder has none. */
  constructor(folder: string) {
    this.folder = folder;
    for (const line of lines(join(folder, 'modules.dep'))) {
      const [path = '', needs = ''] = line.split(':');
      this.#paths.set(moduleName(path), path);
      this.#needs.set(moduleName(path), needs.split(' ').filter(Boolean).map(moduleName));
    }
    for (const line of optionalLines(join(folder, 'modules.softdep'))) {
      const [word, name = '', ...rest] = line.split(' ');
      if (word !== 'softdep') continue;
      const modules = rest.filter((item) => !item.endsWith(':')).map((item) => item.replaceAll('-', '_'));
      const key = name.replaceAll('-', '_');
      this.#softNeeds.set(key, [...(this.#softNeeds.get(key) ?? []), ...modules]);
    }
    for (const line of optionalLines(join(folder, 'modules.alias'))) {
      const [, alias = '', name = ''] = line.split(' ');
      // The others are of devices, with wildcards.
      if (!alias.startsWith('crypto-')) continue;
      const key = alias.replaceAll('-', '_');
      this.#aliases.set(key, [...(this.#aliases.get(key) ?? []), moduleName(name)]);
    }
    for (const line of optionalLines(join(folder, 'modules.builtin'))) this.#builtin.add(moduleName(line));
  }

  /** True for a module that is a part of the kernel itself. */
  isBuiltin(name: string): boolean {
    return this.#builtin.has(name);
  }

  /** True for a module that is a file. */
  has(name: string): boolean {
    return this.#paths.has(name);
  }

  /** Names of all modules whose path below the folder matches. */
  matching(pattern: RegExp): string[] {
    return [...this.#paths].filter(([, path]) => pattern.test(path)).map(([name]) => name);
  }

  /**
   * Paths below the folder of modules and all that they need, each after what it needs; with `soft` also what they
   * would like to have. Names that are no files are left out.
   */
  closure(names: Iterable<string>, { soft = true } = {}): string[] {
    const paths = new Set<string>();
    const seen = new Set<string>();
    const add = (name: string): void => {
      if (seen.has(name)) return;
      seen.add(name);
      for (const needed of this.#needs.get(name) ?? []) add(needed);
      for (const wanted of soft ? (this.#softNeeds.get(name) ?? []) : []) {
        for (const module of this.#aliases.get(wanted) ?? [wanted]) add(module);
      }
      const path = this.#paths.get(name);
      if (path !== undefined) paths.add(path);
    };
    for (const name of names) add(name);
    return [...paths];
  }
}

function lines(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function optionalLines(path: string): string[] {
  return existsSync(path) ? lines(path) : [];
}
