import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openImage } from '../../src/images/index.ts';
import { openExt4 } from '../../src/filesystems/ext4/index.ts';
import type { FileSystem } from '../../src/filesystems/filesystem.ts';
import { abbreviate } from '../support/abbreviate.ts';
import { run } from '../support/tools.ts';
import { repairs } from './targets.ts';
import { pattern } from './workloads.ts';

/** What a process is killed in the middle of. */
export interface KillJob {
  name: string;
  /** Bytes of the filesystem of the image before, and of the image. */
  filesystem: number;
  size: number;
  /** Commands of guestfish(1). */
  commands: (inputs: KillInputs) => string[][];
  /** The old files must be there afterwards; not where the filesystem is made anew. */
  keeps: boolean;
  /** A file that is replaced: it must be the old or the new one. */
  replaced?: string;
}

/** Files that the commands read. */
export interface KillInputs {
  /** What is uploaded. */
  file: string;
  /** A tar archive of many files. */
  archive: string;
}

const MIB = 1024 * 1024;

/** All jobs; `bytes` is the size of the file that is uploaded. */
export function killJobs(bytes: number): KillJob[] {
  const size = 2 * bytes + 256 * MIB;
  const mount = ['mount', '/dev/sda', '/'];
  return [
    {
      name: 'upload',
      filesystem: size,
      size,
      keeps: true,
      commands: ({ file }) => [mount, ['upload', file, '/big']],
    },
    {
      name: 'upload over a file',
      filesystem: size,
      size,
      keeps: true,
      replaced: '/replaced',
      commands: ({ file }) => [mount, ['upload', file, '/replaced']],
    },
    {
      name: 'tar-in',
      filesystem: size,
      size,
      keeps: true,
      commands: ({ archive }) => [mount, ['mkdir', '/in'], ['tar-in', archive, '/in']],
    },
    {
      name: 'resize2fs, larger',
      filesystem: 128 * MIB,
      size: 2048 * MIB,
      keeps: true,
      commands: () => [['resize2fs', '/dev/sda']],
    },
    {
      name: 'resize2fs, smaller',
      filesystem: 1024 * MIB,
      size: 1024 * MIB,
      keeps: true,
      commands: () => [['resize2fs-size', '/dev/sda', '100M']],
    },
    {
      name: 'mkfs',
      filesystem: 512 * MIB,
      size: 2048 * MIB,
      keeps: false,
      commands: () => [['mkfs', 'ext4', '/dev/sda', 'blocksize:1024']],
    },
  ];
}

/** What came of killing one job many times. */
export interface KillOutcome {
  kills: number;
  /** Runs that had ended before they were to be killed. */
  ended: number;
  failures: string[];
}

/** A job on images of one format, killed again and again. */
export class KillBench {
  readonly #folder: string;
  readonly #job: KillJob;
  readonly #format: 'raw' | 'qcow2';
  readonly #program: readonly string[];
  readonly #inputs: KillInputs;
  readonly #base: string;
  readonly #old: ReadonlyMap<string, string>;

  /** `program` runs guestfish. */
  constructor(
    folder: string,
    job: KillJob,
    format: 'raw' | 'qcow2',
    program: readonly string[],
    inputs: KillInputs,
  ) {
    this.#folder = folder;
    this.#job = job;
    this.#format = format;
    this.#program = program;
    this.#inputs = inputs;
    this.#base = join(folder, `base.${format}`);
    const raw = join(folder, 'base.raw');
    makeBase(raw, folder, job);
    if (format === 'qcow2') run('qemu-img', 'convert', '-O', 'qcow2', raw, this.#base);
    this.#old = hashes(this.#base, format);
  }

  /** Run to the end; gives the milliseconds that it takes. Throws where it fails. */
  async complete(): Promise<number> {
    const image = this.#fresh();
    const start = performance.now();
    const { code, stderr } = await this.#run(image, undefined);
    const took = performance.now() - start;
    if (code !== 0) throw new Error(`${this.#job.name} ends with ${code}: ${stderr}`);
    return took;
  }

  /** Run, kill after so many milliseconds, and look at what is left. */
  async kill(after: number): Promise<{ ended: boolean; problem: string | undefined }> {
    const image = this.#fresh();
    const { code, stderr, killed } = await this.#run(image, after);
    if (!killed && code !== 0) return { ended: true, problem: `it ends with ${code}: ${stderr}` };
    return { ended: !killed, problem: this.#examine(image) };
  }

  #fresh(): string {
    const image = join(this.#folder, `image.${this.#format}`);
    rmSync(image, { force: true });
    run('cp', '--sparse=always', this.#base, image);
    return image;
  }

  #run(
    image: string,
    after: number | undefined,
  ): Promise<{ code: number | null; stderr: string; killed: boolean }> {
    const commands = [['run'], ...this.#job.commands(this.#inputs)];
    const [command, ...args] = [
      ...this.#program,
      '--rw',
      `--format=${this.#format}`,
      '-a',
      image,
      ...commands.flatMap((words, index) => (index === 0 ? words : [':', ...words])),
    ] as [string, ...string[]];
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      const timer = after === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), after);
      child.on('error', reject);
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        resolve({ code, stderr, killed: signal === 'SIGKILL' });
      });
    });
  }

  #examine(image: string): string | undefined {
    let raw = image;
    if (this.#format === 'qcow2') {
      // 3: clusters are lost, which is all that may be.
      const checked = spawnSync('qemu-img', ['check', '-f', 'qcow2', image], { encoding: 'utf8' });
      if (checked.status !== 0 && checked.status !== 3) {
        return `qemu-img check ends with ${checked.status}: ${checked.stdout}${checked.stderr}`;
      }
      raw = join(this.#folder, 'image.extracted');
      run('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', image, raw);
    }
    if (!this.#job.keeps) {
      const probed = spawnSync('blkid', ['-p', '-o', 'value', '-s', 'TYPE', raw], { encoding: 'utf8' });
      if (probed.stdout.trim() === '') return undefined;
    }
    const checked = spawnSync('e2fsck', ['-fy', raw], { encoding: 'utf8', maxBuffer: 64 * MIB });
    if ((checked.status ?? 8) > 1)
      return `e2fsck ends with ${checked.status}: ${checked.stdout.slice(0, 2000)}`;
    const repaired = repairs(checked.stdout);
    if (repaired.length > 0) return `e2fsck repairs: ${repaired.slice(0, 5).join('| ')}`;
    return this.#job.keeps ? this.#compare(raw) : undefined;
  }

  #compare(raw: string): string | undefined {
    const found = hashes(raw, 'raw');
    for (const [path, hash] of this.#old) {
      const is = found.get(path);
      if (is === hash || (path === this.#job.replaced && is === hashOfFile(this.#inputs.file))) continue;
      return `${path} is ${is === undefined ? 'gone' : 'not what it was'}`;
    }
    return undefined;
  }
}

/** Kill a job at moments chosen at random over the time that it takes. */
export async function killMany(bench: KillBench, kills: number, random: () => number): Promise<KillOutcome> {
  const outcome: KillOutcome = { kills: 0, ended: 0, failures: [] };
  const took = await bench.complete();
  for (let i = 0; i < kills; i++) {
    // Most of the time before the first write is the start of the program.
    const after = Math.floor(took * (0.1 + random() * 0.92));
    const { ended, problem } = await bench.kill(after);
    outcome.kills++;
    if (ended) outcome.ended++;
    if (problem !== undefined)
      outcome.failures.push(abbreviate(`killed after ${after} of ${Math.floor(took)} ms: ${problem}`, 2000));
  }
  return outcome;
}

/** Make what the commands read. */
export function killInputs(folder: string, bytes: number, files: number): KillInputs {
  const file = join(folder, 'upload');
  const block = pattern(99, 4 * MIB);
  writeFileSync(file, '');
  for (let at = 0; at < bytes; at += block.length) {
    block[0] = at / block.length;
    writeFileSync(file, block.subarray(0, Math.min(block.length, bytes - at)), { flag: 'a' });
  }
  const tree = join(folder, 'tree');
  for (let i = 0; i < files; i++) {
    const directory = join(tree, `d${i % 37}`, `e${i % 11}`);
    if (i < 37 * 11) mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `file-${i}`), block.subarray(i % 1000, (i % 1000) + ((i * 7919) % 30_000)));
  }
  const archive = join(folder, 'tree.tar');
  run('tar', '-cf', archive, '-C', tree, '.');
  rmSync(tree, { recursive: true });
  return { file, archive };
}

/** An image with files in it that must survive. */
function makeBase(path: string, folder: string, job: KillJob): void {
  const tree = join(folder, 'old');
  mkdirSync(join(tree, 'directory', 'deeper'), { recursive: true });
  for (let i = 0; i < 60; i++) {
    const where = [tree, join(tree, 'directory'), join(tree, 'directory', 'deeper')][i % 3] as string;
    writeFileSync(join(where, `old-${i}`), pattern(i, (i * 6173) % 90_000));
  }
  writeFileSync(join(tree, 'replaced'), pattern(1000, 3 * MIB));
  rmSync(path, { force: true });
  writeFileSync(path, '');
  truncateSync(path, job.size);
  run('mke2fs', '-q', '-F', '-t', 'ext4', '-d', tree, path, `${job.filesystem / 1024}k`);
  rmSync(tree, { recursive: true });
}

let known: { path: string; hash: string } | undefined;

function hashOfFile(path: string): string {
  if (known?.path !== path) {
    const hash = run('sha256sum', path).split(' ')[0] as string;
    known = { path, hash };
  }
  return (known as { hash: string }).hash;
}

/** Hashes of all regular files of an image by path, but of those that a job adds. */
function hashes(path: string, format: string): Map<string, string> {
  const image = openImage(path, { readonly: true, format });
  const found = new Map<string, string>();
  try {
    const fs: FileSystem = openExt4(image.device, {});
    const chunk = new Uint8Array(4 * MIB);
    const visit = (inode: number, at: string): void => {
      for (const entry of fs.readdir(inode)) {
        const name = `${at}/${entry.name}`;
        if (entry.type === 'directory') {
          if (name !== '/lost+found' && name !== '/in') visit(entry.inode, name);
          continue;
        }
        if (name === '/big') continue;
        const hash = createHash('sha256');
        const { size } = fs.stat(entry.inode);
        for (let offset = 0; offset < size; offset += chunk.length) {
          const part = chunk.subarray(0, Math.min(chunk.length, size - offset));
          fs.read(entry.inode, offset, part);
          hash.update(part);
        }
        found.set(name, hash.digest('hex'));
      }
    };
    visit(fs.root, '');
    fs.close();
  } finally {
    image.device.close();
  }
  return found;
}
