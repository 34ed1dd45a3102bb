import { GuestfsError } from '../../../errors/index.ts';
import type { AttributeChanges } from '../../writer.ts';
import { INCOMPAT_CASEFOLD } from '../features.ts';
import { INODE_CASEFOLD, INODE_EXTENTS, Inode, S_IFDIR, S_IFMT } from '../layout.ts';
import { dropCapability } from './attributes/index.ts';
import { flagsOf, groupOf, modeOf, setFlagsOf, setGroupOf, setUserOf, userOf } from './fields.ts';
import { flagsForMode, INODE_APPEND, INODE_IMMUTABLE, INODE_USER_MODIFIABLE } from './flags.ts';
import type { WriterSession } from './session.ts';
import { writeTime } from './times.ts';

const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
const S_IXGRP = 0o010;

function assertMutable(session: WriterSession, number: number): void {
  if (flagsOf(session.core.inodes.read(number)) & (INODE_IMMUTABLE | INODE_APPEND)) {
    throw new GuestfsError('EPERM', `inode ${number} is immutable or append-only (lsattr shows i or a)`);
  }
}

/** Set mode, owners and times, as chmod, chown and utimensat do for root. */
export function setAttributes(session: WriterSession, number: number, changes: AttributeChanges): void {
  session.run(() => {
    const { core, attributes } = session;
    assertMutable(session, number);
    const inode = core.inodes.change(number);
    let mode = modeOf(inode);
    if (changes.uid !== undefined || changes.gid !== undefined) {
      const uid = changes.uid ?? userOf(inode);
      const gid = changes.gid ?? groupOf(inode);
      core.quota.moveOwner(inode, uid, gid);
      setUserOf(inode, uid);
      setGroupOf(inode, gid);
      if ((mode & S_IFMT) !== S_IFDIR) {
        // Whoever gets a program does not get what it could do.
        mode &= ~S_ISUID;
        if (mode & S_IXGRP) mode &= ~S_ISGID;
        dropCapability(core, number);
      }
    }
    if (changes.mode !== undefined) mode = (mode & S_IFMT) | (changes.mode & 0o7777);
    const view = core.inodes.change(number);
    view.view.setUint16(view.base + Inode.i_mode, mode, true);
    if (changes.mode !== undefined) attributes.modeChanged(number, mode);
    const last = core.inodes.change(number);
    if (changes.atime !== undefined) writeTime(last, 'atime', changes.atime, core.geometry);
    if (changes.mtime !== undefined) writeTime(last, 'mtime', changes.mtime, core.geometry);
    writeTime(last, 'ctime', changes.ctime ?? core.store.now(), core.geometry);
  });
}

/** FS_IOC_SETFLAGS: flags that users may not change stay as they are. */
export function setFlags(session: WriterSession, number: number, flags: number): void {
  session.run(() => {
    const { core, directories } = session;
    const inode = core.inodes.read(number);
    const old = flagsOf(inode);
    const mode = modeOf(inode);
    const next = ((old & ~INODE_USER_MODIFIABLE) | (flags & INODE_USER_MODIFIABLE)) >>> 0;
    const changed = (old ^ next) >>> 0;
    if (flagsForMode(mode, next & changed) !== (next & changed) >> 0) {
      throw new GuestfsError(
        'ENOTSUP',
        `flags 0x${flags.toString(16)} are not for an inode of mode 0${mode.toString(8)}`,
      );
    }
    if (changed & INODE_CASEFOLD) {
      if ((core.geometry.incompat & INCOMPAT_CASEFOLD) === 0) {
        throw new GuestfsError('ENOTSUP', 'the filesystem lacks the feature casefold (chattr +F)');
      }
      if (!directories.isEmpty(number)) {
        throw new GuestfsError(
          'ENOTEMPTY',
          `directory ${number} is not empty: how it compares names cannot change`,
        );
      }
    }
    if (changed & INODE_EXTENTS) {
      throw new GuestfsError(
        'ENOTSUP',
        `inode ${number} cannot change between extents and indirect blocks (chattr ${next & INODE_EXTENTS ? '+' : '-'}e)`,
      );
    }
    const view = core.inodes.change(number);
    setFlagsOf(view, next);
    writeTime(view, 'ctime', core.store.now(), core.geometry);
  });
}

/** FS_IOC_SETVERSION. Throws ENOTSUP with metadata checksums, which are made with the generation, as Linux does. */
export function setGeneration(session: WriterSession, number: number, generation: number): void {
  session.run(() => {
    const { core } = session;
    if (core.geometry.checksums) {
      throw new GuestfsError(
        'ENOTSUP',
        `the generation of inode ${number} cannot be set: the filesystem has metadata checksums, which are made with it`,
      );
    }
    const inode = core.inodes.change(number);
    inode.view.setUint32(inode.base + Inode.i_generation, generation >>> 0, true);
    writeTime(inode, 'ctime', core.store.now(), core.geometry);
  });
}
