/** The handle: class Guestfs and what goes with it. */
export type { EventName } from '../actions/events.ts';
export type {
  AddDriveExtras,
  CallOptions,
  CopyOutExtras,
  DeviceOrPath,
  FileInput,
  PackedFolder,
  FileOutput,
} from './arguments.ts';
export type { EventCallback, GuestfsEvents, ProgressEvent } from './events.ts';
export type { GuestfsMethods } from './generated/methods.ts';
export { Guestfs, type GuestfsOptions } from './guestfs.ts';
