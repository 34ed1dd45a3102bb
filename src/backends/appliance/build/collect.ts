/** Gathers programs of the host with everything that they need to run. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { GuestfsError } from '../../../errors/index.ts';
import type { FileSet } from './file-set.ts';
import type { LibraryFinder } from './libraries.ts';
import type { ToolGroup } from './tool-groups.ts';

/** Folders of programs; PATH of an ordinary user has no sbin. */
const PROGRAM_FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin'];
/** Folder of the machine for what is in other places of the host. */
const HOME = '/usr/bin';

/** A group that lacks something. */
export interface MissingTools {
  group: string;
  programs: string[];
}

/** Puts programs into a set of files, each once. */
export class Collector {
  readonly files: FileSet;
  readonly #libraries: LibraryFinder;
  readonly #folders: readonly string[];
  readonly #done = new Set<string>();
  /** Libraries that are nowhere, with the program that wants them. */
  readonly missingLibraries: string[] = [];

  constructor(files: FileSet, libraries: LibraryFinder, path = process.env['PATH'] ?? '') {
    this.files = files;
    this.#libraries = libraries;
    this.#folders = [
      ...new Set([...PROGRAM_FOLDERS, ...path.split(':').filter((folder) => folder.startsWith('/'))]),
    ];
  }

  /** Add the programs of a group; returns those that must be there and are not. */
  group({ programs, more = [], data = [] }: ToolGroup): string[] {
    for (const path of data) if (existsSync(path)) this.tree(path);
    for (const name of more) this.named(name);
    return programs.filter((name) => !this.named(name));
  }

  /** Add a program by its name; false where the host has none. */
  named(name: string): boolean {
    const path = this.find(name);
    if (path === undefined) return false;
    const place = PROGRAM_FOLDERS.some((folder) => path.startsWith(`${folder}/`)) ? path : join(HOME, name);
    this.program(path, place);
    return true;
  }

  /** Add a program by its name under another path; false where the host has none. */
  placed(name: string, place: string): boolean {
    const path = this.find(name);
    if (path !== undefined) this.program(path, place);
    return path !== undefined;
  }

  /** Path of a program of the host, or undefined. */
  find(name: string): string | undefined {
    return this.#folders.map((folder) => join(folder, name)).find(isProgram);
  }

  /** Add a program of the host under a path, with its interpreter and its libraries. */
  program(path: string, place = path): void {
    if (this.#done.has(place)) return;
    this.#done.add(place);
    if (place === path) this.files.host(path);
    else this.files.file(place, path);
    const script = interpreterOf(path);
    if (script !== undefined) {
      const interpreter = script === '/usr/bin/env' ? undefined : script;
      if (interpreter !== undefined && isProgram(interpreter)) this.program(interpreter);
      return;
    }
    this.librariesOf(path);
  }

  /** Add what a program or library needs, not the file itself. */
  librariesOf(path: string): void {
    const { paths, missing } = this.#libraries.dependencies(path);
    for (const library of paths)
      if (!this.#done.has(library)) {
        this.#done.add(library);
        this.files.host(library);
      }
    for (const name of missing) this.missingLibraries.push(`${name}, which ${basename(path)} needs`);
  }

  /** The same for what is loaded only if everything that it needs is there. */
  optionalLibrariesOf(path: string): void {
    if (this.#libraries.dependencies(path).missing.length === 0) this.librariesOf(path);
  }

  /** Add a file, or a folder with everything in it, under its own path. */
  tree(path: string): void {
    this.files.host(path);
    const real = realpathSync(path);
    if (!statSync(real).isDirectory()) return;
    for (const entry of readdirSync(real, { withFileTypes: true })) {
      if (entry.isFile() || entry.isDirectory() || entry.isSymbolicLink()) {
        const child = join(real, entry.name);
        if (existsSync(child)) this.tree(child);
      }
    }
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK | constants.R_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Interpreter of a script, or undefined for what is none. */
function interpreterOf(path: string): string | undefined {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(256);
    const text = bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0));
    return /^#!\s*(\/\S+)/.exec(text)?.[1];
  } finally {
    closeSync(fd);
  }
}

/** A program without which there is no appliance, at a place of its own if one is given. Throws ENOENT naming it. */
export function requireProgram(collector: Collector, name: string, place?: string): void {
  if (place === undefined ? collector.named(name) : collector.placed(name, place)) return;
  throw new GuestfsError('ENOENT', `the host has no program ${name}, which the appliance needs to start`);
}
