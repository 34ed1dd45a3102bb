/** A change of a watched file (inotify(7)). */
export interface WatchEvent {
  /** Number of the watch. */
  readonly watch: number;
  readonly mask: number;
  readonly cookie: number;
  /** Name in a watched directory; empty where the watched file itself is meant. */
  readonly name: string;
}

/** Watches for changes of files: the platform's capability `watches`. One set of them at a time. */
export interface WatchCapability {
  readonly open: boolean;
  /** Begin; `maxEvents` may queue up, 0 leaves what the kernel takes. */
  start(maxEvents: number): void;
  /** Watch a file of the guest, links followed; gives the number of the watch. */
  add(path: string, mask: number): number;
  remove(watch: number): void;
  /** The events that there are, without waiting. */
  read(): WatchEvent[];
  stop(): void;
}
