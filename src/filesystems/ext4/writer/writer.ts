import type { AttributeChanges, FileSystemWriter, NewFile, Replacement, XattrMode } from '../../writer.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { ContentWriter } from './content.ts';
import { flagsOf } from './fields.ts';
import { INODE_APPEND, INODE_IMMUTABLE } from './flags.ts';
import { trim, zeroFreeSpace } from './free-space.ts';
import { NameWriter } from './names.ts';
import { Removal } from './removal.ts';
import { InodeReplacement } from './replacement.ts';
import type { WriterSession } from './session.ts';
import { setAttributes, setFlags, setGeneration } from './settings.ts';
import { writeTime } from './times.ts';

/** What a session does, once it has begun. */
interface Hands {
  readonly session: WriterSession;
  readonly names: NameWriter;
  readonly content: ContentWriter;
  readonly removal: Removal;
}

/** Writes ext2, ext3 and ext4. The session begins with the first change. */
export class Ext4Writer implements FileSystemWriter {
  readonly #begin: () => WriterSession;
  #hands: Hands | undefined;
  #closed = false;

  /** `begin` makes the session: the journal is replayed by it and the filesystem marked as being written. */
  constructor(begin: () => WriterSession) {
    this.#begin = begin;
  }

  #use(): Hands {
    if (this.#closed)
      throw new GuestfsError('EBADF', 'the ext4 filesystem is written after its writer was closed');
    if (this.#hands !== undefined) return this.#hands;
    const session = this.#begin();
    const removal = new Removal(session);
    const content = new ContentWriter(session, removal);
    this.#hands = { session, removal, content, names: new NameWriter(session, removal) };
    for (const number of session.orphans.load()) removal.proceed(number);
    return this.#hands;
  }

  create(directory: number, name: string, file: NewFile): number {
    return this.#use().names.create(directory, name, file);
  }

  link(directory: number, name: string, inode: number): void {
    this.#use().names.link(directory, name, inode);
  }

  unlink(directory: number, name: string): void {
    this.#use().names.unlink(directory, name);
  }

  rmdir(directory: number, name: string): void {
    this.#use().names.rmdir(directory, name);
  }

  rename(fromDirectory: number, fromName: string, toDirectory: number, toName: string): void {
    this.#use().names.rename(fromDirectory, fromName, toDirectory, toName);
  }

  write(inode: number, offset: number, from: Uint8Array): void {
    this.#use().content.write(inode, offset, from);
  }

  truncate(inode: number, size: number): void {
    this.#use().content.truncate(inode, size);
  }

  allocate(inode: number, offset: number, length: number, keepSize = false): void {
    this.#use().content.allocate(inode, offset, length, keepSize);
  }

  punch(inode: number, offset: number, length: number): void {
    this.#use().content.punch(inode, offset, length);
  }

  replace(inode: number): Replacement {
    const { session, content, removal } = this.#use();
    return new InodeReplacement(session, content, removal, inode);
  }

  setAttributes(inode: number, changes: AttributeChanges): void {
    setAttributes(this.#use().session, inode, changes);
  }

  setXattr(inode: number, name: string, value: Uint8Array, mode: XattrMode = 'any'): void {
    this.#changeXattr(inode, (session) => session.attributes.set(inode, name, value, mode));
  }

  removeXattr(inode: number, name: string): void {
    this.#changeXattr(inode, (session) => session.attributes.remove(inode, name));
  }

  #changeXattr(inode: number, change: (session: WriterSession) => void): void {
    const { session } = this.#use();
    session.run(() => {
      const { core } = session;
      if (flagsOf(core.inodes.read(inode)) & (INODE_IMMUTABLE | INODE_APPEND)) {
        throw new GuestfsError(
          'EPERM',
          `inode ${inode} is immutable or append-only: its attributes cannot change`,
        );
      }
      change(session);
      writeTime(core.inodes.change(inode), 'ctime', core.store.now(), core.geometry);
    });
  }

  setFlags(inode: number, flags: number): void {
    setFlags(this.#use().session, inode, flags);
  }

  setGeneration(inode: number, generation: number): void {
    setGeneration(this.#use().session, inode, generation);
  }

  trim(start: number, length: number, minimum: number): number {
    return trim(this.#use().session, start, length, minimum);
  }

  zeroFreeSpace(progress: (done: number, total: number) => void): void {
    zeroFreeSpace(this.#use().session, progress);
  }

  together<T>(action: () => T): T {
    return this.#use().session.run(action, 'added');
  }

  sync(): void {
    this.#hands?.session.commit();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#hands?.session.end();
  }
}
