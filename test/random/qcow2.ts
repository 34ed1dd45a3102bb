import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openChain, openWriter } from '../../src/images/chain.ts';
import { compactImage, resizeImage } from '../../src/images/index.ts';
import { deflateRawInto } from '../../src/compression/pack.ts';
import { randomNumbers } from '../crash/recorder.ts';
import { workFolder } from '../crash/targets.ts';
import { pattern } from '../crash/workloads.ts';

const SECTOR = 512;
const MIB = 1024 * 1024;

/** A form of qcow2 under random operations. */
export interface RandomQcow2 {
  name: string;
  /** Of `qemu-img create -o`; DATA is the name of a data file. */
  options: string;
  size: number;
  backing?: boolean;
  /** QEMU takes and removes internal snapshots between batches. */
  snapshots?: boolean;
}

/** Forms under test. */
export const randomQcow2: readonly RandomQcow2[] = [
  { name: 'qcow2', options: 'cluster_size=65536', size: 12 * MIB, snapshots: true },
  { name: 'qcow2-512', options: 'cluster_size=512', size: 3 * MIB, snapshots: true },
  { name: 'qcow2-2M', options: 'cluster_size=2M', size: 12 * MIB },
  { name: 'qcow2-v2', options: 'cluster_size=4096,compat=0.10', size: 6 * MIB },
  { name: 'qcow2-v2-over', options: 'cluster_size=4096,compat=0.10', size: 6 * MIB, backing: true },
  { name: 'qcow2-over', options: 'cluster_size=4096', size: 6 * MIB, backing: true, snapshots: true },
  { name: 'qcow2-extended', options: 'extended_l2=on,cluster_size=65536', size: 12 * MIB, snapshots: true },
  { name: 'qcow2-extended-over', options: 'extended_l2=on,cluster_size=16384', size: 6 * MIB, backing: true },
  { name: 'qcow2-bits-1', options: 'cluster_size=4096,refcount_bits=1', size: 6 * MIB },
  { name: 'qcow2-bits-64', options: 'cluster_size=512,refcount_bits=64', size: 4 * MIB, snapshots: true },
  { name: 'qcow2-lazy', options: 'cluster_size=4096,lazy_refcounts=on', size: 6 * MIB },
  { name: 'qcow2-data', options: 'cluster_size=4096,data_file=DATA', size: 6 * MIB },
];

/** How long a run is. */
export interface RandomQcow2Plan {
  seed: number;
  operations: number;
  /** Operations between two checks. */
  batch: number;
}

/** What came of a run. */
export interface RandomQcow2Outcome {
  operations: number;
  checks: number;
  failure: string | undefined;
}

/**
 * Random reads, writes, zeroes, discards, compressed clusters, sizes and compactions on an image and on bytes in memory,
 * compared after each batch by `qemu-img check` and `qemu-img compare`.
 */
export async function runRandomQcow2(
  target: RandomQcow2,
  plan: RandomQcow2Plan,
): Promise<RandomQcow2Outcome> {
  const folder = workFolder();
  const outcome: RandomQcow2Outcome = { operations: 0, checks: 0, failure: undefined };
  const run = new Run(target, folder, plan.seed);
  try {
    while (outcome.operations < plan.operations) {
      run.batch(Math.min(plan.batch, plan.operations - outcome.operations));
      outcome.operations += Math.min(plan.batch, plan.operations - outcome.operations);
      run.check();
      outcome.checks++;
      await run.between();
    }
  } catch (error) {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    outcome.failure = `${target.name}, seed ${plan.seed}, after ${outcome.operations} operations: ${words}\nlast calls:\n${run.log.slice(-30).join('\n')}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return outcome;
}

class Run {
  readonly log: string[] = [];
  readonly #target: RandomQcow2;
  readonly #path: string;
  readonly #folder: string;
  readonly #random: () => number;
  #model: Uint8Array;
  #snapshots: string[] = [];
  #count = 0;

  constructor(target: RandomQcow2, folder: string, seed: number) {
    this.#target = target;
    this.#folder = folder;
    this.#path = join(folder, 'image.qcow2');
    this.#random = randomNumbers(seed * 977 + randomQcow2.indexOf(target));
    const backing = target.backing === true;
    // A base that is neither as long as the disk nor of whole clusters.
    this.#model = new Uint8Array(target.size);
    if (backing) {
      const base = pattern(3, target.size - MIB - SECTOR);
      writeFileSync(join(folder, 'base'), base);
      this.#model.set(base);
    }
    this.#qemu(
      'qemu-img',
      'create',
      '-q',
      '-f',
      'qcow2',
      '-o',
      target.options.replace('DATA', join(folder, 'data')),
      ...(backing ? ['-b', 'base', '-F', 'raw'] : []),
      this.#path,
      String(target.size),
    );
  }

  #qemu(program: string, ...args: readonly string[]): void {
    this.log.push(`${program} ${args.join(' ')}`);
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')} ends with ${status}: ${stdout}${stderr}`);
  }

  #pick(most: number): number {
    return Math.floor(this.#random() * most);
  }

  /** Operations on one opened image. */
  batch(operations: number): void {
    const writer = openWriter(this.#path, 'folder');
    try {
      for (let i = 0; i < operations; i++) this.#operate(writer);
      if (this.#random() < 0.5) writer.flush();
    } finally {
      writer.close();
    }
  }

  #operate(writer: ReturnType<typeof openWriter>): void {
    const model = this.#model;
    const kind = this.#random();
    const unit = this.#random() < 0.5 ? SECTOR : this.#random() < 0.5 ? 4096 : writer.header.clusterSize;
    const offset = Math.min(model.length - SECTOR, this.#pick(model.length / unit) * unit);
    const long = this.#random() < 0.1 ? 200 : 12;
    const length = Math.min(model.length - offset, unit * (1 + this.#pick(long)), 2 * MIB);
    this.log.push(
      `${['write', 'zero', 'discard', 'compressed', 'read', 'flush'][kindIndex(kind)]} ${offset}+${length}`,
    );
    switch (kindIndex(kind)) {
      case 0: {
        const bytes = pattern(++this.#count, length);
        if (this.#random() < 0.15) bytes.fill(0);
        writer.writeAt(offset, bytes);
        model.set(bytes, offset);
        return;
      }
      case 1:
        writer.zero(offset, length);
        model.fill(0, offset, offset + length);
        return;
      case 2: {
        writer.discard(offset, length);
        // It may read as it did or as zeroes, by the cluster.
        const found = new Uint8Array(length);
        writer.readAt(offset, found);
        for (let at = 0; at < length; at++) {
          if (found[at] === model[offset + at] || found[at] === 0) continue;
          throw new Error(`after the discard byte ${offset + at} is ${found[at]}`);
        }
        model.set(found, offset);
        return;
      }
      case 3:
        if (!writer.header.externalData) this.#compress(writer, offset);
        return;
      case 4: {
        const found = new Uint8Array(length);
        writer.readAt(offset, found);
        if (Buffer.compare(found, model.subarray(offset, offset + length)) !== 0) {
          throw new Error(`${length} bytes read at ${offset} differ`);
        }
        return;
      }
      default:
        writer.flush();
    }
  }

  #compress(writer: ReturnType<typeof openWriter>, offset: number): void {
    const { clusterSize } = writer.header;
    const start = offset - (offset % clusterSize);
    const bytes = new Uint8Array(clusterSize);
    for (let at = 0; at < clusterSize; at++) bytes[at] = (this.#count * 7 + (at >> 4)) & 0xff;
    this.#count++;
    const into = new Uint8Array(clusterSize - 1);
    const packed = deflateRawInto(bytes, into);
    if (packed <= 0) return;
    writer.writeCompressed(start, into.subarray(0, packed));
    this.#model.set(bytes.subarray(0, Math.min(clusterSize, this.#model.length - start)), start);
  }

  /** What QEMU says of the image, and whether it shows the same disk as we have it. */
  check(): void {
    this.#qemu('qemu-img', 'check', '-q', '-f', 'qcow2', this.#path);
    const expected = join(this.#folder, 'expected');
    writeFileSync(expected, this.#model);
    this.#qemu('qemu-img', 'compare', '-q', '-f', 'qcow2', '-F', 'raw', this.#path, expected);
    const { device } = openChain(this.#path, { format: 'qcow2', readonly: true });
    const found = new Uint8Array(device.size);
    device.readAt(0, found);
    device.close();
    if (Buffer.compare(found, this.#model) !== 0) throw new Error('read again the disk differs');
  }

  /** What is done to the closed image: snapshots by QEMU, another size, compaction. */
  async between(): Promise<void> {
    const kind = this.#random();
    if (this.#target.snapshots === true && kind < 0.3) {
      if (this.#snapshots.length > 1 && this.#random() < 0.6) {
        const name = this.#snapshots.shift() as string;
        this.#qemu('qemu-img', 'snapshot', '-d', name, this.#path);
      } else {
        const name = `s${++this.#count}`;
        this.#snapshots.push(name);
        this.#qemu('qemu-img', 'snapshot', '-c', name, this.#path);
      }
    } else if (kind < 0.45) this.#resize();
    else if (kind < 0.65) {
      const inPlace = this.#random() < 0.5;
      this.log.push(`compact ${inPlace ? 'in place' : ''}`);
      await compactImage(this.#path, { format: 'qcow2', inPlace });
      this.check();
    }
  }

  #resize(): void {
    const { size } = this.#target;
    const wanted = size - this.#pick(64) * SECTOR * 16 + this.#pick(3) * MIB;
    this.log.push(`resize ${wanted}`);
    resizeImage(this.#path, wanted, { format: 'qcow2', shrink: true });
    const model = new Uint8Array(wanted);
    model.set(this.#model.subarray(0, wanted));
    this.#model = model;
    this.check();
  }
}

function kindIndex(kind: number): 0 | 1 | 2 | 3 | 4 | 5 {
  if (kind < 0.45) return 0;
  if (kind < 0.58) return 1;
  if (kind < 0.7) return 2;
  if (kind < 0.85) return 3;
  return kind < 0.95 ? 4 : 5;
}
