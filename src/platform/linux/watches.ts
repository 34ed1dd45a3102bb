import { closeSync, readSync, writeFileSync } from 'node:fs';
import { decodeText } from '../../bytes/text.ts';
import type { WatchCapability, WatchEvent } from '../watch-capability.ts';
import { cString } from './host-bytes.ts';
import { linuxLibrary, type NativeLibrary } from '../../native/library.ts';
import { CallError } from './kernel-calls.ts';
import { errorName } from './kernel-error.ts';

const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;
/** Bytes of a `struct inotify_event` before its name. */
const HEADER = 16;
const BUFFER = 64 * 1024;
const MAX_QUEUED = '/proc/sys/fs/inotify/max_queued_events';

/** inotify(7) through koffi, whose events Node's own watchers would only give to an event loop. */
export class LinuxWatches implements WatchCapability {
  readonly #libc: NativeLibrary;
  readonly #init: (flags: number) => number;
  readonly #add: (fd: number, path: Uint8Array, mask: number) => number;
  readonly #remove: (fd: number, watch: number) => number;
  readonly #hostPath: (path: string) => string;
  #fd: number | undefined;

  constructor(libc: NativeLibrary, hostPath: (path: string) => string) {
    this.#libc = libc;
    this.#init = libc.numeric('int inotify_init1(int flags)');
    this.#add = libc.numeric('int inotify_add_watch(int fd, void *path, uint32_t mask)');
    this.#remove = libc.numeric('int inotify_rm_watch(int fd, int watch)');
    this.#hostPath = hostPath;
  }

  get open(): boolean {
    return this.#fd !== undefined;
  }

  start(maxEvents: number): void {
    this.stop();
    if (maxEvents > 0) writeFileSync(MAX_QUEUED, `${maxEvents}\n`);
    this.#fd = this.#checked(this.#init(IN_NONBLOCK | IN_CLOEXEC), 'inotify_init1');
  }

  add(path: string, mask: number): number {
    return this.#checked(
      this.#add(this.#fd ?? -1, cString(this.#hostPath(path)), mask >>> 0),
      'inotify_add_watch',
    );
  }

  remove(watch: number): void {
    this.#checked(this.#remove(this.#fd ?? -1, watch), `no watch has the number ${watch}: inotify_rm_watch`);
  }

  read(): WatchEvent[] {
    const events: WatchEvent[] = [];
    const buffer = new Uint8Array(BUFFER);
    for (;;) {
      let count: number;
      try {
        count = readSync(this.#fd ?? -1, buffer, 0, buffer.length, null);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return events;
        throw error;
      }
      if (count === 0) return events;
      events.push(...parseWatchEvents(buffer.subarray(0, count)));
    }
  }

  stop(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #checked(answer: number, what: string): number {
    if (answer < 0) throw new CallError(errorName(this.#libc.errno()), `${what} failed`);
    return answer;
  }
}

/** The watches of this machine; undefined where koffi is missing. */
export function linuxWatches(hostPath: (path: string) => string): LinuxWatches | undefined {
  const libc = linuxLibrary();
  return libc === undefined ? undefined : new LinuxWatches(libc, hostPath);
}

/** `struct inotify_event`s one behind the other, in the machine's byte order. */
export function parseWatchEvents(bytes: Uint8Array): WatchEvent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: WatchEvent[] = [];
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = view.getUint32(at + 12, true);
    const name = bytes.subarray(at + HEADER, at + HEADER + length);
    const end = name.indexOf(0);
    events.push({
      watch: view.getInt32(at, true),
      mask: view.getUint32(at + 4, true),
      cookie: view.getUint32(at + 8, true),
      name: decodeText(end < 0 ? name : name.subarray(0, end)),
    });
    at += HEADER + length;
  }
  return events;
}
