import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Ring, ringBytes, type RingPlan } from './ahead-ring.ts';

/** Most helper threads of one ring: reading and writing do not keep up with more. */
const MAX_HELPERS = 3;

/** Rings at one time: a chain of images must not start threads for each. */
const MAX_RINGS = 2;
let rings = 0;

/** Where the helper's code may be: beside this file, or as seen from the bundles of the build. */
const ENTRIES = ['ahead-worker.js', '../compression/ahead-worker.js', '../../compression/ahead-worker.js'];

let entry: URL | null | undefined;

function findEntry(): URL | null {
  const base = import.meta.url;
  if (typeof base !== 'string' || !base.startsWith('file:')) return null;
  const names = base.endsWith('.ts') ? ['ahead-worker-source.mjs'] : ENTRIES;
  return names.map((name) => new URL(name, base)).find((url) => existsSync(fileURLToPath(url))) ?? null;
}

/** What a ring is made for. */
export interface AheadOptions {
  zstd: boolean;
  /** The jobs are to compress, not to decompress. */
  pack?: boolean;
  pieces: number;
  pieceSize: number;
  slots: number;
  inputSize: number;
}

/** A ring with its helper threads. */
export interface Ahead {
  readonly ring: Ring;
  /** Start helpers again that ended because they had nothing to do. */
  wake(): void;
  close(): void;
}

/** A ring without helpers: who waits for a job does it. */
export function startAlone(options: AheadOptions): Ahead {
  const ring = new Ring({ ...options, memory: new SharedArrayBuffer(ringBytes(options)) });
  return { ring, wake() {}, close() {} };
}

/**
 * A ring whose jobs are done by helper threads, `most` at most. Undefined where that cannot help: on a machine with one
 * processor, where two rings are in use already, or where the helper's code is not found.
 */
export function startAhead(options: AheadOptions, most: number = MAX_HELPERS): Ahead | undefined {
  const helpers = Math.min(MAX_HELPERS, most, availableParallelism() - 1);
  if (helpers < 1 || rings >= MAX_RINGS) return undefined;
  if (entry === undefined) entry = findEntry();
  if (entry === null) return undefined;
  const url = entry;
  let memory: SharedArrayBuffer;
  try {
    memory = new SharedArrayBuffer(ringBytes(options));
  } catch {
    return undefined;
  }
  const plan: RingPlan = { ...options, memory };
  const ring = new Ring(plan);
  let broken = false;
  const wake = (): void => {
    while (!broken && ring.alive < helpers) {
      ring.enter();
      try {
        // Loaded when it is needed: most runs never decompress ahead.
        const threads = process.getBuiltinModule('node:worker_threads');
        const worker = new threads.Worker(url, {
          name: options.pack === true ? 'guestfs compress' : 'guestfs decompress',
          workerData: plan,
          // The program's own flags (--import, --test) are not for this thread.
          execArgv: [],
        });
        // A helper keeps no program running; if it fails the reader does its work.
        worker.unref();
        worker.on('error', () => {
          broken = true;
        });
      } catch {
        broken = true;
      }
    }
  };
  wake();
  rings++;
  let open = true;
  return {
    ring,
    wake,
    close() {
      if (open) rings--;
      open = false;
      ring.stop();
    },
  };
}
