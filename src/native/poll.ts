import { cLibrary } from './library.ts';

/** poll(2)'s events. */
export const POLLIN = 1;
export const POLLPRI = 2;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 0x10;

/** poll(2) of one descriptor with a time limit in milliseconds, -1 for none; returns the events that came. */
export type Poll = (fd: number, events: number, milliseconds: number) => number;

let poll: Poll | undefined;
let looked = false;

/** poll(2) by the optional package koffi, or undefined where that is missing. */
export function nativePoll(): Poll | undefined {
  if (looked) return poll;
  looked = true;
  if (process.platform === 'win32') return undefined;
  const count = process.platform === 'darwin' ? 'unsigned int' : 'unsigned long';
  const call = cLibrary()?.numeric(`int poll(void *fds, ${count} count, int timeout)`);
  if (call === undefined) return undefined;
  // struct pollfd { int fd; short events; short revents; } in the machine's byte order, which Node has little-endian.
  const pollfd = new Uint8Array(8);
  const view = new DataView(pollfd.buffer);
  poll = (fd, events, milliseconds) => {
    view.setInt32(0, fd, true);
    view.setInt16(4, events, true);
    view.setInt16(6, 0, true);
    return call(pollfd, 1, milliseconds) > 0 ? view.getInt16(6, true) : 0;
  };
  return poll;
}
