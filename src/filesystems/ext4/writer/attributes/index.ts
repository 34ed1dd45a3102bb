import { GuestfsError, UnsupportedError } from '../../../../errors/index.ts';
import { Inode, S_IFDIR, S_IFLNK, S_IFMT } from '../../layout.ts';
import { INDEX_ACL_ACCESS, INDEX_ACL_DEFAULT } from '../../xattr.ts';
import type { AttributeWriter, WriterParts } from '../contract.ts';
import {
  applyMode,
  isTrivial,
  maskByMode,
  modeOf,
  parseAccessList,
  readAccessList,
  storeAccessList,
} from './access-list.ts';
import { InlineContent } from './inline.ts';
import { AttributeTables } from './tables.ts';
import { checkOwner, storedName } from './namespace.ts';

/** Longest value that setxattr(2) takes, in bytes. */
const VALUE_LIMIT = 65536;
const ACL_NAME = new Uint8Array(0);
const INDEX_SECURITY = 6;
const CAPABILITY = Uint8Array.from('capability', (character) => character.charCodeAt(0));

/**
 * Extended attributes, ACLs and inline data over the parts of a filesystem that is being written. Times are the
 * caller's. `inherit` takes the mode with the umask taken out already, though Linux leaves the umask out where there
 * is a default ACL: the caller knows no umask, and what it took out stays out.
 */
export function createAttributeWriter(parts: WriterParts): AttributeWriter {
  return new Attributes(parts);
}

/** Most bytes of content that an inode can keep as it is now; 0 without the feature inline_data. */
export function inlineRoom(parts: WriterParts, inode: number): number {
  return new InlineContent(parts, new AttributeTables(parts)).room(inode);
}

/** Remove the capabilities of a program whose content or owner changes; nothing happens where it has none. */
export function dropCapability(parts: WriterParts, inode: number): void {
  const tables = new AttributeTables(parts);
  if (tables.find(inode, INDEX_SECURITY, CAPABILITY) !== undefined) {
    tables.remove(inode, INDEX_SECURITY, CAPABILITY);
  }
}

class Attributes implements AttributeWriter {
  readonly #parts: WriterParts;
  readonly #tables: AttributeTables;
  readonly #inline: InlineContent;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#tables = new AttributeTables(parts);
    this.#inline = new InlineContent(parts, this.#tables);
  }

  set(inode: number, name: string, value: Uint8Array, mode: 'any' | 'create' | 'replace'): void {
    const stored = storedName(name);
    if (value.length > VALUE_LIMIT) {
      throw new GuestfsError(
        'E2BIG',
        `value of ${name} of inode ${inode} has ${value.length} bytes, expected at most ${VALUE_LIMIT}`,
      );
    }
    if (stored.index === INDEX_ACL_ACCESS || stored.index === INDEX_ACL_DEFAULT) {
      this.#setAccessList(inode, name, stored.index, value);
      return;
    }
    checkOwner(name, stored.index, inode, this.#mode(inode));
    const there =
      mode === 'any' ? undefined : this.#tables.find(inode, stored.index, stored.name) !== undefined;
    if (there === true && mode === 'create') {
      throw new GuestfsError('EEXIST', `inode ${inode} has the extended attribute ${name} already`);
    }
    if (there === false && mode === 'replace') throw absent(inode, name);
    this.#tables.set(inode, stored.index, stored.name, value);
  }

  #mode(inode: number): number {
    const { view, base } = this.#parts.inodes.read(inode);
    return view.getUint16(base + Inode.i_mode, true);
  }

  #setAccessList(inode: number, name: string, index: number, value: Uint8Array): void {
    const mode = this.#mode(inode);
    if ((mode & S_IFMT) === S_IFLNK) {
      throw new UnsupportedError(`${name} of inode ${inode}: symbolic links have no ACLs`);
    }
    const entries = parseAccessList(value);
    const isDirectory = (mode & S_IFMT) === S_IFDIR;
    if (index === INDEX_ACL_DEFAULT && !isDirectory && entries.length > 0) {
      throw new GuestfsError('EACCES', `${name} of inode ${inode}: only directories have default ACLs`);
    }
    let trivial = false;
    if (index === INDEX_ACL_ACCESS && entries.length > 0) {
      trivial = isTrivial(entries);
      const { view, base } = this.#parts.inodes.change(inode);
      view.setUint16(base + Inode.i_mode, modeOf(entries, mode), true);
    }
    if (entries.length > 0 && !trivial) {
      this.#tables.set(inode, index, ACL_NAME, storeAccessList(entries));
    } else if (this.#tables.find(inode, index, ACL_NAME) !== undefined) {
      this.#tables.remove(inode, index, ACL_NAME);
    }
  }

  remove(inode: number, name: string): void {
    const stored = storedName(name);
    if (this.#tables.find(inode, stored.index, stored.name) === undefined) {
      // Removing an ACL that is not there is no error in Linux.
      if (stored.index === INDEX_ACL_ACCESS || stored.index === INDEX_ACL_DEFAULT) return;
      throw absent(inode, name);
    }
    checkOwner(name, stored.index, inode, this.#mode(inode));
    this.#tables.remove(inode, stored.index, stored.name);
  }

  release(inode: number): void {
    this.#tables.release(inode);
  }

  sectors(inode: number): number {
    return this.#tables.sectors(inode);
  }

  inherit(directory: number, inode: number, mode: number): number {
    if ((mode & S_IFMT) === S_IFLNK) return mode;
    const stored = this.#tables.find(directory, INDEX_ACL_DEFAULT, ACL_NAME);
    if (stored === undefined) return mode;
    if ((mode & S_IFMT) === S_IFDIR) this.#tables.set(inode, INDEX_ACL_DEFAULT, ACL_NAME, stored);
    const entries = readAccessList(stored, `default ACL of directory ${directory}`);
    const used = maskByMode(entries, mode);
    if (!isTrivial(entries)) {
      this.#tables.set(inode, INDEX_ACL_ACCESS, ACL_NAME, storeAccessList(entries));
    }
    return used;
  }

  modeChanged(inode: number, mode: number): void {
    const stored = this.#tables.find(inode, INDEX_ACL_ACCESS, ACL_NAME);
    if (stored === undefined) return;
    const entries = readAccessList(stored, `access ACL of inode ${inode}`);
    applyMode(entries, mode);
    this.#tables.set(inode, INDEX_ACL_ACCESS, ACL_NAME, storeAccessList(entries));
  }

  inlineData(inode: number): Uint8Array | undefined {
    return this.#inline.read(inode);
  }

  setInlineData(inode: number, content: Uint8Array): boolean {
    return this.#inline.write(inode, content);
  }

  clearInlineData(inode: number): void {
    this.#inline.clear(inode);
  }
}

function absent(inode: number, name: string): GuestfsError {
  return new GuestfsError('ENODATA', `inode ${inode} has no extended attribute ${name}`);
}
