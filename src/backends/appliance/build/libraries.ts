/** Finds the shared libraries of programs as the dynamic linker would: ld.so(8). */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { elfNeeds, type ElfNeeds } from './elf-needs.ts';
import { readLibraryCache } from './library-cache.ts';

/** What a program and its libraries are made of. */
export interface Dependencies {
  /** Paths of the dynamic linker and of every library, each once. */
  paths: string[];
  /** Names of libraries that are nowhere. */
  missing: string[];
}

const FOLDERS = ['/lib64', '/usr/lib64', '/lib', '/usr/lib', '/usr/local/lib', '/usr/local/lib64'];

/** Looks libraries up; remembers what it saw. */
export class LibraryFinder {
  readonly #cache: Map<string, string[]>;
  readonly #folders: string[];
  readonly #needs = new Map<string, ElfNeeds | undefined>();
  readonly #dependencies = new Map<string, Dependencies>();

  constructor(cacheFile = '/etc/ld.so.cache') {
    this.#cache = existsSync(cacheFile) ? readLibraryCache(readFileSync(cacheFile)) : new Map();
    this.#folders = FOLDERS.flatMap((folder) => [...machineFolders(folder), folder]);
  }

  /** What is needed to run a program or load a library, transitively. Throws where `path` cannot be read. */
  dependencies(path: string): Dependencies {
    const known = this.#dependencies.get(path);
    if (known !== undefined) return known;
    const paths = new Set<string>();
    const missing = new Set<string>();
    const waiting = [{ path, inherited: [] as string[] }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const needs = this.#read(next.path);
      if (needs === undefined) continue;
      if (needs.interpreter !== undefined) paths.add(needs.interpreter);
      const origin = dirname(realpathSync(next.path));
      const own = needs.searchPaths.map((folder) => folder.replace(/\$(ORIGIN|\{ORIGIN\})/g, () => origin));
      const search = [...own, ...next.inherited];
      for (const name of needs.needed) {
        const library = this.#find(name, needs.machine, search);
        if (library === undefined) missing.add(name);
        else if (!paths.has(library)) {
          paths.add(library);
          waiting.push({ path: library, inherited: search });
        }
      }
    }
    const result = { paths: [...paths], missing: [...missing] };
    this.#dependencies.set(path, result);
    return result;
  }

  #read(path: string): ElfNeeds | undefined {
    if (!this.#needs.has(path)) this.#needs.set(path, elfNeeds(path));
    return this.#needs.get(path);
  }

  #find(name: string, machine: number, search: readonly string[]): string | undefined {
    if (isAbsolute(name)) return existsSync(name) ? name : undefined;
    const candidates = [
      ...search.map((folder) => join(folder, name)),
      ...(this.#cache.get(name) ?? []),
      ...this.#folders.map((folder) => join(folder, name)),
    ];
    return candidates.find((path) => existsSync(path) && this.#read(path)?.machine === machine);
  }
}

/** Folders like /lib/x86_64-linux-gnu. */
function machineFolders(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^[\w.]+-linux-(gnu|musl)\w*$/.test(name))
    .map((name) => join(folder, name));
}
