import type { Xattr as XattrStruct } from '../../actions/generated/structs.ts';
import { encodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import { ACL_ACCESS, ACL_DEFAULT, aclText, aclTextOfMode } from '../../vfs/acl.ts';
import { parseAcl, setAcl } from '../../vfs/acl-parse.ts';
import { CAPABILITY, capabilityText } from '../../vfs/capability.ts';
import { parseCapabilities } from '../../vfs/capability-parse.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../filesystems/mode.ts';
import { compareBytes } from '../../vfs/order.ts';
import type { FileRef } from '../../vfs/tree.ts';
import type { ActionContext } from '../context.ts';
import { invalid, writerOf } from '../file-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { guestIds } from '../owners.ts';
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

function wantAclType(path: string, type: string): void {
  if (type === 'access' || type === 'default') return;
  throw new GuestfsError('EINVAL', `${type}: the ACL type must be "access" or "default"`, { path });
}

function aclGetFile({ platform }: ActionContext, path: string, type: string): string {
  wantAclType(path, type);
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

function setAttribute(
  context: ActionContext,
  name: string,
  text: string,
  length: number,
  path: string,
  followLast: boolean,
): void {
  const { files } = context.platform;
  const value = encodeText(text);
  if (length < 0 || length > value.length) {
    throw invalid(path, `vallen is ${length}, but the value has ${value.length} bytes`);
  }
  const file = files.resolve(path, { followLast });
  const { mode } = files.stat(file);
  const bytes = value.subarray(0, length);
  wantUserAttributes(path, name, mode);
  if (name === ACL_ACCESS || name === ACL_DEFAULT) setAcl(writerOf(context), file, mode, name, bytes);
  else writerOf(context).setXattr(file, name, bytes);
}

function removeAttribute(context: ActionContext, name: string, path: string, followLast: boolean): void {
  const { files } = context.platform;
  const file = files.resolve(path, { followLast });
  wantUserAttributes(path, name, files.stat(file).mode);
  writerOf(context).removeXattr(file, name);
}

/** xattr(7): only files and directories have attributes of users. */
function wantUserAttributes(path: string, name: string, mode: number): void {
  const type = mode & S_IFMT;
  if (!name.startsWith('user.') || type === S_IFREG || type === S_IFDIR) return;
  throw new GuestfsError('EPERM', `${path}: only regular files and directories have attributes user.*`, {
    path,
  });
}

function aclSetFile(context: ActionContext, path: string, type: string, text: string): void {
  wantAclType(path, type);
  const { files } = context.platform;
  const file = files.resolve(path);
  const value = parseAcl(text, {
    user: guestIds(files, '/etc/passwd'),
    group: guestIds(files, '/etc/group'),
  });
  const name = type === 'access' ? ACL_ACCESS : ACL_DEFAULT;
  setAcl(writerOf(context), file, files.stat(file).mode, name, value);
}

function aclDeleteDefault(context: ActionContext, path: string): void {
  const { files } = context.platform;
  const file = files.resolve(path);
  if (find(files.xattrs(file), ACL_DEFAULT) !== undefined) writerOf(context).removeXattr(file, ACL_DEFAULT);
}

function capSetFile(context: ActionContext, path: string, text: string): void {
  const { files } = context.platform;
  const file = files.resolve(path);
  if ((files.stat(file).mode & S_IFMT) !== S_IFREG) {
    throw invalid(path, 'only regular files have capabilities');
  }
  writerOf(context).setXattr(file, CAPABILITY, parseCapabilities(text));
}

/** Extended attributes, ACLs and capabilities. */
export const xattrActions = {
  getxattrs: (context, path) => attributesAt(context, path, true),

  lgetxattrs: (context, path) => attributesAt(context, path, false),

  getxattr: (context, path, name) => attribute(context, path, name, true),

  lgetxattr: (context, path, name) => attribute(context, path, name, false),

  setxattr: (context, name, value, length, path) => setAttribute(context, name, value, length, path, true),

  lsetxattr: (context, name, value, length, path) => setAttribute(context, name, value, length, path, false),

  removexattr: (context, name, path) => removeAttribute(context, name, path, true),

  lremovexattr: (context, name, path) => removeAttribute(context, name, path, false),

  acl_set_file: aclSetFile,

  acl_delete_def_file: aclDeleteDefault,

  cap_set_file: capSetFile,

  lxattrlist,

  internal_lxattrlist: lxattrlist,

  acl_get_file: aclGetFile,

  cap_get_file({ platform }, path) {
    const value = find(platform.files.xattrs(platform.files.resolve(path)), CAPABILITY);
    return value === undefined ? '' : capabilityText(value);
  },
} satisfies Partial<DaemonActions>;
