import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryDevice } from '../../src/block/memory.ts';
import { deflateRawInto } from '../../src/compression/pack.ts';
import { openQcow2, openQcow2Writer, readHeader, type QcowWriter } from '../../src/images/qcow2/index.ts';
import { growDisk } from '../../src/images/resize.ts';
import { recordFile } from './growing-recorder.ts';
import { cuts, randomNumbers } from './recorder.ts';
import type { Outcome, RunOptions } from './run.ts';
import { workFolder } from './targets.ts';
import { pattern } from './workloads.ts';

const SECTOR = 512;
/** The largest that a file becomes. */
const CAPACITY = 6 * 1024 * 1024;

/** A form of qcow2 that is put under power cuts. */
export interface Qcow2Target {
  name: string;
  /** Of `qemu-img create -o`. */
  options: string;
  size: number;
  backing?: boolean;
  snapshot?: boolean;
  /** Guest bytes that are there before. */
  filled?: number;
}

/** Forms under test. */
export const qcow2Targets: readonly Qcow2Target[] = [
  { name: 'qcow2', options: 'cluster_size=4096', size: 256 * 1024, filled: 60_000 },
  { name: 'qcow2-512', options: 'cluster_size=512', size: 128 * 1024, filled: 30_000 },
  { name: 'qcow2-v2', options: 'cluster_size=4096,compat=0.10', size: 256 * 1024, filled: 60_000 },
  {
    name: 'qcow2-backing',
    options: 'cluster_size=4096',
    size: 256 * 1024,
    backing: true,
    filled: 20_000,
  },
  {
    name: 'qcow2-backing-v2',
    options: 'cluster_size=1024,compat=0.10',
    size: 128 * 1024,
    backing: true,
  },
  { name: 'qcow2-snapshot', options: 'cluster_size=4096', size: 256 * 1024, snapshot: true, filled: 60_000 },
  {
    name: 'qcow2-extended',
    options: 'cluster_size=16384,extended_l2=on',
    size: 512 * 1024,
    backing: true,
    filled: 40_000,
  },
  { name: 'qcow2-bits', options: 'cluster_size=512,refcount_bits=1', size: 128 * 1024, filled: 30_000 },
  // The refcount table has room for 2 MiB of file: it must grow.
  {
    name: 'qcow2-table',
    options: 'cluster_size=512,refcount_bits=64',
    size: 3 * 1024 * 1024,
    filled: 1_900_000,
  },
];

interface Base {
  image: Uint8Array;
  backing: Uint8Array | undefined;
  content: Uint8Array;
}

/** An image of a form as QEMU makes it, in a folder that stays for the checker: the backing file is in it. */
export function makeBase(target: Qcow2Target, folder: string): Base {
  const path = join(folder, 'image');
  const qemu = (program: string, ...args: readonly string[]): void => {
    execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const backing = target.backing === true ? pattern(5, target.size) : undefined;
  if (backing !== undefined) writeFileSync(join(folder, 'backing'), backing);
  const over = backing === undefined ? [] : ['-b', 'backing', '-F', 'raw'];
  qemu('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', target.options, ...over, path, String(target.size));
  if (target.filled !== undefined) {
    const length = target.filled - (target.filled % SECTOR);
    writeFileSync(join(folder, 'pattern'), pattern(6, length));
    qemu('qemu-io', '-f', 'qcow2', '-c', `write -s ${join(folder, 'pattern')} 0 ${length}`, path);
  }
  if (target.snapshot === true) qemu('qemu-img', 'snapshot', '-c', 'one', path);
  const image = new Uint8Array(readFileSync(path));
  return { image, backing, content: guestContent(image, backing) };
}

function guestContent(image: Uint8Array, backing: Uint8Array | undefined, snapshot?: string): Uint8Array {
  const file = memoryDevice(image, { writable: false });
  const device = openQcow2(file, readHeader(file), {
    name: 'image',
    ...(backing === undefined ? {} : { backing: memoryDevice(backing, { writable: false }) }),
    ...(snapshot === undefined ? {} : { snapshot }),
  });
  const bytes = new Uint8Array(device.size);
  device.readAt(0, bytes);
  device.close();
  return bytes;
}

/** One thing that is done to an image. */
interface Qcow2Operation {
  name: string;
  /** The writer knows nothing of the image afterwards. */
  reopens?: boolean;
  run(writer: QcowWriter): void;
}

/** So many operations by a seed; `flush` and `grow` among them. */
export function qcow2Workload(target: Qcow2Target, count: number, seed: number): Qcow2Operation[] {
  const random = randomNumbers(seed);
  const pick = (most: number): number => Math.floor(random() * most);
  let size = target.size;
  return Array.from({ length: count }, (_, index): Qcow2Operation => {
    const kind = random();
    const unit = random() < 0.6 ? 4096 : SECTOR;
    const offset = pick(size / unit) * unit;
    const length = Math.min(size - offset, unit * (1 + pick(target.name === 'qcow2-table' ? 100 : 10)));
    const where = `${offset}+${length}`;
    if (kind < 0.5) {
      const bytes = pattern(seed * 100 + index, length);
      return { name: `write ${where}`, run: (writer) => writer.writeAt(offset, bytes) };
    }
    if (kind < 0.6) return { name: `zero ${where}`, run: (writer) => writer.zero(offset, length) };
    if (kind < 0.7) return { name: `discard ${where}`, run: (writer) => writer.discard(offset, length) };
    if (kind < 0.82) {
      return {
        name: `compressed ${offset}`,
        run: (writer) => writeCompressed(writer, offset, seed * 100 + index),
      };
    }
    if (kind < 0.86) {
      size += 128 * 1024;
      const wanted = size;
      return {
        name: `grow ${wanted}`,
        reopens: true,
        run(writer) {
          writer.settle();
          growDisk(writer, wanted);
        },
      };
    }
    return { name: 'flush', run: (writer) => writer.flush() };
  });
}

/** A cluster of few different bytes, each sector another one, so that it compresses. */
function writeCompressed(writer: QcowWriter, offset: number, seed: number): void {
  const { clusterSize } = writer.header;
  const start = offset - (offset % clusterSize);
  const bytes = new Uint8Array(clusterSize);
  for (let at = 0; at < clusterSize; at++)
    bytes[at] = 1 + ((seed + Math.floor(at / SECTOR) * 3 + (at % 5)) % 255);
  const into = new Uint8Array(clusterSize - 1);
  const length = deflateRawInto(bytes, into);
  if (length > 0) writer.writeCompressed(start, into.subarray(0, length));
}

/** Run operations on a recorded image, then look at every state that a power cut may have left. */
export function runQcow2(
  base: Base,
  operations: readonly Qcow2Operation[],
  folder: string,
  options: RunOptions,
): Outcome {
  const { file, recorder, cut } = recordFile(base.image, CAPACITY);
  const backing = base.backing === undefined ? undefined : memoryDevice(base.backing, { writable: false });
  const open = (): QcowWriter => openQcow2Writer({ file, data: undefined, backing }, readHeader(file));
  let writer = open();
  const states = [base.content];
  const durable: { flushes: number; states: number }[] = [];
  const flushes = (): number => recorder.steps.filter(({ kind }) => kind === 'flush').length;
  const content = (): Uint8Array => {
    const bytes = new Uint8Array(writer.size);
    writer.readAt(0, bytes);
    return bytes;
  };
  for (const operation of operations) {
    operation.run(writer);
    if (operation.reopens === true) writer = open();
    states.push(content());
    if (operation.name === 'flush' || operation.reopens === true) {
      durable.push({ flushes: flushes(), states: states.length - 1 });
    }
  }
  writer.settle();
  durable.push({ flushes: flushes(), states: states.length - 1 });
  const hasSnapshot = readHeader(memoryDevice(base.image)).snapshotCount > 0;
  const outcome: Outcome = { name: operations.map(({ name }) => name).join(', '), cuts: 0, failures: [] };
  for (const state of cuts(recorder, options)) {
    outcome.cuts++;
    const least = Math.max(0, ...durable.filter((at) => at.flushes <= state.flushes).map((at) => at.states));
    const image = cut(state.image);
    const problem = checkImage(image, folder) ?? judgeContent(image, base, states.slice(least), hasSnapshot);
    if (problem !== undefined && outcome.failures.length < 3) {
      outcome.failures.push(`${state.name}: ${problem}`);
    }
  }
  return outcome;
}

/** What `qemu-img check` finds that is worse than lost clusters. */
function checkImage(image: Uint8Array, folder: string): string | undefined {
  const path = join(folder, 'cut');
  writeFileSync(path, image);
  const { status, stdout, stderr } = spawnSync('qemu-img', ['check', '-f', 'qcow2', path], {
    encoding: 'utf8',
  });
  // 3: lost clusters only.
  return status === 0 || status === 3 ? undefined : `qemu-img check ends with ${status}: ${stdout}${stderr}`;
}

/** Each sector must hold what it held at some moment since the last flush; a snapshot is as it was. */
function judgeContent(
  image: Uint8Array,
  base: Base,
  states: readonly Uint8Array[],
  hasSnapshot: boolean,
): string | undefined {
  try {
    const found = guestContent(image, base.backing);
    if (!states.some(({ length }) => length === found.length)) return `has a size of ${found.length} bytes`;
    for (let at = 0; at < found.length; at += SECTOR) {
      const sector = found.subarray(at, at + SECTOR);
      const known = states.some(
        (state) =>
          // Behind the old end there were zeroes.
          Buffer.compare(at < state.length ? state.subarray(at, at + SECTOR) : ZEROES, sector) === 0,
      );
      if (!known) return `has at ${at} what was not there since the last flush`;
    }
    if (hasSnapshot && Buffer.compare(guestContent(image, base.backing, 'one'), base.content) !== 0) {
      return 'has another content in its snapshot';
    }
    return undefined;
  } catch (error) {
    return `cannot be read: ${String(error)}`;
  }
}

const ZEROES = new Uint8Array(SECTOR);

/** All workloads of a form: what came of them together. */
export function runQcow2Target(
  target: Qcow2Target,
  workloads: number,
  options: RunOptions,
): { cuts: number; failures: string[] } {
  const folder = workFolder();
  try {
    const base = makeBase(target, folder);
    const sum = { cuts: 0, failures: [] as string[] };
    for (let index = 0; index < workloads; index++) {
      const seed = options.seed * 1000 + index;
      const operations = qcow2Workload(target, 2 + (index % 5), seed);
      const outcome = runQcow2(base, operations, folder, { ...options, seed });
      sum.cuts += outcome.cuts;
      sum.failures.push(...outcome.failures.map((failure) => `${outcome.name}: ${failure}`));
    }
    return sum;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
