import type { Timestamp } from '../../src/filesystems/writer.ts';
import { SparseContent } from './content.ts';

/** What a file of the model is. */
export type ModelType = 'file' | 'directory' | 'symlink' | 'chardev' | 'blockdev' | 'fifo' | 'socket';

/** Type bits of st_mode. */
export const TYPE_BITS: Record<ModelType, number> = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  chardev: 0o020000,
  blockdev: 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
};

/** A file as it should be. */
export class ModelFile {
  readonly type: ModelType;
  /** Permission bits. */
  mode: number;
  uid = 0;
  gid = 0;
  /** Names that it has; of a directory 2 and one for each directory within. */
  links: number;
  content = new SparseContent();
  target = '';
  rdev = 0;
  /** FS_IOC_GETFLAGS, as far as operations set them. */
  flags = 0;
  /** Where it was set and nothing changed it since. */
  mtime: Timestamp | undefined;
  readonly xattrs = new Map<string, Uint8Array>();
  /** Of a directory: by the name as the filesystem compares it. */
  readonly names = new Map<string, { name: string; file: ModelFile }>();

  constructor(type: ModelType, mode: number) {
    this.type = type;
    this.mode = mode;
    this.links = type === 'directory' ? 2 : 1;
  }
}

/** One name of the model with where it is. */
export interface ModelPlace {
  path: readonly string[];
  parent: ModelFile;
  name: string;
  file: ModelFile;
}

/** All files as they should be. */
export class Model {
  readonly root = new ModelFile('directory', 0o755);
  readonly #fold: boolean;

  /** `fold`: names differ not by case. */
  constructor(fold: boolean) {
    this.#fold = fold;
  }

  key(name: string): string {
    return this.#fold ? name.toUpperCase() : name;
  }

  get(directory: ModelFile, name: string): ModelFile | undefined {
    return directory.names.get(this.key(name))?.file;
  }

  add(directory: ModelFile, name: string, file: ModelFile): void {
    directory.names.set(this.key(name), { name, file });
    if (file.type === 'directory') directory.links++;
    directory.mtime = undefined;
  }

  remove(directory: ModelFile, name: string): void {
    const file = this.get(directory, name);
    directory.names.delete(this.key(name));
    if (file?.type === 'directory') directory.links--;
    directory.mtime = undefined;
  }

  /** Every name below the root; a directory before what is in it. */
  places(): ModelPlace[] {
    const found: ModelPlace[] = [];
    const visit = (parent: ModelFile, path: readonly string[]): void => {
      for (const { name, file } of parent.names.values()) {
        const place = { path: [...path, name], parent, name, file };
        found.push(place);
        if (file.type === 'directory') visit(file, place.path);
      }
    };
    visit(this.root, []);
    return found;
  }
}
