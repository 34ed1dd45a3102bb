import { encodeText } from '../../../../bytes/text.ts';
import { GuestfsError, UnsupportedError } from '../../../../errors/index.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../layout.ts';
import { INDEX_ACL_ACCESS, INDEX_ACL_DEFAULT } from '../../xattr.ts';

/** Prefixes of names that take any suffix, and their `e_name_index`. */
const PREFIXES: readonly (readonly [string, number])[] = [
  ['user.', 1],
  ['trusted.', 4],
  ['security.', 6],
  ['gnu.', 10],
];
const USER = 1;
/** Longest name, prefix included, in bytes. */
const NAME_LIMIT = 255;

/** A name as it is stored. */
export interface StoredName {
  index: number;
  name: Uint8Array;
}

/** Index and rest of a full name. Throws ERANGE, EINVAL, ENOTSUP. */
export function storedName(full: string): StoredName {
  const bytes = encodeText(full);
  if (bytes.length > NAME_LIMIT || bytes.length === 0) {
    throw new GuestfsError(
      'ERANGE',
      `name of an extended attribute has ${bytes.length} bytes, expected 1 to ${NAME_LIMIT}`,
    );
  }
  if (full === 'system.posix_acl_access') return { index: INDEX_ACL_ACCESS, name: new Uint8Array(0) };
  if (full === 'system.posix_acl_default') return { index: INDEX_ACL_DEFAULT, name: new Uint8Array(0) };
  for (const [prefix, index] of PREFIXES) {
    if (!full.startsWith(prefix)) continue;
    if (full === prefix || full.includes('\0')) {
      throw new GuestfsError('EINVAL', `the extended attribute ${full} has no name after its prefix`);
    }
    return { index, name: bytes.slice(prefix.length) };
  }
  throw new UnsupportedError(
    `the extended attribute ${full}: ext4 has user., trusted., security. and system.posix_acl_ ones`,
  );
}

/** Throws EPERM for attributes of users on what is neither a file nor a directory, as Linux does. */
export function checkOwner(full: string, index: number, inode: number, mode: number): void {
  const type = mode & S_IFMT;
  if (index !== USER || type === S_IFREG || type === S_IFDIR) return;
  throw new GuestfsError(
    'EPERM',
    `the extended attribute ${full} of inode ${inode}: only files and directories have those of users (mode 0${mode.toString(8)})`,
  );
}
