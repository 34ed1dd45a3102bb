import type { BlockDevice } from '../../block/device.ts';

/** Bytes of a window: several L2 tables of small clusters, a slice of a table of large ones. */
const WINDOW = 16 * 1024;

/** Reads the tables of an image. */
export interface Tables {
  /** The view that holds the byte at `offset`, at `offset % windowSize` in it; good until the next call. */
  at(offset: number): DataView;
}

/**
 * The tables of an image, read in windows of the file that are kept raw, least recently used out first. Nothing
 * is decoded until it is asked for and evicted buffers are used again, so that an image of any size costs the
 * same few megabytes.
 */
export class TableWindows implements Tables {
  readonly #file: BlockDevice;
  readonly #keep: number;
  readonly #kept = new Map<number, DataView>();
  #lastIndex = -1;
  #last: DataView = new DataView(new ArrayBuffer(0));

  /** `keep` is the number of windows kept; 256, which are 4 MiB, map 32 GiB where clusters have 64 KiB. */
  constructor(file: BlockDevice, keep: number) {
    this.#file = file;
    this.#keep = keep;
  }

  /** The view that holds the byte at `offset`; the byte is at `offset % windowSize` in it. */
  at(offset: number): DataView {
    const index = Math.floor(offset / WINDOW);
    if (index === this.#lastIndex) return this.#last;
    let view = this.#kept.get(index);
    if (view === undefined) view = this.#load(index);
    else this.#kept.delete(index);
    this.#kept.set(index, view);
    this.#lastIndex = index;
    this.#last = view;
    return view;
  }

  #load(index: number): DataView {
    let view: DataView | undefined;
    if (this.#kept.size >= this.#keep) {
      const [oldest, evicted] = this.#kept.entries().next().value as [number, DataView];
      this.#kept.delete(oldest);
      view = evicted;
    }
    view ??= new DataView(new ArrayBuffer(WINDOW));
    // A failing read leaves the buffer in no window and no stale shortcut to it.
    this.#lastIndex = -1;
    const bytes = new Uint8Array(view.buffer);
    const there = Math.max(0, Math.min(WINDOW, this.#file.size - index * WINDOW));
    if (there > 0) this.#file.readAt(index * WINDOW, bytes.subarray(0, there));
    if (there < WINDOW) bytes.fill(0, there);
    return view;
  }
}

/** Bytes of one window. */
export const windowSize = WINDOW;
