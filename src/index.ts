/**
 * guestfs: open virtual machine disk images, look inside and change them. The libguestfs API in TypeScript.
 *
 * {@link Guestfs} is the handle; {@link Guestfs.open} the short way to a guest's files.
 */
export { EVENT_BITS, type EventName } from './actions/events.ts';
export type * from './actions/generated/structs.ts';
export { actionNames } from './actions/table.ts';
export { API_LEVEL, packageVersion } from './actions/version.ts';
export {
  CorruptError,
  GuestfsError,
  UnsupportedError,
  type ErrorCode,
  type ErrorDetails,
} from './errors/index.ts';
export type {
  AddDriveExtras,
  CallOptions,
  CopyOutExtras,
  DeviceOrPath,
  FileInput,
  PackedFolder,
  FileOutput,
} from './handle/arguments.ts';
export type { EventCallback, GuestfsEvents, ProgressEvent } from './handle/events.ts';
export type { GuestFsError } from './handle/fs/error.ts';
export type { GuestFileHandle, ReadStreamOptions, WriteStreamOptions } from './handle/fs/file-handle.ts';
export type { FileData, ReadFileOptions } from './handle/fs/flags.ts';
export type {
  CpOptions,
  GuestDir,
  GuestFs,
  GuestFsPromises,
  GuestPath,
  GuestStatFs,
  WriteFileOptions,
} from './handle/fs/guest-fs.ts';
export type { GuestBigIntStats, GuestDirent, GuestStats } from './handle/fs/stats.ts';
export type { GuestfsMethods } from './handle/generated/methods.ts';
export { Guestfs, type GuestfsOptions } from './handle/guestfs.ts';
export type { ImageToOpen, OpenOptions } from './handle/open.ts';
