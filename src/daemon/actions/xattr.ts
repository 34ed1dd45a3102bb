import type { Xattr as XattrStruct } from '../../actions/generated/structs.ts';
import { encodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import { ACL_ACCESS, ACL_DEFAULT, aclText, aclTextOfMode } from '../../vfs/acl.ts';
import { CAPABILITY, capabilityText } from '../../vfs/capability.ts';
import { S_IFDIR, S_IFMT } from '../../vfs/mode.ts';
import { compareBytes } from '../../vfs/order.ts';
import type { FileRef } from '../../vfs/tree.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { lookupName } from './stat.ts';

/** All attributes of a file, sorted by name. */
function attributes({ platform }: ActionContext, file: FileRef): XattrStruct[] {
  return platform.files
    .xattrs(file)
    .map(({ name, value }) => ({ attrname: name, attrval: value }))
    .sort((a, b) => compareBytes(a.attrname, b.attrname));
}

function attributesAt(context: ActionContext, path: string, followLast: boolean): XattrStruct[] {
  return attributes(context, context.platform.files.resolve(path, { followLast }));
}

function attribute({ platform }: ActionContext, path: string, name: string, followLast: boolean): Uint8Array {
  const value = find(platform.files.xattrs(platform.files.resolve(path, { followLast })), name);
  if (value === undefined) {
    throw new GuestfsError('ENODATA', `${path}: it has no extended attribute ${name}`, { path });
  }
  return value;
}

function find(xattrs: readonly { name: string; value: Uint8Array }[], name: string): Uint8Array | undefined {
  return xattrs.find((xattr) => xattr.name === name)?.value;
}

/**
 * The attributes of several files in one list: before those of each file an entry without a name, whose value is
 * the count as decimal digits and a NUL, or empty where the file is missing.
 */
function lxattrlist(context: ActionContext, path: string, names: readonly string[]): XattrStruct[] {
  const { files } = context.platform;
  const directory = files.resolve(path);
  return names.flatMap((name) => {
    const ref = lookupName(files, directory, name);
    if (ref === undefined) return [{ attrname: '', attrval: new Uint8Array(0) }];
    const list = attributes(context, ref);
    return [{ attrname: '', attrval: encodeText(`${list.length}\0`) }, ...list];
  });
}

function aclGetFile({ platform }: ActionContext, path: string, type: string): string {
  if (type !== 'access' && type !== 'default') {
    throw new GuestfsError('EINVAL', `${type}: the ACL type must be "access" or "default"`, { path });
  }
  const file = platform.files.resolve(path);
  const { mode } = platform.files.stat(file);
  const value = find(platform.files.xattrs(file), type === 'access' ? ACL_ACCESS : ACL_DEFAULT);
  if (value !== undefined) return aclText(value);
  if (type === 'access') return aclTextOfMode(mode);
  if ((mode & S_IFMT) !== S_IFDIR) {
    throw new GuestfsError('EACCES', `${path}: only directories have a default ACL`, { path });
  }
  return '';
}

/** Extended attributes, ACLs and capabilities. */
export const xattrActions = {
  getxattrs: (context, path) => attributesAt(context, path, true),

  lgetxattrs: (context, path) => attributesAt(context, path, false),

  getxattr: (context, path, name) => attribute(context, path, name, true),

  lgetxattr: (context, path, name) => attribute(context, path, name, false),

  lxattrlist,

  internal_lxattrlist: lxattrlist,

  acl_get_file: aclGetFile,

  cap_get_file({ platform }, path) {
    const value = find(platform.files.xattrs(platform.files.resolve(path)), CAPABILITY);
    return value === undefined ? '' : capabilityText(value);
  },
} satisfies Partial<DaemonActions>;
