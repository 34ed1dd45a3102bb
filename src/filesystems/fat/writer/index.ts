import { GuestfsError } from '../../../errors/index.ts';
import type { AttributeChanges, FileSystemWriter, NewFile, Replacement } from '../../writer.ts';
import type { FatVolume } from '../volume.ts';
import type { WatchedDevice } from '../watched-device.ts';
import { setAttributes } from './attributes.ts';
import { FileContent } from './content.ts';
import { DirectoryChanges } from './directories.ts';
import { changeLabel, writeBootLabel } from './label.ts';
import { trimFree, zeroFree } from './free-space.ts';
import { FatReplacement } from './replacement.ts';
import { Transaction } from './transaction.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../mode.ts';

/** Errors that an operation may meet anywhere, not only where it checks what it was given. */
const BREAKING: ReadonlySet<string> = new Set(['EIO', 'EUCLEAN', 'ENXIO', 'EBADF']);

interface Parts {
  transaction: Transaction;
  content: FileContent;
  directories: DirectoryChanges;
}

/**
 * Writes FAT12, FAT16 and FAT32 as Linux's vfat does. What a power cut can leave, and why it is no more, is said at
 * {@link Transaction}.
 */
export class FatWriter implements FileSystemWriter {
  readonly #volume: FatVolume;
  readonly #device: WatchedDevice;
  readonly #mode: (inode: number) => number;
  /** Made at the first change, because it reads the table. */
  #parts: Parts | undefined;
  readonly #replacements = new Set<FatReplacement>();

  /** `mode` tells the mode of an inode as the reader shows it. */
  constructor(volume: FatVolume, device: WatchedDevice, mode: (inode: number) => number) {
    this.#volume = volume;
    this.#device = device;
    this.#mode = mode;
  }

  /** Free clusters as they will be after the next sync; undefined where nothing was changed yet. */
  freeClusters(): number | undefined {
    return this.#parts?.transaction.freeClusters;
  }

  create(directory: number, name: string, file: NewFile): number {
    const type = file.mode & S_IFMT;
    if (type !== S_IFREG && type !== S_IFDIR) {
      throw new GuestfsError('EPERM', `FAT has only files and directories, ${name} would be neither`);
    }
    return this.#change(({ directories }) => directories.create(directory, name, type === S_IFDIR));
  }

  link(_directory: number, name: string, _inode: number): void {
    throw new GuestfsError('EPERM', `FAT has no hard links, ${name} cannot be one`);
  }

  unlink(directory: number, name: string): void {
    const gone = this.#change(({ directories }) => directories.unlink(directory, name));
    for (const replacement of this.#replacements) if (replacement.inode === gone) replacement.inode = 0;
  }

  rmdir(directory: number, name: string): void {
    this.#change(({ directories }) => directories.rmdir(directory, name));
  }

  rename(fromDirectory: number, fromName: string, toDirectory: number, toName: string): void {
    const { from, to } = this.#change(({ directories }) =>
      directories.rename(fromDirectory, fromName, toDirectory, toName),
    );
    if (from === to) return;
    for (const replacement of this.#replacements) {
      if (replacement.inode === from) replacement.inode = to;
      else if (replacement.inode === to) replacement.inode = 0;
    }
  }

  write(inode: number, offset: number, from: Uint8Array): void {
    this.#change(({ content }) => content.write(inode, offset, from));
  }

  truncate(inode: number, size: number): void {
    this.#change(({ content }) => content.truncate(inode, size));
  }

  allocate(inode: number, offset: number, length: number, keepSize = false): void {
    this.#change(({ content }) => content.allocate(inode, offset, length, keepSize));
  }

  punch(inode: number, offset: number, length: number): void {
    this.#change(({ content }) => content.punch(inode, offset, length));
  }

  replace(inode: number, _size?: number): Replacement {
    const { transaction, content } = this.#begin();
    if (this.#volume.file(inode).isDirectory) {
      throw new GuestfsError('EISDIR', `inode ${inode} is a directory, it has no content to replace`);
    }
    const replacement = new FatReplacement(
      this.#volume,
      transaction,
      content,
      inode,
      (act) => this.#change(act),
      (done) => void this.#replacements.delete(done),
    );
    this.#replacements.add(replacement);
    return replacement;
  }

  setAttributes(inode: number, changes: AttributeChanges): void {
    this.#change(({ content }) => setAttributes(this.#volume, content, inode, this.#mode(inode), changes));
  }

  /** Set or, with undefined, remove the label, which has 11 bytes. Durable when it returns. */
  setLabel(label: Uint8Array | undefined): void {
    this.#change(({ transaction, directories }) => {
      changeLabel(this.#volume, directories, label);
      transaction.sync();
    });
    writeBootLabel(this.#volume, label);
    this.#device.flush();
  }

  trim(start: number, length: number, minimum: number): number {
    this.#begin().transaction.sync();
    return trimFree(this.#volume, start, length, minimum);
  }

  zeroFreeSpace(progress: (done: number, total: number) => void): void {
    this.#begin().transaction.sync();
    zeroFree(this.#volume, progress);
  }

  sync(): void {
    this.#parts?.transaction.sync();
  }

  close(): void {
    this.#parts?.transaction.close();
  }

  /**
   * Do something as one operation. One that fails before it has changed anything did nothing. Nothing leads back from
   * the middle, where reading may fail or damage show up: then, as after a write that failed, nothing of what is in
   * memory is written any more, and the device keeps what the last commit made of it.
   */
  #change<T>(act: (parts: Parts) => T): T {
    const parts = this.#begin();
    const before = parts.transaction.changes;
    try {
      return act(parts);
    } catch (error) {
      const isPlanned = error instanceof GuestfsError && !BREAKING.has(error.code);
      if (!isPlanned && parts.transaction.changes !== before) this.#device.failure ??= error;
      parts.directories.forget();
      throw error;
    }
  }

  #begin(): Parts {
    if (this.#parts === undefined) {
      const transaction = new Transaction(this.#volume, this.#device);
      const content = new FileContent(this.#volume, transaction);
      const directories = new DirectoryChanges(this.#volume, transaction, content);
      this.#parts = { transaction, content, directories };
    }
    this.#parts.transaction.begin();
    return this.#parts;
  }
}
